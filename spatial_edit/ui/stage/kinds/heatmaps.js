// The kind of layout "heatmaps": centres with rings at one and two sigma. An element is {id, name, level, x, y, sigma,
// hidden, locked}: level 0 is the coarsest. Drag a centre to move it, its ring or dot to widen it.

const SIGMA = [0.011, 0.99], LEVEL_WORDS = ['coarse', 'middle', 'fine'];
plainKind({
  name: 'heatmaps',
  words: { both: 'Rings', map: 'Heatmap' },
  title: (item) => `${item.id} ${LEVEL_WORDS[item.level]}`,
  describe: (item) => `Centre ${item.id}, ${LEVEL_WORDS[item.level]} level: x ${asPercent(item.x)}, y ${asPercent(item.y)}, sigma ${asPercent(item.sigma)}${stateWords(item)}`,
  steps(old, item) {
    const target = item.id, list = [];
    if (apart(old.x, item.x) || apart(old.y, item.y)) list.push({ op: 'move', target, dx: item.x - old.x, dy: item.y - old.y });
    if (apart(old.sigma, item.sigma)) list.push({ op: 'resize', target, factor: item.sigma / old.sigma });
    if (old.level !== item.level) list.push({ op: 'set', target, level: item.level });
    return list;
  },
  nodes: (shape) => ({
    outer: make('circle', { class: 'sp-ring far' }, shape), halo: make('circle', { class: 'se-halo' }, shape),
    ring: make('circle', { class: 'sp-ring' }, shape), dot: make('circle', { class: 'sp-centre', r: 4.5 }, shape),
  }),
  paint(item, { shape, outer, halo, ring }) {
    shape.setAttribute('transform', `translate(${item.x * side} ${item.y * side})`);
    const reach = Math.max(5, item.sigma * side);
    for (const node of [halo, ring]) node.setAttribute('r', reach);
    outer.setAttribute('r', 2 * reach);
    return `se-plain level${item.level}`;
  },
  bounds: (item) => ({ left: item.x - item.sigma, right: item.x + item.sigma, top: item.y - item.sigma, bottom: item.y + item.sigma }),
  spot: (item) => ({ x: item.x * side, y: item.y * side - 20, room: 2.2 * item.sigma * side, shown: true }),
  handles(item) {
    const node = handle('sigma', 'Drag: spread', (group) => make('circle', { class: 'se-dot', r: 7 }, group));
    const reach = Math.max(item.sigma, (coarse.matches ? 46 : 26) / side), right = item.x + reach < 1;
    node.setAttribute('transform', `translate(${inStage((right ? item.x + reach : item.x - reach) * side, 0)} ${inStage(item.y * side, 1)})`);
  },
  under: (x, y) => elements.filter((item) => !item.hidden && Math.hypot(x - item.x, y - item.y) <= Math.max(item.sigma, 0.025)).sort((p, q) => p.sigma - q.sigma),
  move({ kind: what, old, x: x0, y: y0 }, item, x, y) {
    if (what === 'move') { item.x = clamp(old.x + x - x0, PLACE); item.y = clamp(old.y + y - y0, PLACE); return; }
    const grown = Math.hypot(x - old.x, y - old.y) - Math.hypot(x0 - old.x, y0 - old.y);
    item.sigma = clamp(old.sigma + grown, SIGMA);
  },
  key(event) {
    const by = offCentre(event, keyStep(event)), factor = { '+': 1.05, '=': 1.05, '-': 1 / 1.05 }[event.key];
    if (by) return (item) => shiftBy(item, ...by);
    if (factor) return (item) => { item.sigma = clamp(item.sigma * factor, SIGMA); };
    return '123'.includes(event.key) ? (item) => { item.level = Number(event.key) - 1; } : null;
  },
  wheel: (item, delta) => { item.sigma = clamp(item.sigma * Math.exp(-delta / 900), SIGMA); },
  cloneStep: (items) => items.map(({ id, x, y }) => ({ op: 'clone', target: id, dx: x < 0.9 ? 0.06 : -0.06, dy: y < 0.9 ? 0.06 : -0.06 })),
});
