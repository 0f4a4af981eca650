// The heatmaps beside the picture, one a level (of a single level: one a centre), and all together: drawn here from the
// layout, so that they follow a drag at once. Their dots can be dragged too. A level is the sum of its centres, cut off at 1;
// of all together the highest is shown.

const heatMaps = find('.sh-maps'), HEAT_SIDE = 64, SHOWN_SIDE = 288, SAVED_SIDE = 512, HEAT_GROUND = [16, 18, 24], MOST_MAPS = 8;
const TAKE = 'M10 3v9M6.500 8.500 10 12l3.500-3.500M4 16h12';
const heatUnder = Object.assign(document.createElement('canvas'), { className: 'sh-under' });   // the stage's own, instead of the picture
img.after(heatUnder);
let heatFigures = [];                              // { figure, canvas, caption, take, drawn, part }
// What each panel shows: { title, items }.
function heatParts() {
  const levels = levelsOf(), of = (level) => elements.filter((item) => item.level === level);
  const parts = levels.length > 1 ? levels.map((level) => ({ title: capital(LEVEL_WORDS[level]), items: of(level), level })) : elements.length < MOST_MAPS ? kind.listed().map((item) => ({ title: centreName(item), items: [item] })) : [];
  return parts.length === 1 ? parts : [...parts, { title: levels.length > 1 ? 'All levels' : 'All', items: elements, all: true }];
}
const rgbOf = (colour) => { pen.fillStyle = colour; return [1, 3, 5].map((at) => Number.parseInt(pen.fillStyle.slice(at, at + 2), 16)); };
// The centres' Gaussians, each in its colour, as pixels; rows and columns are computed once.
function heatPixels({ items, all }, count) {
  const sums = new Float32Array(count * count * 3), pixels = new ImageData(count, count);
  for (const item of items.filter((one) => !one.hidden)) {
    const line = (at) => Float32Array.from({ length: count }, (_, i) => Math.exp(-(((i + 0.5) / count - at) ** 2) / (2 * item.sigma ** 2)));
    const across = line(item.x), down = line(item.y), colour = rgbOf(kind.colour(item)).map((value, i) => value - HEAT_GROUND[i]);
    for (let y = 0, at = 0; y < count; y += 1) for (let x = 0; x < count; x += 1) for (let i = 0; i < 3; i += 1, at += 1) { const add = down[y] * across[x] * colour[i]; sums[at] = all ? Math.max(sums[at], add) : sums[at] + add; }
  }
  for (let at = 0, to = 0; at < sums.length; at += 3, to += 4) { for (let i = 0; i < 3; i += 1) pixels.data[to + i] = HEAT_GROUND[i] + sums[at + i]; pixels.data[to + 3] = 255; }
  return pixels;
}
function paintHeat(canvas, part, size, dots = true) {
  const small = Object.assign(document.createElement('canvas'), { width: HEAT_SIDE, height: HEAT_SIDE }), brush = canvas.getContext('2d');
  small.getContext('2d').putImageData(heatPixels(part, HEAT_SIDE), 0, 0);
  if (canvas.width !== size) canvas.width = canvas.height = size;
  brush.imageSmoothingQuality = 'high';
  brush.drawImage(small, 0, 0, size, size);
  for (const item of dots ? part.items : []) {
    const on = picked.has(item.id), far = size / SHOWN_SIDE;
    brush.beginPath(); brush.arc(item.x * size, item.y * size, (on ? 11 : 8) * far, 0, 2 * Math.PI);
    brush.lineWidth = 3.5 * far; brush.strokeStyle = on && !item.hidden ? '#14161c' : '#fff'; brush.fillStyle = on ? '#fff' : '#14161c';
    brush.globalAlpha = item.hidden ? 0.5 : 1;
    if (!item.hidden) brush.fill();
    brush.stroke(); brush.globalAlpha = 1;
  }
}
function heatFigure() {
  const figure = Object.assign(document.createElement('figure'), { className: 'sh-map' }), canvas = document.createElement('canvas'), caption = document.createElement('figcaption'), words = document.createElement('span');
  const take = takeButton(() => takeAlong(savedHeat(made.part), `heatmap-${made.part.title.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.png`));
  canvas.setAttribute('role', 'img');
  caption.append(words, take);
  figure.append(canvas, caption);
  const made = { figure, canvas, words, take, drawn: '', part: null };
  dragInHeat(made);
  return made;
}
function takeButton(run) {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'sh-take', title: 'Download as PNG' });
  make('path', { d: TAKE }, make('svg', { viewBox: '0 0 20 20', 'aria-hidden': 'true' }, button));
  button.addEventListener('click', run);
  return button;
}
function savedHeat(part) { const canvas = document.createElement('canvas'); paintHeat(canvas, part, SAVED_SIDE); return canvas.toDataURL('image/png'); }
function drawHeats() {
  const parts = heatParts();
  while (heatFigures.length > parts.length) heatFigures.pop().figure.remove();
  while (heatFigures.length < parts.length) { const made = heatFigure(); heatFigures.push(made); heatMaps.append(made.figure); }
  if (view === 'map') paintHeat(heatUnder, parts.find((part) => part.level === levelShown) || parts[parts.length - 1], SAVED_SIDE, false);
  parts.forEach((part, place) => {
    const made = heatFigures[place], mark = JSON.stringify([part.title, part.items.map((item) => [item.id, item.x, item.y, item.sigma, item.hidden, picked.has(item.id), kind.colour(item)])]);
    made.part = part;
    if (made.drawn === mark) return;
    made.drawn = mark;
    putText(made.words, part.title);
    put(made.canvas, { 'aria-label': `Heatmap, ${part.title.toLowerCase()}: ${part.items.map(centreName).join(', ') || 'nothing'}` });
    put(made.take, { 'aria-label': `Download the heatmap: ${part.title}` });
    paintHeat(made.canvas, part, SHOWN_SIDE);
  });
}

// ---- dragging a dot: the same gesture as on the stage ----
function dragInHeat(made) {
  const { canvas } = made, at = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, box.width]; };
  const mine = (event) => drag && drag.pointer === event.pointerId && canvas.hasPointerCapture(event.pointerId);
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button || using || drag && drag.kind !== 'keys' || !scene.code) return;
    const [x, y, width] = at(event), reach = (event.pointerType === 'mouse' ? 14 : 26) / width;
    const far = (item) => Math.hypot(x - item.x, y - item.y), hits = made.part.items.filter((item) => far(item) <= Math.max(reach, item.hidden ? 0 : item.sigma)).sort((p, q) => far(p) - far(q));
    if (!hits.length) return;
    event.preventDefault();
    finishKeys(); pick(hits[0].id);
    canvas.setPointerCapture(event.pointerId);
    begin('move', event.pointerId, { x, y });
  });
  canvas.addEventListener('pointermove', (event) => {
    const [x, y, width] = at(event), item = mine(event) && drag.kind !== 'none' ? byId(drag.id) : null;
    if (!item || !drag.moved && Math.hypot(x - drag.x, y - drag.y) * width < 3) return;
    drag.moved = true; moment = event.timeStamp;
    kind.move(drag, item, x, y, event);
    drawSoon(); pump();
  });
  for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, (event) => { if (mine(event)) { if (drag.moved) release(event); else breakOff(); } });
  canvas.addEventListener('touchmove', (event) => { if (drag && event.cancelable) event.preventDefault(); }, { passive: false });
}
