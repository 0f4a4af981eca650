// The protect mask: 64 × 64 cells, 1 where the picture may change. Here is what is done to its cells; protect.js has the
// tool. On its way it is base64 of the bits, row by row, the highest bit first.

const CELLS = 64;
const MASK_BYTES = CELLS * CELLS / 8, MASK_FILE_BYTES = 20e6, MASK_FILE_PIXELS = 64e6;

function maskText(cells) {
  const bytes = new Uint8Array(MASK_BYTES);
  cells.forEach((cell, i) => { if (cell) bytes[i >> 3] |= 128 >> (i & 7); });
  return btoa(String.fromCharCode(...bytes));
}
function maskOf(text) {
  if (typeof text !== 'string' || !text) return null;
  const bytes = atob(text);
  return Uint8Array.from({ length: CELLS * CELLS }, (_, i) => (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1);
}
// Sets every cell whose middle is within `radius` of the way from one point to another, in fractions of the side.
function paintMask(cells, [x0, y0], [x1, y1], radius, value) {
  const dx = x1 - x0, dy = y1 - y0, long = dx * dx + dy * dy, reach = Math.max(radius, 0.5 / CELLS);
  for (let row = 0; row < CELLS; row += 1) for (let column = 0; column < CELLS; column += 1) {
    const x = (column + 0.5) / CELLS, y = (row + 0.5) / CELLS;
    const t = long ? clamp(((x - x0) * dx + (y - y0) * dy) / long, [0, 1]) : 0;
    if (Math.hypot(x0 + t * dx - x, y0 + t * dy - y) <= reach) cells[row * CELLS + column] = value;
  }
}
// The cells that some elements cover, and `margin` cells around them.
function maskAround(items, margin = 2) {
  const covered = new Uint8Array(CELLS * CELLS), cells = new Uint8Array(CELLS * CELLS);
  const each = (visit) => { for (let row = 0; row < CELLS; row += 1) for (let column = 0; column < CELLS; column += 1) visit(row, column); };
  each((row, column) => { if (items.some((item) => kind.holds(item, (column + 0.5) / CELLS, (row + 0.5) / CELLS))) covered[row * CELLS + column] = 1; });
  each((row, column) => {
    if (!covered[row * CELLS + column]) return;
    for (let r = Math.max(0, row - margin); r <= Math.min(CELLS - 1, row + margin); r += 1)
      for (let c = Math.max(0, column - margin); c <= Math.min(CELLS - 1, column + margin); c += 1) cells[r * CELLS + c] = 1;
  });
  return cells;
}

// ---- a picture as a mask: bright is 1; transparent counts as black ----
async function maskFromFile(file) {
  const name = file.name.slice(0, 60);
  if (file.size > MASK_FILE_BYTES) throw new Error(`${name} is larger than 20 MB: make it smaller.`);
  if (!/^image\/(png|jpeg|webp|gif|bmp|avif)$/.test(file.type)) throw new Error(`${name} is no PNG, JPEG or WebP picture: save it as one.`);
  let picture;
  try { picture = await createImageBitmap(file); } catch (damaged) { throw new Error(`${name} cannot be read: it is damaged, or no picture.`, { cause: damaged }); }
  try {
    if (picture.width * picture.height > MASK_FILE_PIXELS) throw new Error(`${name} has more than 64 megapixels: make it smaller.`);
    return maskOfPicture(picture);
  } finally { picture.close(); }
}
function maskOfPicture(picture) {
  const sheet = Object.assign(document.createElement('canvas'), { width: CELLS, height: CELLS }).getContext('2d', { willReadFrequently: true });
  sheet.fillStyle = '#000'; sheet.fillRect(0, 0, CELLS, CELLS);
  sheet.imageSmoothingQuality = 'high';
  sheet.drawImage(picture, 0, 0, CELLS, CELLS);
  const { data } = sheet.getImageData(0, 0, CELLS, CELLS);
  return Uint8Array.from({ length: CELLS * CELLS }, (_, i) => Number(0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2] >= 127.5));
}

// ---- its outline: marching squares over the cells, softened by their neighbours ----
// Of the sides 0 top, 1 right, 2 bottom, 3 left: which the line enters and leaves by, what is inside on its left.
const SQUARE_LINES = [[], [[3, 0]], [[0, 1]], [[3, 1]], [[1, 2]], [[3, 0], [1, 2]], [[0, 2]], [[3, 2]],
  [[2, 3]], [[2, 0]], [[0, 1], [2, 3]], [[2, 1]], [[1, 3]], [[1, 0]], [[0, 3]], []];
// SVG path of the protected part, in pixels of a side.
function protectedPath(cells, pixels) {
  const at = (row, column) => 1 - cells[clamp(row, [0, CELLS - 1]) * CELLS + clamp(column, [0, CELLS - 1])];
  const soft = (row, column) => {
    if (row < 0 || column < 0 || row >= CELLS || column >= CELLS) return 0;
    let sum = 0;
    for (let r = -1; r <= 1; r += 1) for (let c = -1; c <= 1; c += 1) sum += at(row + r, column + c);
    return sum / 9;
  };
  const wide = CELLS + 2, field = Float32Array.from({ length: wide * wide }, (_, i) => soft(Math.floor(i / wide) - 1, i % wide - 1));
  const value = (row, column) => field[(row + 1) * wide + column + 1], next = new Map();
  for (let row = -1; row < CELLS; row += 1) for (let column = -1; column < CELLS; column += 1) {
    const corners = [value(row, column), value(row, column + 1), value(row + 1, column + 1), value(row + 1, column)];
    const number = corners.reduce((sum, corner, k) => sum + (corner > 0.5 ? 1 << k : 0), 0);
    for (const [from, to] of SQUARE_LINES[number]) next.set(edgeKey(row, column, from), [edgeKey(row, column, to), edgePoint(row, column, from, corners)]);
  }
  let path = '';
  while (next.size) {
    const loop = [];
    for (let key = next.keys().next().value; next.has(key);) { const [to, point] = next.get(key); next.delete(key); loop.push(point); key = to; }
    path += `M${loop.map(([x, y]) => `${(x / CELLS * pixels).toFixed(1)} ${(y / CELLS * pixels).toFixed(1)}`).join('L')}Z`;
  }
  return path;
}
// The edge between two neighbouring cells has one name, whichever square asks: h for one along a row, v down a column.
function edgeKey(row, column, edge) {
  return edge === 0 ? `h${row},${column}` : edge === 2 ? `h${row + 1},${column}` : edge === 3 ? `v${row},${column}` : `v${row},${column + 1}`;
}
function edgePoint(row, column, edge, [tl, tr, br, bl]) {
  const part = (a, b) => (0.5 - a) / (b - a), x = column + 0.5, y = row + 0.5;
  if (edge === 0) return [x + part(tl, tr), y];
  if (edge === 2) return [x + part(bl, br), y + 1];
  return edge === 3 ? [x, y + part(tl, bl)] : [x + 1, y + part(tr, br)];
}
