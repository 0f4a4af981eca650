// The kind of layout "heatmaps": a dot for a centre, and a dashed circle at one sigma. An element is {id, name, level, x, y,
// sigma, detached, look, hidden, locked}: level 0 is the coarsest, look the seed of an object's style or null. Hidden is the same as sigma 0: the object is gone until it is given a size again.

const SIGMA = [0.011, 0.99], WIDE = [-0.99, 1.99], LEVEL_WORDS = ['coarse', 'middle', 'fine'], LEVEL_HUES = [38, 190, 318];
let levelShown = null;                             // the one level that is shown and picked from; null: all of them
const levelsOf = () => [...new Set(elements.map((item) => item.level))].sort();
const onLevel = (item) => levelShown === null || item.level === levelShown;
const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);
// Without a word of its own a centre is called by its level, and by its place among those of that level.
function centreName(item) {
  if (item.name) return capital(item.name);
  const mates = elements.filter((other) => other.level === item.level).sort((p, q) => p.id - q.id);
  const word = levelsOf().length > 1 ? capital(LEVEL_WORDS[item.level]) : 'Object';
  return mates.length > 1 ? `${word} ${mates.indexOf(item) + 1}` : word;
}
// A centre that is alone on its level takes the finer ones along, as in layouts/heatmaps.py.
const aloneOnLevel = (item) => !elements.some((other) => other.level === item.level && other !== item);
const alongWith = (item) => (aloneOnLevel(item) ? elements.filter((other) => other.level > item.level && !other.detached && !other.locked) : []);
// Moves a centre, and with it those that follow; `olds` are all of them as they were.
function moveCentre(item, olds, dx, dy, alone) {
  const was = (id) => olds.find((old) => old.id === id), shift = (one, old) => { one.x = clamp(old.x + dx, WIDE); one.y = clamp(old.y + dy, WIDE); };
  const old = was(item.id);
  [dx, dy] = [clamp(old.x + dx, WIDE) - old.x, clamp(old.y + dy, WIDE) - old.y];
  shift(item, old);
  for (const other of alongWith(item)) { const first = was(other.id); if (alone) { other.x = first.x; other.y = first.y; } else shift(other, first); }
}
const dotReach = () => (coarse.matches ? 22 : 13) / side;
const nearDot = (item, x, y) => Math.hypot(x - item.x, y - item.y) <= dotReach();
plainKind({
  name: 'heatmaps', wordy: true,
  words: { both: 'Centres', map: 'Heatmap' },
  title: centreName,
  describe: (item) => `${centreName(item)}${item.name && levelsOf().length > 1 ? `, ${LEVEL_WORDS[item.level]} level` : ''}: x ${asPercent(item.x)}, y ${asPercent(item.y)}, ${item.hidden ? 'removed' : `sigma ${asPercent(item.sigma)}`}${clamp(item.x, SPAN) !== item.x || clamp(item.y, SPAN) !== item.y ? ', outside the picture' : ''}${item.detached ? ', detached' : ''}${item.locked ? ', locked' : ''}`,
  colour: (item, light = 62) => `hsl(${levelsOf().length > 1 ? LEVEL_HUES[item.level] : hue(item.id)} 85% ${light}%)`,
  // A centre that took all its followers along is one `move`; else each one moved is moved alone.
  difference(before) {
    const was = new Map(before.elements.map((old) => [old.id, old])), along = new Set(), list = [];
    for (const item of [...elements].sort((p, q) => p.level - q.level)) {
      const old = was.get(item.id), target = item.id;
      if (!old) continue;
      const [dx, dy] = [item.x - old.x, item.y - old.y], went = apart(old.x, item.x) || apart(old.y, item.y);
      if (went && !along.has(target)) {
        const riders = alongWith(item), same = riders.every(({ id, x, y }) => !apart(was.get(id).x + dx, x) && !apart(was.get(id).y + dy, y));
        if (same) for (const { id } of riders) along.add(id);
        list.push({ op: 'move', target, dx, dy, ...(same ? {} : { alone: true }) });
      }
      if (old.hidden !== item.hidden || apart(old.sigma, item.sigma)) list.push({ op: 'set', target, sigma: item.hidden ? 0 : item.sigma });
      if (old.level !== item.level) list.push({ op: 'set', target, level: item.level });
    }
    return list;
  },
  nodes: (shape) => ({
    tie: make('path', { class: 'sp-tie' }, shape), halo: make('circle', { class: 'se-halo' }, shape),
    ring: make('circle', { class: 'sp-ring sigma' }, shape), dot: make('circle', { class: 'sp-centre', r: 5.5 }, shape),
  }),
  paint(item, { shape, tie, halo, ring }) {
    const lead = current(), led = lead && alongWith(lead).includes(item) && onLevel(lead);
    shape.setAttribute('transform', `translate(${item.x * side} ${item.y * side})`);
    put(tie, { d: led ? `M0 0L${(lead.x - item.x) * side} ${(lead.y - item.y) * side}` : '' });
    for (const node of [halo, ring]) put(node, { r: item.hidden ? 9 : Math.max(5, item.sigma * side) });
    put(shape, { style: `--c: ${kind.colour(item)}` });
    return `se-plain${onLevel(item) ? '' : ' away'}${item.detached ? ' loose' : ''}`;
  },
  order: () => [...elements].sort((p, q) => p.level - q.level || picked.has(p.id) - picked.has(q.id)),
  listed: () => [...elements].sort((p, q) => p.level - q.level || p.id - q.id),
  bounds: (item) => ({ left: item.x - item.sigma, right: item.x + item.sigma, top: item.y - item.sigma, bottom: item.y + item.sigma }),
  spot: (item) => ({ x: item.x * side, y: item.y * side - 21, room: 2.2 * item.sigma * side, shown: onLevel(item) && !item.hidden && (side >= 420 || elements.length < 5) }),
  handles(item) {
    const node = handle('sigma', 'Drag: sigma, how far it reaches', (group) => make('circle', { class: 'se-dot', r: 7 }, group));
    const away = Math.max(item.hidden ? 0 : item.sigma, (coarse.matches ? 46 : 26) / side), right = item.x + away < 1;
    node.setAttribute('transform', `translate(${inStage((right ? item.x + away : item.x - away) * side, 0)} ${inStage(item.y * side, 1)})`);
  },
  // A press on a dot means that centre; elsewhere the smallest circle around it.
  under(x, y) {
    const hits = elements.filter((item) => onLevel(item) && Math.hypot(x - item.x, y - item.y) <= Math.max(item.hidden ? 0 : item.sigma, dotReach()));
    const far = (item) => (nearDot(item, x, y) ? Math.hypot(x - item.x, y - item.y) : 1 + item.sigma);
    return hits.sort((p, q) => far(p) - far(q));
  },
  holds(item, x, y) { const hits = kind.under(x, y); return hits.includes(item) && (hits[0] === item || !nearDot(hits[0], x, y)); },
  move({ kind: what, old, before, x: x0, y: y0 }, item, x, y, event) {
    if (what === 'move') { moveCentre(item, before.elements, x - x0, y - y0, event.altKey); return; }
    const grown = Math.hypot(x - old.x, y - old.y) - Math.hypot(x0 - old.x, y0 - old.y);
    setSigma(item, clamp((old.hidden ? 0 : old.sigma) + grown, [0, SIGMA[1]]));
  },
  key(event) {
    const by = offCentre(event, keyStep(event)), factor = { '+': 1.05, '=': 1.05, '-': 1 / 1.05 }[event.key];
    if (by) return (item) => moveCentre(item, copy(elements), ...by, event.altKey);
    if (factor) return (item) => setSigma(item, clamp(item.sigma * factor, SIGMA));
    return '123'.includes(event.key) ? (item) => { item.level = Number(event.key) - 1; } : null;
  },
  wheel: (item, delta) => setSigma(item, clamp(item.sigma * Math.exp(-delta / 900), SIGMA)),
  cloneStep: (items) => items.map(({ id, x, y }) => ({ op: 'clone', target: id, dx: x < 0.9 ? 0.06 : -0.06, dy: y < 0.9 ? 0.06 : -0.06 })),
});
// Below the smallest sigma the object is gone; its last sigma is kept, for `show`.
function setSigma(item, sigma) {
  item.hidden = sigma < SIGMA[0] / 2;
  if (!item.hidden) item.sigma = clamp(sigma, SIGMA);
}
