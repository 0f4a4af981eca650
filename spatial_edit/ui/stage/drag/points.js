// The tool "drag": pairs of a handle (what is to move) and its target, an arrow between them, and the area that may change.
// run.js drags them, panel.js lists them. Places are fractions of the picture's width and height.

const MOST_PAIRS = 32, NEAR_PAIR = 12;             // NEAR_PAIR: CSS pixels, more for fingers
let pairs = [];                                    // {id, x, y, to: [x, y] or null, way: places since the drag began}
let pairOn = null, pairEnd = 'target';             // the selected pair's id, and which end the arrow keys move
let areaOpen = false, areaCells = null, areaFrees = true, areaStrokes = 0, areaSpot = null;   // cells: 1 where the picture may change
const pairLayer = make('g', { class: 'sd-layer' }, svg);
const areaPath = make('path', { class: 'sd-veil', fill: 'url(#se-hatch)', 'fill-rule': 'evenodd' }, pairLayer);
const pairNodes = new Map();
const pairCross = make('g', { class: 'sd-x', role: 'button' }, pairLayer);
make('circle', { class: 'se-hit' }, pairCross); make('circle', { r: 8 }, pairCross); make('path', { d: 'M-3 -3L3 3M3 -3L-3 3' }, pairCross);
const areaRing = make('circle', { class: 'se-ring' }, pairLayer);

const pairById = (id) => pairs.find((pair) => pair.id === id);
const pairAway = (pair) => (pair.to ? Math.hypot(pair.to[0] - pair.x, pair.to[1] - pair.y) : 0);
const pairWords = (pair) => `Point ${pair.id}: handle at x ${asPercent(pair.x)}, y ${asPercent(pair.y)}, ${pair.to ? `target at x ${asPercent(pair.to[0])}, y ${asPercent(pair.to[1])}` : 'no target yet'}`;
const pairsBusy = () => Boolean(running || asking);
function refuseBusy() { if (pairsBusy()) say(running ? 'Stop the drag first.' : 'Keep the best state or discard it first.', true); return pairsBusy(); }
function selectPair(id, words = true) {
  pairOn = id;
  const pair = pairById(id);
  if (pair && words) say(`${pairWords(pair)}. The arrow keys move the ${pairEnd}.`);
  drawPairs();
}
function newPair(x, y) {
  if (pairs.length >= MOST_PAIRS) { say(`A drag takes at most ${MOST_PAIRS} points: remove one first.`, true); return null; }
  const used = new Set(pairs.map(({ id }) => id)), pair = { id: 1, x: clamp(x, SPAN), y: clamp(y, SPAN), to: null, way: [] };
  while (used.has(pair.id)) pair.id += 1;
  pairs.push(pair);
  pairOn = pair.id;
  return pair;
}
function removePair(id) {
  if (refuseBusy()) return;
  const at = pairs.findIndex((pair) => pair.id === id), focused = pairNodes.get(id)?.group === document.activeElement;
  if (at < 0) return;
  pairs.splice(at, 1);
  pairOn = (pairs[at] || pairs[at - 1] || { id: null }).id;
  drawPairs();
  if (focused) (pairNodes.get(pairOn)?.group || stage).focus({ preventScroll: true });
  say(`Point ${id} is removed.`);
}
function clearPairs(words) { pairs = []; pairOn = null; areaCells = null; areaStrokes += 1; drawPairs(); if (words) say(words); }
function movePairEnd(pair, end, x, y) {
  if (end === 'handle') { pair.x = clamp(x, SPAN); pair.y = clamp(y, SPAN); pair.way = []; } else pair.to = [clamp(x, SPAN), clamp(y, SPAN)];
}

// ---- drawing ----
function pairParts(pair) {
  if (pairNodes.has(pair.id)) return pairNodes.get(pair.id);
  const group = make('g', { class: 'sd-pair', role: 'button', 'data-pair': pair.id }, pairLayer);
  const parts = { group, dark: make('path', { class: 'sd-dark' }, group), light: make('path', { class: 'sd-light' }, group), way: make('path', { class: 'sd-way' }, group), goal: make('circle', { class: 'sd-goal' }, group), dot: make('circle', { class: 'sd-dot' }, group), number: make('text', { class: 'sd-number' }, group) };
  putText(parts.number, String(pair.id));
  pairLayer.insertBefore(group, pairCross);
  pairNodes.set(pair.id, parts);
  return parts;
}
// From the handle's rim to the target's, with a head; nothing where they meet.
function arrowPath([x, y], [u, v], from, to) {
  const far = Math.hypot(u - x, v - y), [a, b] = [(u - x) / (far || 1), (v - y) / (far || 1)], head = 8;
  if (far < from + to + 3) return '';
  const [ex, ey] = [u - a * to, v - b * to];
  return `M${x + a * from} ${y + b * from}L${ex} ${ey}M${ex - head * (a * 0.87 - b * 0.5)} ${ey - head * (b * 0.87 + a * 0.5)}L${ex} ${ey}L${ex - head * (a * 0.87 + b * 0.5)} ${ey - head * (b * 0.87 - a * 0.5)}`;
}
function drawPairs() {
  const size = coarse.matches ? 11 : 9, ids = new Set(pairs.map(({ id }) => id)), stop = pairOn ?? pairs[0]?.id;
  for (const [id, { group }] of [...pairNodes]) if (!ids.has(id)) { group.remove(); pairNodes.delete(id); }
  for (const pair of pairs) {
    const { group, dark, light, way, goal, dot, number } = pairParts(pair), on = pair.id === pairOn;
    const at = [pair.x * side, pair.y * tall()], to = pair.to && [pair.to[0] * side, pair.to[1] * tall()], d = to ? arrowPath(at, to, size + 1, size - 1) : '';
    put(dark, { d }); put(light, { d });
    put(way, { d: pair.way.length > 1 ? `M${pair.way.map(([x, y]) => `${(x * side).toFixed(1)} ${(y * tall()).toFixed(1)}`).join('L')}` : '' });
    put(dot, { cx: at[0], cy: at[1], r: size, class: `sd-dot${pairEnd === 'handle' || !to ? ' end' : ''}` });
    put(number, { x: at[0], y: at[1] });
    goal.style.display = to ? '' : 'none';
    if (to) put(goal, { cx: to[0], cy: to[1], r: size - 2.5, class: `sd-goal${pairEnd === 'target' ? ' end' : ''}` });
    put(group, { class: `sd-pair${on ? ' on' : ''}${to ? '' : ' waits'}`, 'aria-label': pairWords(pair), 'aria-pressed': on, tabindex: pair.id === stop ? 0 : -1 });
  }
  drawCross(size);
  drawArea();
  drawPairPanel();
}
// The cross that removes the selected pair stands beside its handle, away from the arrow; not where the next click is to
// set a target.
function drawCross(size) {
  const pair = pairById(pairOn), shows = pair && pair.to && !areaOpen && pairs.every(({ to }) => to);
  pairCross.style.display = shows ? '' : 'none';
  if (!shows) return;
  const [x, y] = [pair.x * side, pair.y * tall()], reach = size + (coarse.matches ? 26 : 15);
  const angle = pairAway(pair) > 0.005 ? Math.atan2(pair.y - pair.to[1], pair.x - pair.to[0]) : -Math.PI / 4;
  const inside = (a) => { const [u, v] = [x + reach * Math.cos(a), y + reach * Math.sin(a)]; return u > 14 - lens.x && v > 14 - lens.y && u < frameSide - lens.x - 14 && v < frameTall() - lens.y - 14; };
  const turned = [0, 0.8, -0.8, 1.6, -1.6, 2.4, -2.4].map((by) => angle + by).find(inside) ?? angle;
  put(pairCross, { transform: `translate(${(x + reach * Math.cos(turned)).toFixed(1)} ${(y + reach * Math.sin(turned)).toFixed(1)})`, 'aria-label': `Remove point ${pair.id}` });
  put(pairCross.firstChild, { r: coarse.matches ? 18 : 12 });
}
let areaDrawn = '';
function drawArea() {
  const now = areaCells ? `${areaStrokes} ${side} ${form}` : '';
  areaPath.style.display = areaCells ? '' : 'none';
  if (now && now !== areaDrawn) { put(areaPath, { d: protectedPath(areaCells, side), transform: `scale(1 ${form})` }); areaDrawn = now; }
  if (!areaOpen) areaRing.style.display = 'none';
}

// ---- pointer: a click sets a handle, the next its target; a press that moves sets both ----
const areaRadius = () => Number(find('[data-sd-size]').value) / 200;
function pairAt(x, y, event) {
  if (event.target.closest && event.target.closest('.sd-x')) return { pair: pairById(pairOn), end: 'cross' };
  const reach = event.pointerType === 'touch' || coarse.matches ? 24 : NEAR_PAIR, far = (u, v) => Math.hypot((u - x) * side, (v - y) * tall());
  const ends = pairs.flatMap((pair) => [{ pair, end: 'handle', far: far(pair.x, pair.y) - (pair.id === pairOn ? 2 : 0) }, ...pair.to ? [{ pair, end: 'target', far: far(...pair.to) - 1 }] : []]);
  return ends.filter((one) => one.far <= reach).sort((p, q) => p.far - q.far)[0] || null;
}
tools.drag = {
  cursor: 'crosshair', held: null, before: null,
  start(x, y, event) {
    this.held = null; this.before = { pairs: copy(pairs), on: pairOn, cells: areaCells && areaCells.slice() };
    if (refuseBusy()) return;
    if (areaOpen) { startArea(x, y); return; }
    const hit = pairAt(x, y, event), waits = pairs.find((pair) => !pair.to);
    if (hit) {
      this.held = { ...hit, dx: hit.end === 'target' ? hit.pair.to[0] - x : hit.pair.x - x, dy: hit.end === 'target' ? hit.pair.to[1] - y : hit.pair.y - y };
      if (hit.end !== 'cross') { pairEnd = hit.end; selectPair(hit.pair.id); }
    } else if (waits) {
      movePairEnd(waits, 'target', x, y);
      this.held = { pair: waits, end: 'target', dx: 0, dy: 0 };
      pairEnd = 'target'; pairOn = waits.id; drawPairs();
    } else {
      const pair = newPair(x, y);
      if (pair) this.held = { pair, end: 'new', x, y };
      drawPairs();
    }
  },
  move(x, y) {
    const { held } = this;
    if (areaSpot) { paintMask(areaCells, areaSpot, [x, y], areaRadius(), areaFrees ? 1 : 0); areaSpot = [x, y]; areaStrokes += 1; drawArea(); return; }
    if (!held || held.end === 'cross') return;
    if (held.end === 'new' && !held.pair.to && Math.hypot((x - held.x) * side, (y - held.y) * tall()) < 7) return;
    movePairEnd(held.pair, held.end === 'new' ? 'target' : held.end, x + (held.dx || 0), y + (held.dy || 0));
    drawPairs();
  },
  end(x, y, event) {
    const { held } = this;
    this.held = null;
    if (areaSpot) { areaSpot = null; drawPairs(); say(areaTold()); return; }
    if (!held) return;
    if (held.end === 'cross') { removePair(held.pair.id); return; }
    const { pair } = held;
    if (pair.to && pairAway(pair) * side < 4 && held.end !== 'handle') { pair.to = null; drawPairs(); say(`That is where point ${pair.id} is already: click farther away.`, true); return; }
    if (event.pointerType !== 'touch') (pairNodes.get(pair.id)?.group || stage).focus({ preventScroll: true });
    drawPairs();
    say(pair.to ? `${pairWords(pair)}.` : `Now click where point ${pair.id} is to go.`);
  },
  cancel() {                                       // a second finger came, to enlarge
    if (this.before) { pairs = this.before.pairs; pairOn = this.before.on; areaCells = this.before.cells; }
    this.held = null; areaSpot = null; areaStrokes += 1; drawPairs();
  },
};
function startArea(x, y) {
  if (!areaCells) areaCells = new Uint8Array(CELLS * CELLS).fill(areaFrees ? 0 : 1);   // the first stroke decides what the rest is
  areaSpot = [x, y];
  tools.drag.move(x, y);
}
const areaShare = () => Math.round(100 * areaCells.reduce((sum, cell) => sum + cell, 0) / areaCells.length);
const areaTold = () => (areaCells ? `${areaShare()} % of the picture may change.` : 'The whole picture may change.');
svg.addEventListener('pointermove', (event) => {
  if (tool !== 'drag') return;
  const [x, y] = place(event), shows = areaOpen && event.pointerType !== 'touch';
  areaRing.style.display = shows ? 'inline' : 'none';   // the style sheet hides it
  if (shows) put(areaRing, { cx: x * side, cy: y * side, r: areaRadius() * side, transform: `scale(1 ${form})` });
  if (!using) svg.style.cursor = !areaOpen && !pairsBusy() && pairAt(x, y, event) ? 'grab' : '';
});
svg.addEventListener('pointerleave', () => { areaRing.style.display = 'none'; });

// ---- keys, on the stage and in the list ----
function pairKey(event) {
  const low = event.key.toLowerCase(), by = offCentre(event, keyStep(event)), pair = pairById(pairOn) || pairs[0];
  if (event.altKey) return false;
  if (low === 'enter' && !event.target.closest('.sd-list')) {
    if (!refuseBusy()) { const made = newPair(0.5, 0.5); if (made) { pairEnd = 'handle'; focusPair(made.id); say(`Point ${made.id} is in the middle. The arrow keys move its handle; T, then the arrow keys, set its target.`); } }
  } else if (low === 'escape') {
    const waits = pairs.find((one) => !one.to);
    if (running) stopDrag(); else if (waits && !asking) removePair(waits.id); else return false;
  } else if (areaOpen && ['[', ']'].includes(low)) {
    find('[data-sd-size]').value = Number(find('[data-sd-size]').value) + (low === ']' ? 2 : -2);
  } else if (by || ['t', 'n', 'p', 'delete', 'backspace'].includes(low)) {
    if (!pair) say('Click on the picture to set a point, or press Enter for one in the middle.');
    else if (low === 'n' || low === 'p') { const at = pairs.indexOf(pair); focusPair(pairs[(at + (low === 'n' ? 1 : -1) + pairs.length) % pairs.length].id); }
    else if (low === 'delete' || low === 'backspace') removePair(pair.id);
    else if (!refuseBusy()) changePair(pair, by);
  } else return false;
  return true;
}
function changePair(pair, by) {
  if (!by) pairEnd = pairEnd === 'target' ? 'handle' : 'target';
  else { const [x, y] = pairEnd === 'handle' || !pair.to ? [pair.x, pair.y] : pair.to; movePairEnd(pair, pairEnd, x + by[0], y + by[1]); }
  selectPair(pair.id);
}
function focusPair(id) { const listed = document.activeElement?.closest('.sd-list'); selectPair(id); (listed ? find(`[data-sd-pick="${id}"]`) : pairNodes.get(id).group).focus({ preventScroll: true }); }
hooks.key.push((event) => tool === 'drag' && !event.ctrlKey && !event.metaKey && pairKey(event));
pairLayer.addEventListener('focusin', (event) => { const group = event.target.closest('.sd-pair'); if (group && !using && Number(group.dataset.pair) !== pairOn) selectPair(Number(group.dataset.pair)); });
