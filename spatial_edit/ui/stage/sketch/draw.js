// The tool "draw": a region drawn on the picture becomes a new element, or the new form of the selected one.

const sketchLayer = make('g', { class: 'se-sketch' }, svg);
svg.insertBefore(sketchLayer, labels);
const sketchEllipses = ['se-guess halo', 'se-guess'].map((name) => make('ellipse', { class: name }, sketchLayer));
const sketchWay = make('path', { class: 'se-way' }, sketchLayer);
const pop = find('.se-pop'), popRow = find('[data-pop=row]'), popReshape = find('[data-pop=reshape]');
let way = null, region = null, lastRow = null;    // points as drawn; the outline that waits for an answer

const sketchPath = (points) => points.map(([x, y], i) => `${i ? 'L' : 'M'}${(x * side).toFixed(1)} ${(y * side).toFixed(1)}`).join('');
function drawSketch() {
  const points = way || region, guess = points && ellipseOf(region || regionOf(points) || []);
  sketchWay.setAttribute('d', points ? sketchPath(points) + (region ? 'Z' : '') : '');
  for (const node of sketchEllipses) node.style.display = guess ? '' : 'none';
  if (!guess) return;
  const [a, b] = radii(guess);
  for (const node of sketchEllipses) put(node, { rx: a * side, ry: b * side, transform: `translate(${guess.x * side} ${guess.y * side}) rotate(${-guess.angle * 180 / Math.PI})` });
}
function dropRegion(words = '') {
  const focused = pop.contains(document.activeElement);
  way = null; region = null; pop.hidden = true;
  drawSketch();
  if (focused) stage.focus({ preventScroll: true });
  if (words) say(words);
}

tools.draw = {
  cursor: 'crosshair',
  start(x, y) { dropRegion(); way = [[x, y]]; },
  move(x, y) {
    const last = way[way.length - 1];
    if (Math.hypot(x - last[0], y - last[1]) * side < 2 || way.length >= 4000) return;
    way.push([x, y]);
    drawSketch();
  },
  end() {
    const drawn = regionOf(way);
    way = null;
    if (drawn) ask(drawn); else dropRegion('Draw around a region, or along a line.');
  },
  cancel() { dropRegion(); },
};

// What should the region become? The choice stands beside it.
function ask(outline) {
  region = outline;
  fillRows();
  const item = current(), can = item && picked.size < 2 && !item.locked;
  popReshape.hidden = !can;
  if (can) popReshape.textContent = `Reshape ${kind.title(item)}`;
  pop.hidden = false;
  placePop();
  drawSketch();
  popRow.focus({ preventScroll: true });
  say(can ? `Choose: a new element, or the new form of ${kind.title(item)}.` : 'Choose what the new element is.');
}
// Above or below the region, where there is more room; always within the stage.
function placePop() {
  const frame = stage.getBoundingClientRect(), box = svg.getBoundingClientRect(), { x } = ellipseOf(region);
  const heights = region.map((point) => box.top - frame.top + point[1] * box.height), [high, low] = [Math.min(...heights), Math.max(...heights)];
  const top = high > frame.height - low ? high - pop.offsetHeight - 14 : low + 14;
  pop.style.left = `${clamp(box.left - frame.left + x * box.width - pop.offsetWidth / 2, [8, Math.max(8, frame.width - pop.offsetWidth - 8)])}px`;
  pop.style.top = `${clamp(top, [8, Math.max(8, frame.height - pop.offsetHeight - 8)])}px`;
}
// The kinds of thing that this model knows: the words of its rows, or those of the elements.
function fillRows() {
  const words = Array.isArray(world.rows) && world.rows.length ? world.rows : [];
  const named = words.length ? words.map((word, row) => [row, word || `kind ${row + 1}`])
    : [...new Map(elements.map((item) => [item.row ?? item.id, item.name || `like ${item.id}`]))];
  popRow.replaceChildren(...named.map(([row, word]) => Object.assign(document.createElement('option'), { value: row, textContent: word })));
  const usual = lastRow ?? (current() ? current().row : null);
  if (usual !== null && usual !== undefined && named.some(([row]) => row === usual)) popRow.value = usual;
}
const rounded = (points) => points.map((point) => point.map((value) => Number(value.toFixed(5))));
function becomes(target) {
  if (!region) return;
  const points = rounded(region), word = popRow.selectedOptions.length ? popRow.selectedOptions[0].textContent : 'element';
  const edit = target === null ? { op: 'draw', points, row: Number(popRow.value) } : { op: 'draw', target, points };
  if (target === null) lastRow = Number(popRow.value);
  dropRegion(target === null ? `Adding ${word}…` : `Reshaping ${kind.title(current())}…`);
  useTool('select');
  send('edit', [edit]);
}
pop.addEventListener('submit', (event) => { event.preventDefault(); becomes(null); });
pop.addEventListener('click', (event) => {
  const button = event.target.closest('[data-pop]'), what = button ? button.dataset.pop : '';
  if (what === 'cancel') dropRegion('Nothing was added.');
  if (what === 'reshape' && current()) becomes(selected);
});
pop.addEventListener('keydown', (event) => {
  event.stopPropagation();                        // letters choose a word here, and are no shortcuts
  if (event.key === 'Escape') dropRegion('Nothing was added.');
});

// ---- which tool is in use ----
const toolButtons = [...element.querySelectorAll('[data-tool]')].filter((node) => node.matches('button'));
const mayUse = (name) => name === 'select' || name === 'drag' && !scene.no_drag || name !== 'drag' && !kind.still && name in tools && !(name === 'draw' && kind.name !== 'blobs');
function takeTool(name) {
  if (name === 'drag' && scene.no_drag) say(scene.no_drag);
  if (!mayUse(name) || !scene.code) return;
  finishKeys(); dropRegion();
  if (name !== 'select' && view === 'picture') view = 'both';
  useTool(name);
  if (name === 'draw') say('Draw around a region, or press Enter for one in the middle.');
  else if (name === 'marquee') say('Drag a frame around elements; a tap on one adds it or takes it away.');
  else if (name === 'drag') { choose([]); draw(); say('Click what is to move, then where it is to go; then press Start.'); }
  else if (name === 'protect') {
    say('Paint where the picture may change; the hatched part stays as it is.');
    find('.se-options[data-for=protect]').scrollIntoView({ block: 'nearest' });
  }
  else say(current() ? kind.describe(current()) : 'Select an element, or drag one.');
}
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-tool]');
  if (button) takeTool(button.dataset.tool);
});
hooks.key.push((event) => {
  const low = event.key.toLowerCase(), wanted = event.altKey ? '' : { v: 'select', d: 'draw', m: 'protect', g: 'drag' }[low];
  if (wanted && (mayUse(wanted) || wanted === 'drag')) { takeTool(wanted); return true; }
  if (tool === 'draw' && event.key === 'Enter') { ask(circleInTheMiddle()); return true; }
  if (event.key !== 'Escape' || tool === 'select') return false;
  if (way || region) dropRegion(); else takeTool('select');
  return true;
});
const circleInTheMiddle = () => Array.from({ length: 32 }, (_, k) => [0.5 + 0.12 * Math.cos(k * Math.PI / 16), 0.5 + 0.12 * Math.sin(k * Math.PI / 16)]);
hooks.use.push(() => { dropRegion(); if (!mayUse(tool)) useTool('select'); });
hooks.receive.push((said, opened) => { if (opened && (way || region)) dropRegion(); });
hooks.draw.push(() => {
  for (const button of toolButtons) button.setAttribute('aria-pressed', String(button.dataset.tool === tool));
  for (const row of element.querySelectorAll('.se-options')) row.hidden = row.dataset.for !== tool;
  drawSketch();
});
