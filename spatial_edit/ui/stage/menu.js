// The context menu: right click, long press, Shift+F10, the Menu key, or the toolbar's last button. It stays inside the
// stage's frame; further choices open in its place. Labels are set with textContent: names come from anywhere.

const menu = Object.assign(document.createElement('div'), { className: 'se-menu', hidden: true, tabIndex: -1 });
menu.setAttribute('role', 'menu');
stage.appendChild(menu);
let menuOpener = null, menuAt = [0, 0], copied = [];   // copied: numbers of elements that Paste makes clones of

const entry = (label, run, more = {}) => ({ label, run, ...more });
const LINE = { line: true };
const BACK = entry('Back', () => showMenu('first'), { stays: true, back: true });
function firstPage(items) {
  const one = items.length === 1 ? items[0] : null, many = items.length > 1, none = !items.length, can = world.can || [], choices = world.classes || [];
  const all = (key) => items.length > 0 && items.every((item) => item[key]);
  const list = [
    entry(many ? `Clone ${items.length}` : 'Clone', () => act('clone'), { keys: 'Ctrl+D', off: none }),
    entry('Copy', copyChosen, { keys: 'Ctrl+C', off: none }),
    entry('Paste', paste, { keys: 'Ctrl+V', off: !pasteable().length }),
    LINE,
    ...kind.depths && !none ? [entry('Bring forward', () => act('forward'), { keys: 'Page Up' }), entry('Send backward', () => act('backward'), { keys: 'Page Down' }),
      entry('To the front', () => act('front'), { keys: 'Home' }), entry('To the back', () => act('back'), { keys: 'End' }), LINE] : [],
    ...kind.groups && many ? [entry('Align and space…', () => showMenu('align'), { stays: true, page: true }), LINE] : [],
    ...kind.swaps && items.length === 2 ? [entry('Exchange looks', swapLooks)] : [],
    ...kind.swaps && one ? [entry('Exchange looks with…', () => showMenu('swap'), { stays: true, page: true, off: elements.length < 2 }),
      entry('Take the look of…', () => showMenu('look'), { stays: true, page: true, off: elements.length < 2 })] : [],
    ...one && one.source ? [entry('Its own look again', () => edit([{ op: 'unstyle', target: one.id }], `${kind.title(one)} has its own look again.`))] : [],
    ...choices.length && one && !one.locked ? [entry('Another class…', () => showMenu('class'), { stays: true, page: true })] : [],
    ...choices.length && !many ? [entry('Add a box…', () => showMenu('add'), { stays: true, page: true }), LINE] : [],
    ...can.includes('complete') && !none ? [entry('Keep this, make the rest anew', completeRest)] : [],
    ...kind.swaps && !none || can.includes('complete') && !none ? [LINE] : [],
    entry(all('locked') ? 'Unlock' : 'Lock', () => act('lock'), { keys: 'L', off: none }),
    entry(all('hidden') ? 'Show' : 'Hide', () => act('hide'), { keys: 'H', off: none }),
    entry(many ? `Remove ${items.length}` : 'Remove', () => act('remove'), { keys: 'Delete', off: none, danger: true }),
    LINE,
    entry('Select all', selectAll, { keys: 'Ctrl+A' }),
    entry('Whole picture', () => zoomBy('fit'), { keys: '0', off: lens.zoom === 1 }),
  ];
  return none ? list.filter((item) => !item.off) : list;   // over an empty place: only what can be done there
}
const alignPage = (items) => [BACK, LINE,
  ...[['left', 'Left edges'], ['centre', 'Centres, one above the other'], ['right', 'Right edges'], ['top', 'Top edges'], ['middle', 'Centres, side by side'], ['bottom', 'Bottom edges']].map(([edge, label]) => entry(label, () => align(edge))),
  LINE, entry('Space evenly across', () => distribute('x'), { off: items.length < 3 }), entry('Space evenly down', () => distribute('y'), { off: items.length < 3 })];
// One element to choose: for each other one, what `steps` makes of it.
const otherPage = ([one], steps, said) => [BACK, LINE, ...kind.listed().filter((item) => item !== one).map((item) => entry(kind.title(item), () => edit(steps(one, item), said(one, item)), { colour: kind.colour(item) }))];
// Labelled boxes: one gets another class, or a new one is put where the menu was opened.
const classPage = (run, without = '') => [BACK, LINE, ...(world.classes || []).filter((name) => name !== without).map((name) => entry(name, () => run(name)))];
function addBox(label) {
  const [x, y] = [(menuAt[0] - lens.x) / side, (menuAt[1] - lens.y) / tall()].map((value) => clamp(value, [0.1, 0.9]));
  awaited = 1;
  edit([{ op: 'add', label, x, y, width: 0.2, height: 0.2 }], `Added: ${label}.`);
}
const PAGES = {
  class: ([one]) => classPage((label) => edit([{ op: 'set', target: one.id, label }], `Element ${one.id} becomes: ${label}.`), one.name),
  add: () => classPage(addBox),
  first: firstPage,
  align: alignPage,
  swap: (items) => otherPage(items, (one, item) => [{ op: 'swap', target: one.id, with: item.id }], (one, item) => `${kind.title(one)} and ${kind.title(item)} exchanged their looks.`),
  look: (items) => otherPage(items, (one, item) => [{ op: 'restyle', target: one.id, row: item.row }], (one, item) => `${kind.title(one)} looks like ${kind.title(item)}.`),
};
function edit(steps, said) { finishKeys(); say(said); send('edit', steps); }
function completeRest() {
  const keep = chosen().map((item) => item.id);
  edit([{ op: 'complete', keep, seed: Math.floor(Math.random() * 2 ** 32) }], 'Making the rest anew…');
}

// ---- copy and paste: clones beside where the first ones are now ----
function copyChosen() { copied = [...picked]; if (copied.length) say(`Copied ${listWords(chosen())}.`); }
const pasteable = () => copied.filter((id) => byId(id));
function paste() {
  const ids = pasteable();
  if (!ids.length) { say('Nothing is copied, or it was removed since.', true); return; }
  cloneAll(ids.map(byId));
}

// ---- showing ----
const entries = () => [...menu.querySelectorAll('[role=menuitem]:not([aria-disabled=true])')];
function openMenu(x, y, page = 'first') {
  if (!scene.code || !kind || kind.still) return;
  breakOff(); hideGuides();
  if (menu.hidden) menuOpener = document.activeElement;
  menuAt = [x, y];
  showMenu(page);
}
function showMenu(page) {
  const words = chosen().length ? `Menu for ${listWords(chosen())}` : 'Menu for the picture';
  menu.setAttribute('aria-label', words);
  menu.replaceChildren(...PAGES[page](chosen()).filter((item, i, list) => !item.line || i && !list[i - 1].line && i < list.length - 1).map(menuNode));
  menu.hidden = false; menu.scrollTop = 0;
  const [x, y] = menuAt, wide = menu.offsetWidth, high = menu.offsetHeight;
  menu.style.left = `${clamp(x, [6, Math.max(6, frameSide - wide - 6)])}px`;
  menu.style.top = `${clamp(y, [6, Math.max(6, frameTall() - high - 6)])}px`;
  (entries()[page === 'first' ? 0 : 1] || menu).focus({ preventScroll: true });
}
function menuNode(item) {
  const node = document.createElement('div');
  if (item.line) { node.className = 'se-menu-line'; node.setAttribute('role', 'separator'); return node; }
  node.className = `se-menu-item${item.danger ? ' danger' : ''}${item.back ? ' back' : ''}${item.page ? ' page' : ''}`;
  node.setAttribute('role', 'menuitem'); node.tabIndex = 0;
  if (item.off) node.setAttribute('aria-disabled', 'true');
  if (item.page) node.setAttribute('aria-haspopup', 'menu');
  if (item.colour) { node.classList.add('dot'); node.style.setProperty('--c', item.colour); }
  const label = Object.assign(document.createElement('span'), { textContent: item.label });
  node.appendChild(label);
  if (item.keys) node.appendChild(Object.assign(document.createElement('kbd'), { textContent: item.keys }));
  node.addEventListener('click', () => { if (item.off) return; if (!item.stays) closeMenu(); item.run(); });
  return node;
}
function closeMenu() {
  if (menu.hidden) return;
  menu.hidden = true;
  const back = menuOpener && menuOpener.isConnected && menuOpener !== document.body ? menuOpener : current() ? nodesOf(current()).shape : stage;
  back.focus({ preventScroll: true });
}
menu.addEventListener('keydown', (event) => {
  const list = entries(), at = list.indexOf(document.activeElement), last = list.length - 1;
  const to = { ArrowDown: at === last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1, Home: 0, End: last }[event.key];
  event.stopPropagation();
  if (to !== undefined) list[to]?.focus();
  else if (event.key === 'Escape' || event.key === 'Tab') closeMenu();
  else if (event.key === 'Enter' || event.key === ' ' || event.key === 'ArrowRight' && list[at]?.matches('.page')) list[at]?.click();
  else if (event.key === 'ArrowLeft' && list[0]?.matches('.back')) list[0].click();
  else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {   // the next one that begins with the letter
    const next = [...list.slice(at + 1), ...list.slice(0, at + 1)].find((node) => node.textContent.toLowerCase().startsWith(event.key.toLowerCase()));
    if (next) next.focus();
  } else return;
  event.preventDefault();
});
menu.addEventListener('pointermove', (event) => { const node = event.target.closest('[role=menuitem]'); if (node && event.pointerType === 'mouse') node.focus({ preventScroll: true }); });
menu.addEventListener('contextmenu', (event) => { event.preventDefault(); event.stopPropagation(); });
document.addEventListener('pointerdown', function outside(event) {
  if (!element.isConnected) document.removeEventListener('pointerdown', outside, true);
  else if (!menu.hidden && !menu.contains(event.target)) closeMenu();
}, true);

// ---- what opens it ----
function menuFor(event) {
  const [x, y] = place(event), hits = view === 'picture' ? [] : kind.under(x, y);
  if (hits.length && !hits.some((hit) => picked.has(hit.id))) pick(hits[0].id);
  else if (!hits.length && !inGroupBox(x, y)) pick(null);
  openMenu(...inFrame(event));
}
stage.addEventListener('contextmenu', (event) => {
  if (!kind || kind.still || !scene.code || !plane.contains(event.target) || tools[tool] && tool !== 'marquee') return;
  event.preventDefault();
  if (menu.hidden && event.pointerType !== 'touch') menuFor(event);
});
let press = null;                                 // a finger that rests: { pointer, timer, x, y }
const stopPress = () => { if (press) clearTimeout(press.timer); press = null; };
stage.addEventListener('pointerdown', (event) => {
  stopPress();
  if (event.pointerType !== 'touch' || tools[tool] || !plane.contains(event.target) || !scene.code || fingers.size > 1) return;
  press = { pointer: event.pointerId, x: event.clientX, y: event.clientY, timer: setTimeout(() => { press = null; if (drag && drag.moved) return; resting = event.pointerId; menuFor(event); }, 550) };
}, true);
stage.addEventListener('pointermove', (event) => { if (press && (event.pointerId !== press.pointer || Math.hypot(event.clientX - press.x, event.clientY - press.y) > 8)) stopPress(); }, true);
// The finger that opened the menu comes up over an entry: that is no choice.
let resting = null, lifted = 0;
for (const name of ['pointerup', 'pointercancel']) {
  stage.addEventListener(name, (event) => { stopPress(); if (event.pointerId === resting) { resting = null; lifted = event.timeStamp; } }, true);
}
menu.addEventListener('click', (event) => { if (resting !== null || event.timeStamp - lifted < 60) { event.stopPropagation(); event.preventDefault(); } }, true);
// By keyboard: at the selected element, or in the middle.
function menuByKey() {
  const item = current(), spot = item ? kind.spot(item) : { x: frameSide / 2 - lens.x, y: frameTall() / 2 - lens.y };
  openMenu(spot.x + lens.x, spot.y + lens.y);
}
layers.addEventListener('contextmenu', (event) => {
  const row = event.target.closest('[data-row]');
  if (!row) return;
  event.preventDefault();
  const id = Number(row.dataset.row);
  if (!picked.has(id)) pick(id);
  menuByKey();
});
