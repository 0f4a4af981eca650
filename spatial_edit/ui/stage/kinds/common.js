// What the plain kinds of layout (heatmaps, boxes, segments, blocks, points) have in common: see blobs/shape.js for what
// the canvas asks of a kind. Each kind gives `steps(old, item)`, the operations that lead from one state of an element to
// another; `cannot` names what is not done with its elements. A live picture is asked for with the very edits that a
// release would send.

const apart = (a, b) => Math.abs(a - b) > 1e-6;
const asPercent = (value) => `${Math.round(value * 100)} %`;
const stateWords = (item) => `${item.hidden ? ', hidden' : ''}${item.locked ? ', locked' : ''}`;
const offCentre = (event, step) => ({ ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key]);

function plainKind(own) {
  const made = {
    words: { both: 'Outlines', map: 'Map' }, cannot: [],
    title: (item) => (item.name ? `${item.id} ${item.name}` : `${item.id}`),
    colour: (item, light = 62) => `hsl(${hue(item.id)} 85% ${light}%)`,
    along: () => [],
    adopt(said) { elements = copy(said.elements); world = copy(said.world); },
    difference: (before) => before.elements.flatMap((old) => { const item = byId(old.id); return item ? made.steps(old, item) : []; }),
    payload: () => ({ elements: { edits: made.difference(scene).slice(0, 64) } }),
    prepare() {}, around() {},
    order: () => elements,
    listed: () => [...elements].sort((p, q) => p.id - q.id),
    off: (item) => Object.fromEntries(made.cannot.map((name) => [name, true]).concat(item && item.locked ? [['remove', true]] : [])),
    holds: (item, x, y) => made.under(x, y).includes(item),
    start() {},
    handles() { handles.replaceChildren(); },
    told: (item) => made.describe(item),
    shortcuts: {}, act() {},
    ...own,
  };
  kinds[own.name] = made;
  return made;
}
// The arrow keys and a drag move an element by the same rule; `low` and `high` are the limits of its place.
const PLACE = [-0.19, 1.19];
function shiftBy(item, dx, dy, limits = PLACE) { item.x = clamp(item.x + dx, limits); item.y = clamp(item.y + dy, limits); }
const keyStep = (event) => (event.shiftKey ? 0.05 : 0.01);
// What is not done with elements of this kind: the key is taken, and a sentence says so.
hooks.key.push((event) => {
  const name = { h: 'hide', delete: 'remove', backspace: 'remove' }[event.key.toLowerCase()];
  const no = !event.ctrlKey && !event.metaKey && kind.cannot && kind.cannot.includes(name);
  if (no) say(`${{ hide: 'Hiding', remove: 'Removing' }[name]} is not possible here: these parts make up the whole picture.`);
  return Boolean(no);
});
