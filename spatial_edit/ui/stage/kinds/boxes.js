// The kind of layout "boxes": labelled rectangles. An element is {id, name, x, y, width, height, hidden, locked}: x, y is
// its centre, `name` its class. Drag a box to move it, a corner to resize it (Shift keeps its form).

const EXTENT = [0.011, 1.39], CORNER_SIGNS = { nw: [-1, -1], ne: [1, -1], sw: [-1, 1], se: [1, 1] };
const flatBox = (item) => ({ left: item.x - item.width / 2, right: item.x + item.width / 2, top: item.y - item.height / 2, bottom: item.y + item.height / 2 });
const inFlatBox = (item, x, y) => Math.abs(x - item.x) <= Math.max(item.width / 2, 0.015) && Math.abs(y - item.y) <= Math.max(item.height / 2, 0.015);
plainKind({
  name: 'boxes',
  words: { both: 'Boxes', map: 'Box map' },
  describe: (item) => `${item.name} ${item.id}: x ${asPercent(item.x)}, y ${asPercent(item.y)}, ${asPercent(item.width)} wide, ${asPercent(item.height)} high${stateWords(item)}`,
  colour: (item, light = 62) => `hsl(${hue(item.id)} 85% ${light}%)`,
  steps(old, item) {
    const target = item.id, { x, y, width, height } = item;
    if (apart(old.width, width) || apart(old.height, height)) return [{ op: 'set', target, x, y, width, height }];
    return apart(old.x, x) || apart(old.y, y) ? [{ op: 'move', target, dx: x - old.x, dy: y - old.y }] : [];
  },
  nodes: (shape) => ({ halo: make('rect', { class: 'se-halo' }, shape), frame: make('rect', { class: 'sp-frame' }, shape) }),
  paint(item, { halo, frame }) {
    const { left, top } = flatBox(item);
    for (const node of [halo, frame]) put(node, { x: left * side, y: top * tall(), width: item.width * side, height: item.height * tall(), rx: 2 });
    return 'se-plain';
  },
  bounds: flatBox,
  spot: (item) => ({ x: item.x * side, y: Math.max(flatBox(item).top * tall() + 13, 13), room: item.width * side - 6, shown: true }),
  handles(item) {
    const box = flatBox(item);
    for (const [name, [sx, sy]] of Object.entries(CORNER_SIGNS)) {
      const node = handle(name, 'Drag: size (Shift: keep the form)', (group) => make('rect', { class: 'se-dot', x: -6, y: -6, width: 12, height: 12, rx: 2.5 }, group));
      node.setAttribute('transform', `translate(${inStage((sx < 0 ? box.left : box.right) * side, 0)} ${inStage((sy < 0 ? box.top : box.bottom) * tall(), 1)})`);
    }
  },
  under: (x, y) => elements.filter((item) => !item.hidden && inFlatBox(item, x, y)).sort((p, q) => p.width * p.height - q.width * q.height),
  holds: inFlatBox,
  move({ kind: what, old, x: x0, y: y0 }, item, x, y, event) {
    if (what === 'move') { item.x = clamp(old.x + x - x0, PLACE); item.y = clamp(old.y + y - y0, PLACE); return; }
    const [sx, sy] = CORNER_SIGNS[what];
    let width = clamp(old.width + sx * (x - x0), EXTENT), height = clamp(old.height + sy * (y - y0), EXTENT);
    if (event.shiftKey) { const factor = Math.max(width / old.width, height / old.height); width = clamp(old.width * factor, EXTENT); height = clamp(old.height * factor, EXTENT); }
    Object.assign(item, { width, height, x: clamp(old.x + sx * (width - old.width) / 2, PLACE), y: clamp(old.y + sy * (height - old.height) / 2, PLACE) });
  },
  key(event) {
    const by = offCentre(event, keyStep(event)), factor = { '+': 1.05, '=': 1.05, '-': 1 / 1.05 }[event.key], form = { ',': 1 / 1.06, '.': 1.06 }[event.key];
    if (by) return (item) => shiftBy(item, ...by);
    if (factor) return (item) => { item.width = clamp(item.width * factor, EXTENT); item.height = clamp(item.height * factor, EXTENT); };
    return form ? (item) => { item.width = clamp(item.width * form, EXTENT); item.height = clamp(item.height / form, EXTENT); } : null;
  },
  cloneStep: (items) => items.map(({ id, x, y }) => ({ op: 'clone', target: id, dx: x < 0.9 ? 0.06 : -0.06, dy: y < 0.9 ? 0.06 : -0.06 })),
});
