// The canvas, part 2 of 3: drawing. SVG units are CSS pixels of the stage. Nodes are keyed by element and changed in
// place: rebuilding them during a drag would lose pointer capture and keyboard focus.

const SVG = 'http://www.w3.org/2000/svg';
const coarse = window.matchMedia('(pointer: coarse)');
const pen = document.createElement('canvas').getContext('2d');
const nodes = new Map();
let side = 512;                                   // the stage's side in CSS pixels
let hovered = null;

function make(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  put(node, attributes);
  parent.appendChild(node);
  return node;
}
function put(node, attributes) { for (const key in attributes) node.setAttribute(key, attributes[key]); }

function nodesOf(item) {
  if (nodes.has(item.id)) return nodes.get(item.id);
  const shape = make('g', { class: 'se-blob', tabindex: 0, role: 'button', 'data-id': item.id }, shapes);
  const tag = make('g', { class: 'se-tag' }, labels);
  const made = {
    shape, tag,
    halo: make('ellipse', { class: 'se-halo' }, shape), ellipse: make('ellipse', { class: 'se-ellipse' }, shape),
    plate: make('rect', { class: 'se-plate', height: 20, rx: 10 }, tag), text: make('text', { class: 'se-text', y: 14 }, tag),
  };
  made.shape.style.setProperty('--c', colour(item.id));
  made.tag.style.setProperty('--c', colour(item.id, 45));
  nodes.set(item.id, made);
  return made;
}

function drawShape(item) {
  const { shape, halo, ellipse } = nodesOf(item), [a, b] = radii(item), on = item.id === selected;
  shape.setAttribute('transform', `translate(${item.x * side} ${item.y * side}) rotate(${-item.angle * 180 / Math.PI})`);
  shape.setAttribute('aria-label', describe(item));
  shape.setAttribute('aria-pressed', String(on));
  shape.setAttribute('class', `se-blob${on ? ' on' : ''}${item.hidden ? ' ghost' : ''}${item.id === hovered ? ' hover' : ''}`);
  for (const node of [halo, ellipse]) put(node, { rx: Math.max(3, a * side), ry: Math.max(3, b * side) });
}

// Names are shown where there is room, numbers everywhere; labels that would cover one another move down, the selected one stays put.
function drawLabels() {
  const placed = [];
  const order = [...elements].sort((p, q) => (q.id === selected) - (p.id === selected) || p.y - q.y || p.id - q.id);
  pen.font = '600 11.5px system-ui, sans-serif';
  for (const item of order) {
    const { tag, plate, text } = nodesOf(item), asked = item.id === selected || item.id === hovered;
    const room = side >= 420 && (elements.length <= 12 || pen.measureText(title(item)).width < 2.2 * Math.max(...radii(item)) * side);
    const words = asked || room && !item.hidden ? title(item) : String(item.id);
    if (text.textContent !== words) text.textContent = words;
    const width = Math.max(20, Math.ceil(pen.measureText(words).width) + 14);
    const box = { x: clamp(item.x * side - width / 2, [2, side - width - 2]), y: clamp(item.y * side - 10, [2, side - 22]), w: width };
    const meets = (other) => Math.abs(other.x + other.w / 2 - box.x - width / 2) < (other.w + width) / 2 + 1 && Math.abs(other.y - box.y) < 21;
    for (let tries = 0; tries < 6 && placed.some(meets); tries += 1) box.y = placed.find(meets).y + 21.5;
    box.y = Math.min(box.y, side - 22);
    placed.push(box);
    put(plate, { width }); put(text, { x: width / 2 });
    tag.setAttribute('transform', `translate(${box.x} ${box.y})`);
    tag.setAttribute('class', `se-tag${item.id === selected ? ' on' : ''}${item.hidden ? ' ghost' : ''}`);
  }
}

// Where the three handles of an element are, in pixels: on its axes, at least 26 px from the centre, inside the stage.
function handlePlaces(item) {
  const [a, b] = radii(item), margin = coarse.matches ? 22 : 13, keep = ([x, y]) => [clamp(x * side, [margin, side - margin]), clamp(y * side, [margin, side - margin])];
  const along = Math.max(a, 26 / side), across = Math.max(b, 26 / side), within = ([x, y]) => x > 0 && x < 1 && y > 0 && y < 1;
  const side1 = [toStage(item, along, 0), toStage(item, -along, 0)], side2 = [toStage(item, 0, across), toStage(item, 0, -across)];
  const reach = across + 30 / side, turn = [toStage(item, 0, -reach), toStage(item, 0, reach)];
  const first = (places) => places.find(within) || places[0];
  const rotate = first(turn);
  return { along: keep(first(side1)), across: keep(rotate === turn[0] ? first(side2) : first([side2[1], side2[0]])), rotate: keep(rotate) };
}
const handleNodes = {};
function drawHandles() {
  const item = current();
  handles.style.display = item && view !== 'picture' && !item.locked ? '' : 'none';
  if (!item) return;
  if (!handleNodes.line) {
    handleNodes.line = make('line', { class: 'se-arm' }, handles);
    for (const [name, hint] of [['along', 'Drag: length'], ['across', 'Drag: width'], ['rotate', 'Drag: turn']]) {
      const node = make('g', { class: `se-handle ${name}`, 'data-handle': name }, handles);
      make('circle', { class: 'se-hit', r: 12 }, node);
      make('circle', { class: 'se-dot', r: name === 'rotate' ? 6.5 : 7 }, node);
      make('title', {}, node).textContent = hint;
      handleNodes[name] = node;
    }
  }
  const places = handlePlaces(item);
  for (const name of ['along', 'across', 'rotate']) {
    handleNodes[name].setAttribute('transform', `translate(${places[name][0]} ${places[name][1]})`);
    handleNodes[name].firstChild.setAttribute('r', coarse.matches ? 22 : 12);
  }
  put(handleNodes.line, { x1: item.x * side, y1: item.y * side, x2: places.rotate[0], y2: places.rotate[1] });
}

const chips = new Map();
function drawLayers() {
  const ids = new Set(elements.map((item) => item.id));
  for (const [id, chip] of chips) if (!ids.has(id)) { chip.remove(); chips.delete(id); }
  [...elements].reverse().forEach((item, place) => {
    let chip = chips.get(item.id);
    if (!chip) {
      chip = Object.assign(document.createElement('button'), { type: 'button' });
      chip.dataset.pick = item.id;
      chip.style.setProperty('--c', colour(item.id));
      chips.set(item.id, chip);
    }
    chip.className = `se-chip${item.id === selected ? ' on' : ''}${item.hidden ? ' ghost' : ''}`;
    if (chip.textContent !== title(item)) chip.textContent = title(item);
    chip.setAttribute('aria-pressed', String(item.id === selected));
    chip.setAttribute('aria-label', `Select ${describe(item)}`);
    if (layers.children[place] !== chip) layers.insertBefore(chip, layers.children[place] || null);
  });
}

function drawTools() {
  const item = current(), place = elements.indexOf(item), off = {
    undo: !scene.can_undo, redo: !scene.can_redo, clone: !item, remove: !item, hide: !item,
    forward: !item || place === elements.length - 1, backward: !item || place === 0,
  };
  for (const button of element.querySelectorAll('[data-act]')) {
    button.disabled = off[button.dataset.act];
    if (button.dataset.act === 'hide') button.setAttribute('aria-pressed', String(Boolean(item && item.hidden)));
  }
  for (const button of element.querySelectorAll('[data-view]')) button.setAttribute('aria-checked', String(button.dataset.view === view));
  stage.dataset.show = view;
}

function draw() {
  const ids = new Set(elements.map((item) => item.id));
  for (const [id, made] of nodes) if (!ids.has(id)) { made.shape.remove(); made.tag.remove(); nodes.delete(id); }
  elements.forEach((item, place) => {
    drawShape(item);
    const { shape } = nodesOf(item);
    if (!drag && shapes.children[place] !== shape) shapes.insertBefore(shape, shapes.children[place] || null);
  });
  drawLabels(); drawHandles(); drawLayers(); drawTools();
}
let drawing = false;
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}
new ResizeObserver(() => {
  const width = stage.clientWidth;
  if (!width) return;                             // a hidden tab
  side = width;
  svg.setAttribute('viewBox', `0 0 ${side} ${side}`);
  draw();
}).observe(stage);
