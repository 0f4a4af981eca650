// The kind of layout "blocks": a grid of noise seeds. An element is {id, x, y, width, height, seed, locked} with its top
// left corner. Drag a block onto another one, or use the arrow keys, and the two exchange their seeds; R draws the
// selected blocks anew.

const blockAt = (x, y) => { const { rows, columns } = world, row = Math.floor(y * rows), column = Math.floor(x * columns); return row >= 0 && row < rows && column >= 0 && column < columns ? byId(row * columns + column) : undefined; };
const freshSeed = () => crypto.getRandomValues(new Uint32Array(1))[0];
function exchange(one, two) {
  if (!two || one === two) return;
  if (two.locked) { say(`Block ${two.id} is locked.`, true); return; }
  [one.seed, two.seed] = [two.seed, one.seed];
}
plainKind({
  name: 'blocks', cannot: ['clone', 'remove', 'hide'],
  words: { both: 'Blocks', map: 'Seed map' },
  title: (item) => `${item.id}`,
  describe: (item) => `Block ${item.id}, row ${Math.floor(item.id / world.columns) + 1}, column ${item.id % world.columns + 1}: seed ${item.seed}${stateWords(item)}`,
  // Two blocks with each other's seeds have changed places; any other new seed was drawn.
  difference(before) {
    const changed = before.elements.filter((old) => byId(old.id).seed !== old.seed), [one, two] = changed;
    if (changed.length === 2 && byId(one.id).seed === two.seed && byId(two.id).seed === one.seed) return [{ op: 'swap', target: one.id, with: two.id }];
    return changed.map((old) => ({ op: 'reseed', targets: [old.id], seed: byId(old.id).seed }));
  },
  nodes: (shape) => ({ halo: make('rect', { class: 'se-halo' }, shape), frame: make('rect', { class: 'sp-frame' }, shape) }),
  paint(item, { shape, halo, frame }) {
    for (const node of [halo, frame]) put(node, { x: item.x * side + 3, y: item.y * side + 3, width: item.width * side - 6, height: item.height * side - 6, rx: 4 });
    shape.style.setProperty('--c', `hsl(${hue(item.seed % 360)} 85% 62%)`);
    return `se-plain${drag && drag.over === item.id ? ' over' : ''}`;
  },
  order: () => [...elements].sort((p, q) => picked.has(p.id) - picked.has(q.id)),
  bounds: (item) => ({ left: item.x, right: item.x + item.width, top: item.y, bottom: item.y + item.height }),
  spot: (item) => ({ x: (item.x + item.width / 2) * side, y: (item.y + item.height / 2) * side, room: item.width * side, shown: true }),
  under: (x, y) => [blockAt(x, y)].filter(Boolean),
  move(gesture, item, x, y) {
    const over = blockAt(x, y);
    if (!over || over.id === gesture.over) return;
    const now = gesture.over;
    for (const old of gesture.before.elements) byId(old.id).seed = old.seed;      // the exchange is with one block, the last
    gesture.over = over.id;
    if (now !== over.id) exchange(item, over);
  },
  told: (item) => `Block ${item.id}: seed ${item.seed}.`,
  key(event) {
    const by = offCentre(event, 1);
    if (event.key.toLowerCase() === 'r') return () => { const seed = freshSeed(); for (const item of chosen()) if (!item.locked) item.seed = seed; };
    return by && ((item) => exchange(item, blockAt(item.x + item.width * (0.5 + by[0]), item.y + item.height * (0.5 + by[1]))));
  },
});
