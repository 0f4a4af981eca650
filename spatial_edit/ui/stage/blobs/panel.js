// The kind of layout "blobs", the panel beside the picture: its tabs, and what is selected. Native controls; a slider
// changes the picture live, and is one edit when it is let go. The other tabs: scene.js, add.js, table.js, showing.js.

const sheets = {};                                 // name of a tab -> what draws it; each file puts its own in
let openSheet = 'item';
// What this model cannot do is not offered; a server that does not say is taken at its word when it is askedSeeds.
const able = (name) => Boolean(sceneWorld().rows) && (!sceneWorld().can || sceneWorld().can.includes(name));
const manyWords = (items) => (items.length === 1 ? kind.title(items[0]) : `${items.length} elements`);
const typedIn = (input) => input === document.activeElement && input.value !== input.dataset.shown;
// A field that somebody is writing in, or a slider that is dialHeld, is left alone.
function showValue(input, value) {
  if (input.matches(':active') || typedIn(input)) return;
  input.value = value; input.dataset.shown = input.value;
}

hooks.draw.push(function drawStudio() {
  if (!kind || kind.name !== 'blobs') return;
  if (drag && drag.moved && openSheet === 'item') { followDrag(); return; }   // a gesture on the stage changes numbers alone
  for (const tab of studioParts('[data-leaf]')) { const on = tab.dataset.leaf === openSheet; tab.setAttribute('aria-selected', String(on)); tab.tabIndex = on ? 0 : -1; }
  for (const sheet of studioParts('[data-sheet]')) sheet.hidden = sheet.dataset.sheet !== openSheet;
  studioPart('[data-leaf=add]').hidden = !able('add');
  for (const part of studioParts('[data-can]')) part.hidden = !able(part.dataset.can);
  sheets[openSheet]();
});
function openLeaf(name) { openSheet = name; draw(); studioPart(`[data-leaf=${name}]`).focus({ preventScroll: true }); }

// ---- the tab "Selected" ----
sheets.item = () => {
  const items = chosen(), one = items.length === 1 ? items[0] : null, frozen = !freeOnes().length;
  const when = { none: !items.length, any: items.length, one, several: items.length > 1 };
  for (const part of studioParts('[data-when]')) part.hidden = !when[part.dataset.when] || Boolean(part.dataset.can) && !able(part.dataset.can);
  if (!items.length) return;
  studioPart('.st-who').textContent = manyWords(items);
  studioPart('.st-who').style.setProperty('--c', kind.colour(current() || items[0]));
  drawFlags(items);
  drawDials();
  for (const button of studioParts('[data-align], [data-distribute]')) button.disabled = frozen || button.matches('[data-distribute]') && items.length < 3;
  drawSeed('style', frozen);
  studioPart('[data-do=unstyle]').disabled = frozen || !items.some((item) => item.source || item.colour);
  if (one) drawLook(one);
};
function drawFlags(items) {
  for (const [name, key, words] of [['lock', 'locked', ['Lock', 'Unlock']], ['hide', 'hidden', ['Hide', 'Show']]]) {
    const button = studioPart(`[data-do=${name}]`), on = items.every((item) => item[key]);
    button.setAttribute('aria-pressed', String(on));
    button.lastElementChild.textContent = words[Number(on)];
    button.disabled = name === 'hide' && !freeOnes().length;
  }
  studioPart('[data-do=remove]').disabled = !freeOnes().length;
}
// The numbers follow a gesture at a pace that can be read: each change lays out the panel, and pictures have to wait for it.
const READABLE = 120;                              // ms
let following = 0;
function followDrag() {
  if (!following) following = setTimeout(() => { following = 0; if (kind.name === 'blobs') drawDials(); }, READABLE);
}
function drawDials() {
  const items = chosen(), shown = items.length === 1 ? items[0] : items.find((item) => !item.locked) || items[0];
  if (shown) for (const row of studioParts('[data-dial]')) drawDial(row, shown, !freeOnes().length);
}
function drawDial(row, item, frozen) {
  const name = row.dataset.dial, dial = dials[name], input = row.querySelector('input'), words = dial.words(item);
  if (name === 'share') row.hidden = row.hidden || !item.source;
  if (name === 'depth') put(input, { max: elements.length });
  if (!input.matches(':active')) input.value = dial.read(item);
  input.disabled = frozen;
  putText(row.querySelector('output'), words);
  put(input, { 'aria-valuetext': words });
}
// What the list is called that lends a look: whose look the element has now.
const likeWords = (item) => (item.source && item.source.seed === null ? (sceneWorld().rows || [])[item.source.row] ?? 'another' : 'choose…');
function drawLook(item) {
  const others = elements.filter((other) => other !== item), picker = studioPart('[data-paint]');
  showValue(picker, item.colour || item.paint || '#888888');
  for (const control of [picker, studioPart('[data-like]'), studioPart('[data-swap]'), studioPart('[data-do=own-colour]')]) control.disabled = item.locked;
  studioPart('[data-do=own-colour]').hidden = !item.colour;
  fillList(studioPart('[data-like]'), others.filter((other) => other.row !== item.row), likeWords(item));
  fillList(studioPart('[data-swap]'), others.filter((other) => !other.locked));
}
// The options of a list of elements, made again only when they changed: a list that is open stays open.
function fillList(list, items, first = 'choose…') {
  const wanted = [first, ...items.map((item) => kind.title(item))].join('\n');
  if (list.dataset.options === wanted) return;
  list.dataset.options = wanted;
  list.replaceChildren(...[null, ...items].map((item) => Object.assign(document.createElement('option'), { value: item ? String(item.id) : '', textContent: item ? kind.title(item) : first })));
}
// Back to its own row; a colour that was given to it stays.
const ownRow = (item) => [{ op: 'unstyle', target: item.id }, ...(item.colour ? [{ op: 'recolour', target: item.id, colour: item.colour }] : [])];
seeds.style = {
  own: 'own', now: () => (current() && current().source ? current().source.seed : null),
  take(seed) {
    const items = freeOnes();
    if (!items.length) return;
    say(seed === null ? `${manyWords(items)}: own look…` : `Another look for ${manyWords(items)}…`);
    send('edit', seed === null ? items.flatMap(ownRow) : items.map((item) => ({ op: 'restyle', target: item.id, row: item.row, seed, share: item.source ? item.source.share : 1 })));
  },
};

// ---- buttons: each sends at once ----
const flip = (key, on, off) => {
  const items = key === 'locked' ? chosen() : freeOnes(), back = items.every((item) => item[key]);
  send('edit', items.filter((item) => item[key] === back).map((item) => ({ op: back ? off : on, target: item.id })));
  for (const item of items) item[key] = !back;
};
const studioDeeds = {
  lock() { flip('locked', 'lock', 'unlock'); },
  hide() { flip('hidden', 'hide', 'show'); },
  remove() {
    const gone = freeOnes();
    say(`Removed ${manyWords(gone)}; undo brings ${gone.length === 1 ? 'it' : 'them'} back.`);
    send('edit', gone.map((item) => ({ op: 'remove', target: item.id })));
    elements = elements.filter((item) => !gone.includes(item));
    pick(null); studioPart('[data-leaf=item]').focus({ preventScroll: true });
  },
  unstyle() {
    say(`${manyWords(freeOnes())}: own look…`);
    send('edit', freeOnes().filter((item) => item.source || item.colour).map((item) => ({ op: 'unstyle', target: item.id })));
  },
  'own-colour'() { send('edit', [{ op: 'recolour', target: selected, colour: null }]); },
};
studio.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button || button.disabled || !scene.code) return;
  const { leaf: name, do: deed, align: edge, distribute: axis, by, die } = button.dataset;
  if (name) { openLeaf(name); return; }
  finishKeys();
  if (deed) studioDeeds[deed]();
  else if (edge) align(edge);
  else if (axis) distribute(axis);
  else if (by || die) stepSeed(button.closest('[data-seed]').dataset.seed, Number(by));
  draw();
});
studio.addEventListener('keydown', (event) => {
  const at = event.target.closest('[data-leaf]'), tabs = studioParts('[data-leaf]'), by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (at && by) { event.preventDefault(); openLeaf(tabs[(tabs.indexOf(at) + by + tabs.length) % tabs.length].dataset.leaf); }
});
studio.addEventListener('input', (event) => {
  const dial = event.target.closest('[data-dial]'), item = current();
  if (dial) turnDial(dial.dataset.dial, Number(event.target.value));
  else if (event.target.matches('[data-paint]') && item && !item.locked) alter(() => { current().colour = event.target.value; }, 120000);
});
studio.addEventListener('change', (event) => {
  const input = event.target, item = current();
  if (input.matches('[data-paint]')) finishKeys();
  else if (input.matches('[data-like], [data-swap]') && input.value && item) lend(item, byId(Number(input.value)), input);
});
// The look of another element, or the two looks exchanged; the list goes back to its first word.
function lend(item, other, list) {
  list.value = '';
  if (!other) return;
  finishKeys();
  if (list.matches('[data-swap]')) { say(`${kind.title(item)} and ${kind.title(other)} swap looks…`); send('edit', [{ op: 'swap', target: item.id, with: other.id }]); }
  else { say(`${kind.title(item)} takes the look of ${kind.title(other)}…`); send('edit', [{ op: 'restyle', target: item.id, row: other.row, share: item.source ? item.source.share : 1 }]); }
}
