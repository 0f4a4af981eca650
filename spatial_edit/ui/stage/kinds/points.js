// The kind of layout "points": pairs of a handle and its target, for dragging. An element is {id, x, y, to_x, to_y, hidden,
// locked}. Drag the handle or the target, or the line between them; T chooses which of the two the arrow keys move.

const SPAN = [0, 1];
let pointEnd = 'target';                          // what the arrow keys move
const nearPoint = (item, x, y) => { const reach = (coarse.matches ? 24 : 13) / side; return Math.hypot(x - item.to_x, y - item.to_y) <= reach ? 'target' : Math.hypot(x - item.x, y - item.y) <= reach ? 'handle' : ''; };
function toLine({ x, y, to_x: u, to_y: v }, px, py) {
  const long = Math.max((u - x) ** 2 + (v - y) ** 2, 1e-9), t = clamp(((px - x) * (u - x) + (py - y) * (v - y)) / long, [0, 1]);
  return Math.hypot(px - x - t * (u - x), py - y - t * (v - y));
}
function movePair(item, old, dx, dy, end) {
  if (end !== 'target') { item.x = clamp(old.x + dx, SPAN); item.y = clamp(old.y + dy, SPAN); }
  if (end !== 'handle') { item.to_x = clamp(old.to_x + dx, SPAN); item.to_y = clamp(old.to_y + dy, SPAN); }
}
plainKind({
  name: 'points', cannot: ['clone'],
  words: { both: 'Points', map: 'Point map' },
  title: (item) => `${item.id}`,
  describe: (item) => `Pair ${item.id}: handle at x ${asPercent(item.x)}, y ${asPercent(item.y)}, target at x ${asPercent(item.to_x)}, y ${asPercent(item.to_y)}${stateWords(item)}`,
  steps(old, item) {
    const target = item.id, handle = apart(old.x, item.x) || apart(old.y, item.y), end = apart(old.to_x, item.to_x) || apart(old.to_y, item.to_y);
    return [...handle ? [{ op: 'set', target, x: item.x, y: item.y }] : [], ...end ? [{ op: 'set', target, to_x: item.to_x, to_y: item.to_y }] : []];
  },
  nodes: (shape) => ({
    halo: make('path', { class: 'se-halo' }, shape), line: make('path', { class: 'sp-way' }, shape),
    ring: make('circle', { class: 'sp-goal', r: 9 }, shape), dot: make('circle', { class: 'sp-centre', r: 6 }, shape),
  }),
  paint(item, { halo, line, ring, dot }) {
    const [x, y, u, v] = [item.x, item.y, item.to_x, item.to_y].map((value) => value * side);
    for (const node of [halo, line]) node.setAttribute('d', `M${x} ${y}L${u} ${v}`);
    put(dot, { cx: x, cy: y }); put(ring, { cx: u, cy: v });
    return 'se-plain';
  },
  bounds: (item) => ({ left: Math.min(item.x, item.to_x), right: Math.max(item.x, item.to_x), top: Math.min(item.y, item.to_y), bottom: Math.max(item.y, item.to_y) }),
  spot: (item) => ({ x: item.x * side, y: item.y * side - 20, room: 60, shown: true }),
  handles(item) {
    for (const [name, hint, x, y] of [['handle', 'Drag: what is to be moved', item.x, item.y], ['target', 'Drag: where it is to come', item.to_x, item.to_y]]) {
      const node = handle(name, hint, (group) => make('circle', { class: 'se-dot', r: 5 }, group));
      node.setAttribute('transform', `translate(${inStage(x * side, 0)} ${inStage(y * side, 1)})`);
    }
  },
  under: (x, y) => elements.filter((item) => !item.hidden && (nearPoint(item, x, y) || toLine(item, x, y) < 8 / side)).sort((p, q) => toLine(p, x, y) - toLine(q, x, y)),
  move(gesture, item, x, y) {
    const { kind: what, old, x: x0, y: y0 } = gesture, end = what === 'move' ? gesture.end ??= nearPoint(old, x0, y0) || 'both' : what;
    movePair(item, old, x - x0, y - y0, end);
  },
  key(event) {
    const by = offCentre(event, keyStep(event));
    if (event.key.toLowerCase() === 't') return () => { pointEnd = pointEnd === 'target' ? 'handle' : 'target'; };
    return by && ((item) => movePair(item, item, ...by, pointEnd));
  },
  told: (item) => `${kinds.points.describe(item)}. The arrow keys move the ${pointEnd}.`,
});
