// Snapping: while an element is moved or resized, its centre and edges hold to the picture's middle, thirds and borders and
// to other elements' centres; thin lines show to what. A pointer that passes by quickly is not held. Alt turns it off.
// Places are fractions of the side.

const guides = make('g', { class: 'se-guides' }, svg);
const PULL = 5, PULL_TOUCH = 8, SLOW = 4;          // CSS pixels; of a slow pointer from one event to the next
let heldLines = [null, null];                      // the lines that are met now, for x and y
const reach = () => (coarse.matches ? PULL_TOUCH : PULL) / side;

// Lines that can be met, for one axis (0: x, 1: y): `middles` by a centre, `borders` by an edge.
function snapLines(axis, moving) {
  const others = elements.filter((item) => !item.hidden && !moving.has(item.id)).map((item) => (axis ? item.y : item.x));
  const may = (line) => drag === null || drag.pace <= SLOW || line === heldLines[axis];
  return { middles: [0.5, 1 / 3, 2 / 3, ...others].filter(may), borders: [0, 1].filter(may) };
}
// How far a box {low, middle, high} along one axis is from the nearest line it meets: [shift, line], or null.
function nearestLine({ low, middle, high }, { middles, borders }) {
  let best = null;
  const meet = (from, line) => { const by = line - from; if (Math.abs(by) <= reach() && (!best || Math.abs(by) < Math.abs(best[0]))) best = [by, line]; };
  for (const line of middles) meet(middle, line);
  for (const line of borders) { meet(low, line); meet(high, line); }
  return best;
}
// The shift [dx, dy] that a moved box takes on; `box` is {x: {low, middle, high}, y: the same}, `axes` says which may move.
function snapMove(box, moving, axes = [true, true]) {
  const found = [box.x, box.y].map((along, axis) => (axes[axis] ? nearestLine(along, snapLines(axis, moving)) : null));
  showGuides(found);
  return found.map((hit) => (hit ? hit[0] : 0));
}
function showGuides([x, y] = []) {
  heldLines = [x ? x[1] : null, y ? y[1] : null];
  const lines = [x && ['x', x[1]], y && ['y', y[1]]].filter(Boolean);
  while (guides.children.length > lines.length) guides.lastChild.remove();
  lines.forEach(([axis, at], i) => {
    const line = guides.children[i] || make('line', {}, guides), px = at * (axis === 'x' ? side : tall());
    put(line, axis === 'x' ? { x1: px, x2: px, y1: 0, y2: tall() } : { x1: 0, x2: side, y1: px, y2: px });
  });
}
const hideGuides = () => showGuides();
