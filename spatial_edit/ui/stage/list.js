// The list of elements, near to far: choose, reorder by dragging or Alt+arrows, hide and lock. A grid for screen readers:
// one tab stop, arrows go from row to row and along a row. On a phone, and for kinds without depth, its rows are chips.

const chips = new Map();                           // id → { row, pick, hide, lock, drawn }
const EYE = 'M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5zM10 7.700a2.300 2.300 0 1 0 0 4.600 2.300 2.300 0 0 0 0-4.600';
const EYE_OFF = 'M3 3l14 14M8 5.300A9 9 0 0 1 10 5c5 0 8 5 8 5a14 14 0 0 1-2.600 2.900M5 6.700A13 13 0 0 0 2 10s3 5 8 5a9 9 0 0 0 3.300-.6';
const LOCK = 'M5 9h10v7H5zM7 9V6.500a3 3 0 0 1 6 0V9', LOCK_OPEN = 'M5 9h10v7H5zM7 9V6.500a3 3 0 0 1 5.800-1';

function clearList() { for (const { row } of chips.values()) row.remove(); chips.clear(); }
function cell(row, className) {
  const box = Object.assign(document.createElement('span'), { className });
  box.setAttribute('role', 'gridcell');
  row.appendChild(box);
  return box;
}
function smallButton(box, name) {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'se-mini', tabIndex: -1 });
  button.dataset.flip = name;
  make('path', {}, make('svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, button));
  box.appendChild(button);
  return button;
}
function makeRow(item) {
  const row = Object.assign(document.createElement('div'), { className: 'se-layer' });
  row.setAttribute('role', 'row');
  row.dataset.row = item.id;
  const main = cell(row, 'se-cell'), pick = Object.assign(document.createElement('button'), { type: 'button', className: 'se-chip', tabIndex: -1 });
  pick.dataset.pick = item.id;
  main.appendChild(pick);
  const made = { row, pick, hide: smallButton(cell(row, 'se-flag'), 'hide'), lock: smallButton(cell(row, 'se-flag'), 'lock'), drawn: '' };
  chips.set(item.id, made);
  return made;
}
function fillRow(made, item, place) {
  const { row, pick, hide, lock } = made, on = picked.has(item.id), title = kind.title(item);
  row.style.setProperty('--c', kind.colour(item));
  row.className = `se-layer${on ? ' on' : ''}${item.hidden ? ' ghost' : ''}${item.locked ? ' locked' : ''}`;
  row.setAttribute('aria-selected', String(on));
  row.setAttribute('aria-rowindex', String(place + 1));
  pick.className = `se-chip${on ? ' on' : ''}${item.hidden ? ' ghost' : ''}${item.locked ? ' locked' : ''}`;
  pick.textContent = title;
  pick.title = kind.depths ? `${title}: drag or Alt+arrows to bring nearer or farther, Shift+click to select several` : `${title}: Shift+click to select several`;
  pick.setAttribute('aria-label', `Select ${kind.describe(item)}${item.locked ? ', locked' : ''}`);
  for (const [button, flag, words, paths] of [[hide, item.hidden, 'Hide', [EYE, EYE_OFF]], [lock, item.locked, 'Lock', [LOCK_OPEN, LOCK]]]) {
    button.setAttribute('aria-pressed', String(Boolean(flag)));
    button.setAttribute('aria-label', `${words} ${title}`);
    button.title = flag ? { Hide: 'Show', Lock: 'Unlock' }[words] : words;
    button.querySelector('path').setAttribute('d', paths[flag ? 1 : 0]);
  }
}
// Rows are touched only when what they say has changed: a drag must not wait for them.
function drawList() {
  if (drag && drag.moved && chips.size) return;
  const ids = new Set(elements.map((item) => item.id)), listed = kind.listed(), stop = selected ?? listed[0]?.id;
  for (const [id, { row }] of chips) if (!ids.has(id)) { row.remove(); chips.delete(id); }
  listed.forEach((item, place) => {
    const made = chips.get(item.id) || makeRow(item);
    const state = JSON.stringify([kind.describe(item), item.locked, picked.has(item.id), place]);
    if (made.drawn !== state) { made.drawn = state; fillRow(made, item, place); }
    if (!layers.contains(document.activeElement)) made.pick.tabIndex = item.id === stop ? 0 : -1;
    if (layers.children[place] !== made.row) layers.insertBefore(made.row, layers.children[place] || null);
  });
  layers.setAttribute('aria-rowcount', String(listed.length));
}
// The row of the element that was selected on the stage comes into the list's view, without moving the page.
function showRow(id) {
  const made = chips.get(id);
  if (!made) return;
  const { row } = made, over = row.offsetTop - layers.scrollTop, below = over + row.offsetHeight - layers.clientHeight;
  if (over < 0) layers.scrollTop += over; else if (below > 0) layers.scrollTop += below;
  const before = row.offsetLeft - layers.scrollLeft, after = before + row.offsetWidth - layers.clientWidth;
  if (before < 0) layers.scrollLeft += before - 12; else if (after > 0) layers.scrollLeft += after + 12;
}

// ---- hide and lock, one or several: by a row's buttons, the toolbar, keys and the menu ----
const FLAGS = { hide: { field: 'hidden', on: 'hide', off: 'show', said: ['shown', 'hidden'] }, lock: { field: 'locked', on: 'lock', off: 'unlock', said: ['unlocked', 'locked'] } };
function flipFlag(name, items) {
  const { field, on, off, said } = FLAGS[name], may = name === 'hide' ? items.filter((item) => !item.locked) : items;
  if (!may.length) { if (items.length) say(`${listWords(items)}: locked, unlock first.`, true); return; }
  finishKeys();
  const to = !may.every((item) => item[field]), steps = may.filter((item) => item[field] !== to).map((item) => ({ op: to ? on : off, target: item.id }));
  for (const item of may) for (const one of name === 'hide' ? [item, ...kind.along(item)] : [item]) one[field] = to;
  draw();
  say(`${listWords(may)} ${may.length > 1 ? 'are' : 'is'} ${said[Number(to)]}.`);
  send('edit', steps);
}

// ---- where the list stands: beside the stage where there is room and depth, else below the stage ----
const main = find('.se-main'), aside = find('.se-aside');
function placeList() {
  const beside = Boolean(kind && kind.depths) && root.clientWidth >= 700;
  layers.classList.toggle('tall', beside);
  if (beside && layers.parentElement !== aside) aside.prepend(layers);
  if (!beside && layers.parentElement !== main) find('.se-foot').after(layers);
}
hooks.use.push(placeList);
new ResizeObserver(placeList).observe(root);

// ---- dragging a row ----
let lifting = null;                                // { id, pointer, from, moved, to }
const dropLine = Object.assign(document.createElement('div'), { className: 'se-drop' });
layers.addEventListener('pointerdown', (event) => {
  const row = event.target.closest('[data-row]');
  if (event.button || !row || event.target.closest('[data-flip]') || !kind.depths || !layers.classList.contains('tall') || event.pointerType === 'touch' && event.target.closest('.se-chip')) return;
  lifting = { id: Number(row.dataset.row), pointer: event.pointerId, from: event.clientY, moved: false, to: -1 };
});
layers.addEventListener('pointermove', (event) => {
  if (!lifting || event.pointerId !== lifting.pointer || !lifting.moved && Math.abs(event.clientY - lifting.from) < 5) return;
  if (!lifting.moved) { lifting.moved = true; layers.setPointerCapture(event.pointerId); chips.get(lifting.id).row.classList.add('lifted'); layers.appendChild(dropLine); }
  const box = layers.getBoundingClientRect(), rows = kind.listed().map((item) => chips.get(item.id).row), y = event.clientY - box.top + layers.scrollTop;
  const gap = rows.filter((row) => row.offsetTop + row.offsetHeight / 2 < y).length, edge = rows[Math.min(gap, rows.length - 1)];
  lifting.to = gap;
  dropLine.style.top = `${gap < rows.length ? edge.offsetTop : edge.offsetTop + edge.offsetHeight}px`;
  if (event.clientY < box.top + 24) layers.scrollTop -= 8; else if (event.clientY > box.bottom - 24) layers.scrollTop += 8;
});
function dropRow(event) {
  if (!lifting || event.pointerId !== lifting.pointer) return;
  const { id, moved: dragged, to } = lifting, made = chips.get(id);
  lifting = null; dropLine.remove();
  if (made) made.row.classList.remove('lifted');
  if (!dragged || event.type === 'pointercancel' || to < 0) return;
  const at = kind.listed().findIndex((item) => item.id === id);
  layers.dataset.dropped = String(Date.now());      // the click that follows is the end of the drag
  sendRow(id, to > at ? to - 1 : to);
}
layers.addEventListener('pointerup', dropRow);
layers.addEventListener('pointercancel', dropRow);
layers.addEventListener('click', (event) => { if (Date.now() - Number(layers.dataset.dropped || 0) < 60) { event.stopPropagation(); event.preventDefault(); } }, true);
// Puts an element on the list's row `row`, 0 the nearest.
function sendRow(id, row) {
  const item = byId(id), from = elements.indexOf(item), to = elements.length - 1 - row;
  if (to === from || to < 0 || to >= elements.length) return;
  if (item.locked) { say(`${kind.title(item)} is locked: unlock it first.`, true); return; }
  finishKeys();
  elements.splice(from, 1); elements.splice(to, 0, item);
  draw();
  say(`${kind.title(item)} is number ${row + 1} of ${elements.length} from the front.`);
  send('edit', [{ op: 'reorder', target: id, to }]);
}

// ---- keys in the list ----
layers.addEventListener('keydown', (event) => {
  const row = event.target.closest('[data-row]'), listed = kind.listed(), id = row && Number(row.dataset.row), at = listed.findIndex((item) => item.id === id);
  if (at < 0 || event.ctrlKey || event.metaKey) return;
  const keys = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: listed.length - 1 }, along = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    if (kind.depths) sendRow(id, at + (event.key === 'ArrowUp' ? -1 : 1));
    chips.get(id).pick.focus();
  } else if (event.key in keys) {
    const next = listed[clamp(keys[event.key], [0, listed.length - 1])];
    if (event.shiftKey) { choose([...picked, next.id], next.id); draw(); tellChosen(); } else pick(next.id);
    focusRow(chips.get(next.id).pick);
  } else if (along) {
    const buttons = [...row.querySelectorAll('button')], next = buttons[buttons.indexOf(event.target) + along];
    if (next) focusRow(next);
  } else if (event.key === 'h' || event.key === 'l') flipFlag(event.key === 'h' ? 'hide' : 'lock', picked.has(id) ? chosen() : [listed[at]]);
  else if (event.key === 'Delete') { act('remove'); } else return;
  event.preventDefault(); event.stopPropagation();
});
function focusRow(button) {
  for (const { row } of chips.values()) for (const other of row.querySelectorAll('button')) other.tabIndex = other === button ? 0 : -1;
  button.focus();
}
