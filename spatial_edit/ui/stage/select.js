// Several elements at once: the marquee, the box round them with its handles, and what is done to all of them together.
// Kinds of layout whose elements can be moved, scaled and turned together say `groups: true` and give bounds(item).

const listWords = (items) => { const few = items.slice(0, 4).map((item) => kind.title(item)), rest = items.length - few.length; return `${few.join(', ')}${rest ? ` and ${rest} more` : ''}`; };
const loose = () => chosen().filter((item) => !item.locked);
function tellChosen() {
  const items = chosen(), fixed = items.filter((item) => item.locked);
  if (items.length === 1) say(kind.describe(items[0]));
  else if (items.length) say(`${items.length} selected: ${listWords(items)}.${fixed.length ? ` Locked: ${listWords(fixed)}.` : ''}`);
  else say('Nothing is selected.');
}
function toggle(id) {
  finishKeys();
  const ids = new Set(picked);
  if (ids.has(id)) ids.delete(id); else ids.add(id);
  choose(ids, id);
  draw(); tellChosen();
}
function selectAll() {
  finishKeys();
  choose(kind.listed().filter((item) => !item.hidden).map((item) => item.id).reverse());
  draw(); tellChosen();
  if (current()) nodesOf(current()).shape.focus({ preventScroll: true });
}
// The next element in the order of the list; `along` keeps the others selected.
function step(by, along = false) {
  const order = kind.listed(), at = order.findIndex((item) => item.id === selected);
  if (!order.length) return;
  const next = order[at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length];
  finishKeys();
  choose(along ? [...picked, next.id] : [next.id], next.id);
  draw(); tellChosen(); reveal(next);
  nodesOf(next).shape.focus({ preventScroll: true });
}

// ---- the marquee: a tool of its own, and what a mouse does that is dragged over an empty place ----
const marquee = make('rect', { class: 'se-marquee' }, svg);
marquee.style.display = 'none';
const boundsOf = (item) => { if (kind.bounds) return kind.bounds(item); const { x, y } = kind.spot(item); return { left: x / side, right: x / side, top: y / tall(), bottom: y / tall() }; };
tools.marquee = {
  cursor: 'crosshair', from: null, kept: null, moved: false, adds: false,   // adds: a finger has no Shift key
  start(x, y, event) {
    const adds = event.shiftKey || event.pointerType === 'touch' && tool === 'marquee';
    Object.assign(this, { from: [x, y], kept: adds ? [...picked] : [], moved: false, adds });
  },
  move(x, y) {
    const [x0, y0] = this.from, left = Math.min(x, x0), right = Math.max(x, x0), top = Math.min(y, y0), bottom = Math.max(y, y0);
    if (!this.moved && Math.hypot(x - x0, y - y0) * side < 4) return;
    this.moved = true;
    marquee.style.display = '';
    put(marquee, { x: left * side, y: top * tall(), width: (right - left) * side, height: (bottom - top) * tall() });
    const caught = elements.filter((item) => { const box = boundsOf(item), mx = (box.left + box.right) / 2, my = (box.top + box.bottom) / 2; return !item.hidden && mx >= left && mx <= right && my >= top && my <= bottom; });
    choose([...this.kept, ...caught.map((item) => item.id)]);
    drawSoon();
  },
  end(x, y) {
    marquee.style.display = 'none';
    const hit = this.moved ? null : kind.under(x, y)[0];
    if (hit && this.adds) { toggle(hit.id); return; }
    if (!this.moved) choose(hit ? [hit.id] : this.adds && tool !== 'marquee' ? this.kept : []);
    if (this.moved && picked.size && tool === 'marquee') useTool('select');   // what was caught is to be moved now
    draw(); tellChosen();
    if (current()) nodesOf(current()).shape.focus({ preventScroll: true }); else stage.focus({ preventScroll: true });
  },
  cancel() { marquee.style.display = 'none'; choose(this.kept); draw(); },
};

// ---- the box round several, and its gestures ----
const groupLayer = make('g', { class: 'se-many' }, svg);
const groupBox = make('rect', { class: 'se-groupbox' }, groupLayer);
const CORNERS = { nw: [0, 0], ne: [1, 0], sw: [0, 1], se: [1, 1] };
const grouped = () => (kind && kind.groups && picked.size > 1 ? loose() : []);
function boxOf(items) {
  const all = items.map(boundsOf);
  return { left: Math.min(...all.map((box) => box.left)), right: Math.max(...all.map((box) => box.right)), top: Math.min(...all.map((box) => box.top)), bottom: Math.max(...all.map((box) => box.bottom)) };
}
function drawGroup() {
  const items = grouped(), shown = items.length > 0 && view !== 'picture';
  groupLayer.style.display = shown ? '' : 'none';
  if (!shown) return;
  const box = boxOf(items), [left, right, top, bottom] = [box.left * side, box.right * side, box.top * tall(), box.bottom * tall()];
  put(groupBox, { x: left, y: top, width: right - left, height: bottom - top });
  for (const [name, [across, down]] of Object.entries(CORNERS)) {
    const node = handle(`group-${name}`, 'Drag: size of all', (group) => make('rect', { class: 'se-dot', x: -6, y: -6, width: 12, height: 12, rx: 2.5 }, group), groupLayer);
    node.setAttribute('transform', `translate(${inStage(across ? right : left, 0)} ${inStage(down ? bottom : top, 1)})`);
  }
  const node = handle('group-turn', 'Drag: turn all (Shift: 15° steps)', (group) => make('circle', { class: 'se-dot', r: 6.5 }, group), groupLayer);
  const above = top - 30 > -lens.y + 14;
  node.setAttribute('transform', `translate(${inStage((left + right) / 2, 0)} ${inStage(above ? top - 30 : bottom + 30, 1)})`);
}
const inGroupBox = (x, y) => { const items = grouped(); if (!items.length) return false; const box = boxOf(items); return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom; };

// A motion {dx, dy, factor, angle} turns and scales about the mean of the centres, then shifts, as the server's `group` does.
const meanOf = (items) => [items.reduce((sum, item) => sum + item.x, 0) / items.length, items.reduce((sum, item) => sum + item.y, 0) / items.length];
function moved(item, [mx, my], { dx, dy, factor, angle }) {
  const c = Math.cos(angle), s = Math.sin(angle), x = item.x - mx, y = item.y - my;
  return { x: mx + dx + factor * (x * c + y * s), y: my + dy + factor * (y * c - x * s), size: item.size * factor, angle: Math.atan2(Math.sin(item.angle + angle), Math.cos(item.angle + angle)) };
}
const allowed = (place) => [place.x, place.y].every((value) => value >= CENTRE[0] && value <= CENTRE[1]) && place.size >= SIZE[0] && place.size <= SIZE[1];
// Puts elements where a motion takes them from `olds`; a motion that takes one beyond its limits is not made.
function carry(olds, motion) {
  const mean = meanOf(olds), places = olds.map((old) => moved(old, mean, motion));
  if (!places.every(allowed)) return false;
  olds.forEach((old, i) => { const item = byId(old.id); if (item) Object.assign(item, places[i]); });
  return true;
}
// The one motion that took all pairs [old, new] along; null when there is none.
function motionOf(pairs) {
  const olds = pairs.map(([old]) => old), [mx, my] = meanOf(olds), [nx, ny] = meanOf(pairs.map(([, item]) => item));
  const factor = pairs[0][1].size / pairs[0][0].size, turn = upright(pairs[0][1].angle - pairs[0][0].angle), close = (a, b) => Math.abs(a - b) < 1e-4;
  for (const angle of [turn, turn + Math.PI]) {
    const motion = { dx: nx - mx, dy: ny - my, factor, angle: Math.atan2(Math.sin(angle), Math.cos(angle)) };
    const fits = ([old, item]) => { const to = moved(old, [mx, my], motion); return close(to.x, item.x) && close(to.y, item.y) && close(to.size, item.size) && close(upright(to.angle - item.angle), 0) && close(old.aspect, item.aspect); };
    if (pairs.every(fits)) return motion;
  }
  return null;
}
// The largest range of factors about a fixed point that keeps all within their limits.
function factorRange(olds, [px, py]) {
  let low = 0.005, high = 200;
  for (const old of olds) {
    low = Math.max(low, SIZE[0] / old.size); high = Math.min(high, SIZE[1] / old.size);
    for (const [at, pivot] of [[old.x, px], [old.y, py]]) if (Math.abs(at - pivot) > 1e-6) high = Math.min(high, ((at > pivot ? CENTRE[1] : CENTRE[0]) - pivot) / (at - pivot));
  }
  return [Math.min(low, 1), Math.max(high, 1)];
}
const groupMoves = {
  'group-move'({ olds, box, x: x0, y: y0 }, x, y, event) {
    const limit = (by, key) => clamp(by, [CENTRE[0] - Math.min(...olds.map((old) => old[key])), CENTRE[1] - Math.max(...olds.map((old) => old[key]))]);
    let [dx, dy] = held(x - x0, y - y0, event);
    if (!event.altKey) {
      const along = (low, high, by) => ({ low: low + by, middle: (low + high) / 2 + by, high: high + by });
      const [sx, sy] = snapMove({ x: along(box.left, box.right, dx), y: along(box.top, box.bottom, dy) }, new Set(olds.map((old) => old.id)), [dx !== 0, dy !== 0]);
      dx += sx; dy += sy;
    } else hideGuides();
    return { dx: limit(dx, 'x'), dy: limit(dy, 'y'), factor: 1, angle: 0 };
  },
  'group-turn'({ olds, x: x0, y: y0 }, x, y, event) {
    const [mx, my] = meanOf(olds), at = (px, py) => Math.atan2(my - py, px - mx), angle = at(x, y) - at(x0, y0), snap = Math.PI / 12;
    const turn = Math.atan2(Math.sin(angle), Math.cos(angle));
    return { dx: 0, dy: 0, factor: 1, angle: event.shiftKey ? Math.round(turn / snap) * snap : turn };
  },
};
for (const [name, [across, down]] of Object.entries(CORNERS)) {
  groupMoves[`group-${name}`] = ({ olds, box, x: x0, y: y0 }, x, y) => {     // about the corner across
    const pivot = [across ? box.left : box.right, down ? box.top : box.bottom], [mx, my] = meanOf(olds);
    const diagonal = [(across ? box.right : box.left) - pivot[0], (down ? box.bottom : box.top) - pivot[1]];
    const grown = ((x - x0) * diagonal[0] + (y - y0) * diagonal[1]) / Math.max(1e-6, diagonal[0] ** 2 + diagonal[1] ** 2);
    const factor = clamp(1 + grown, factorRange(olds, pivot));
    return { dx: (1 - factor) * (pivot[0] - mx), dy: (1 - factor) * (pivot[1] - my), factor, angle: 0 };
  };
}
// With Shift a movement keeps to the axis it is longer along.
const held = (dx, dy, event) => (!event.shiftKey ? [dx, dy] : Math.abs(dx) > Math.abs(dy) ? [dx, 0] : [0, dy]);
function startGroup(what, pointer, more) {
  const olds = copy(loose());
  drag = { kind: what, pointer, id: selected, before: snapshot(), olds, box: boxOf(olds), group: true, moved: false, ...more };
  stage.classList.add('dragging');
}
function moveGroup(x, y, event) { carry(drag.olds, groupMoves[drag.kind](drag, x, y, event)); }
const groupTold = () => `${listWords(loose())}: changed together.`;

// Keys for several: arrows, + - and [ ] do to the group what they do to one.
function groupKey(event) {
  const far = event.shiftKey ? 0.05 : 0.01, still = { dx: 0, dy: 0, factor: 1, angle: 0 };
  const motion = { ArrowLeft: { dx: -far }, ArrowRight: { dx: far }, ArrowUp: { dy: -far }, ArrowDown: { dy: far }, '+': { factor: 1.05 }, '=': { factor: 1.05 }, '-': { factor: 1 / 1.05 }, '[': { angle: TURN }, ']': { angle: -TURN } }[event.key];
  if (!motion || event.altKey || !grouped().length) return null;
  return () => { if (!carry(copy(loose()), { ...still, ...motion })) say('One of them cannot go further.'); };
}

// ---- what menu, toolbar and keys do to several ----
const EDGES_SAID = { left: 'left edges', right: 'right edges', top: 'top edges', bottom: 'bottom edges', centre: 'centres, one above the other', middle: 'centres, side by side' };
function align(edge) {
  const items = loose();
  if (items.length < 2) { say('Select two or more that are not locked to align them.', true); return; }
  finishKeys(); say(`Aligned ${items.length} by their ${EDGES_SAID[edge]}.`);
  send('edit', [{ op: 'align', targets: items.map((item) => item.id), edge }]);
}
function distribute(axis) {
  const items = loose();
  if (items.length < 3) { say('Select three or more that are not locked to space them evenly.', true); return; }
  finishKeys(); say(`Spaced ${items.length} evenly, ${axis === 'x' ? 'left to right' : 'top to bottom'}.`);
  send('edit', [{ op: 'distribute', targets: items.map((item) => item.id), axis }]);
}
function swapLooks() {
  const items = chosen();
  if (items.length !== 2 || !kind.swaps) { say('Select exactly two elements to exchange their looks.', true); return; }
  finishKeys(); say(`${kind.title(items[0])} and ${kind.title(items[1])} exchanged their looks.`);
  send('edit', [{ op: 'swap', target: items[0].id, with: items[1].id }]);
}
// The buttons that need more than one, or whose meaning changes with more than one.
function offForMany() {
  const items = chosen(), many = items.length > 1, off = { align: !kind.groups || items.length < 2, swap: !kind.swaps || items.length !== 2 };
  return many ? { ...off, remove: items.every((item) => item.locked) } : off;
}
// Where each of several goes in depth: one place nearer or farther, or all the way, their own order kept.
function restack(name) {
  const order = elements.map((item) => item.id), steps = [], mine = order.filter((id) => picked.has(id) && !byId(id).locked), up = name === 'forward' || name === 'front';
  if (up) mine.reverse();
  mine.forEach((id, i) => {
    const at = order.indexOf(id), end = up ? order.length - 1 - i : i, to = name === 'forward' ? Math.min(at + 1, end) : name === 'backward' ? Math.max(at - 1, end) : end;
    if (to === at) return;
    order.splice(at, 1); order.splice(to, 0, id);
    steps.push({ op: 'reorder', target: id, to });
  });
  if (!steps.length) { say(mine.length ? `Already ${up ? 'in front' : 'behind all'}.` : 'Locked: unlock first.', !mine.length); return; }
  elements = order.map(byId);
  draw();
  say(`${listWords(chosen())}: ${{ forward: 'one nearer', backward: 'one farther', front: 'in front of all', back: 'behind all' }[name]}.`);
  send('edit', steps);
}
