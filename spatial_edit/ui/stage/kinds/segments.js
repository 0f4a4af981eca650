// The kind of layout "segments": a map of cells, each of one segment. An element is {id, name, runs, x, y, hidden, locked}:
// `runs` are start and length of its cells row by row, (x, y) is their middle. While a segment is dragged its outline
// goes along by whole cells; the server says what its neighbours gain. Alt and drag paints with the selected segment.

const cellAt = (x, y) => { const n = world.side, row = Math.floor(y * n), column = Math.floor(x * n); return row >= 0 && row < n && column >= 0 && column < n ? row * n + column : -1; };
const owns = ({ runs }, cell) => { for (let i = 0; i < runs.length; i += 2) if (cell >= runs[i] && cell < runs[i] + runs[i + 1]) return true; return false; };
// The path of cells: one rectangle for each stretch of a row.
function cellPath(runs, n) {
  const step = side / n, parts = [];
  for (let i = 0; i < runs.length; i += 2)
    for (let at = runs[i], end = at + runs[i + 1]; at < end;) {
      const row = Math.floor(at / n), stop = Math.min(end, (row + 1) * n);
      parts.push(`M${(at - row * n) * step} ${row * step}h${(stop - at) * step}v${step}h${(at - stop) * step}z`);
      at = stop;
    }
  return parts.join('');
}
// The path round cells: every side of a cell beyond which another segment lies, or the picture ends.
function edgePath(runs, n) {
  const own = new Set(), step = side / n, parts = [];
  for (let i = 0; i < runs.length; i += 2) for (let cell = runs[i]; cell < runs[i] + runs[i + 1]; cell += 1) own.add(cell);
  for (const cell of own) {
    const row = Math.floor(cell / n), column = cell % n, x = column * step, y = row * step;
    if (!own.has(cell - n)) parts.push(`M${x} ${y}h${step}`);
    if (!own.has(cell + n)) parts.push(`M${x} ${y + step}h${step}`);
    if (!column || !own.has(cell - 1)) parts.push(`M${x} ${y}v${step}`);
    if (column === n - 1 || !own.has(cell + 1)) parts.push(`M${x + step} ${y}v${step}`);
  }
  return parts.join('');
}
function toRuns(cells) {
  const sorted = [...cells].sort((p, q) => p - q), runs = [];
  for (const cell of sorted) if (runs.length && runs.at(-2) + runs.at(-1) === cell) runs[runs.length - 1] += 1; else runs.push(cell, 1);
  return runs;
}
const wholeCells = (value) => Math.round(value * world.side) / world.side;
const roomOf = (item) => item.runs.reduce((sum, value, i) => sum + (i % 2 ? value : 0), 0) / world.side ** 2;
plainKind({
  name: 'segments', cannot: ['clone'],
  words: { both: 'Segments', map: 'Map' },
  describe: (item) => `${item.name} ${item.id}: ${asPercent(roomOf(item))} of the picture, about x ${asPercent(item.x)}, y ${asPercent(item.y)}${stateWords(item)}`,
  steps(old, item) {
    if (item.brush) return [{ op: 'paint', target: item.id, runs: toRuns(item.brush) }];
    return item.dx || item.dy ? [{ op: 'move', target: item.id, dx: item.dx || 0, dy: item.dy || 0 }] : [];
  },
  nodes: (shape) => ({ cells: make('path', { class: 'sp-cells' }, shape), halo: make('path', { class: 'se-halo' }, shape), edge: make('path', { class: 'sp-edge' }, shape), brush: make('path', { class: 'sp-brush' }, shape) }),
  paint(item, { shape, cells, halo, edge, brush }) {
    const mark = `${item.runs} ${side}`;
    if (cells.dataset.mark !== mark) {
      cells.dataset.mark = mark; cells.setAttribute('d', cellPath(item.runs, world.side));
      for (const node of [halo, edge]) node.setAttribute('d', edgePath(item.runs, world.side));
    }
    shape.setAttribute('transform', `translate(${(item.dx || 0) * side} ${(item.dy || 0) * side})`);
    brush.setAttribute('d', item.brush ? cellPath(toRuns(item.brush), world.side) : '');
    return 'se-plain';
  },
  order: () => [...elements].sort((p, q) => (p.id === selected) - (q.id === selected)),
  spot: (item) => ({ x: (item.x + (item.dx || 0)) * side, y: (item.y + (item.dy || 0)) * side, room: Math.sqrt(roomOf(item)) * side, shown: item.runs.length > 0 }),
  under: (x, y) => { const cell = cellAt(x, y); return cell < 0 ? [] : elements.filter((item) => !item.hidden && owns(item, cell)); },
  move({ x: x0, y: y0 }, item, x, y, event) {
    if (event.altKey || item.brush) {
      item.brush = new Set(item.brush);
      const n = world.side, reach = 1.2 / n;
      for (let v = y - reach; v <= y + reach; v += 0.5 / n) for (let u = x - reach; u <= x + reach; u += 0.5 / n) {
        const cell = cellAt(u, v);
        if (cell >= 0 && Math.hypot(u - x, v - y) <= reach) item.brush.add(cell);
      }
    } else { item.dx = wholeCells(x - x0); item.dy = wholeCells(y - y0); }
  },
  key(event) {
    const by = offCentre(event, (event.shiftKey ? 4 : 1) / world.side);
    return by && ((item) => { item.dx = clamp((item.dx || 0) + by[0], [-1, 1]); item.dy = clamp((item.dy || 0) + by[1], [-1, 1]); });
  },
});
