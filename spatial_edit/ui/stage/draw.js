// Drawing, for every kind of layout. SVG units are CSS pixels of the stage. Nodes are keyed by element and changed in
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
  if (nodes.has(item.id) && nodes.get(item.id).word === item.name) return nodes.get(item.id);
  if (nodes.has(item.id)) drop(item.id);          // another thing has its number now: its colour differs
  const shape = make('g', { tabindex: 0, role: 'button', 'data-id': item.id }, shapes);
  const tag = make('g', { class: 'se-tag' }, labels);
  const made = {
    shape, tag, word: item.name, ...kind.nodes(shape),
    plate: make('rect', { class: 'se-plate', height: 20, rx: 10 }, tag), text: make('text', { class: 'se-text', y: 14 }, tag),
  };
  made.shape.style.setProperty('--c', kind.colour(item));
  made.tag.style.setProperty('--c', kind.colour(item, 45));
  nodes.set(item.id, made);
  return made;
}
function drop(id) { const { shape, tag } = nodes.get(id); shape.remove(); tag.remove(); nodes.delete(id); }
function clear() {
  for (const id of [...nodes.keys()]) drop(id);
  for (const chip of chips.values()) chip.remove();
  chips.clear(); handles.replaceChildren();
}

function drawShape(item) {
  const made = nodesOf(item), on = item.id === selected;
  made.shape.setAttribute('aria-label', kind.describe(item));
  made.shape.setAttribute('aria-pressed', String(on));
  const extra = kind.paint(item, made);
  made.shape.setAttribute('class', `se-shape ${extra || ''}${on ? ' on' : ''}${item.hidden ? ' ghost' : ''}${item.id === hovered ? ' hover' : ''}`);
}

// Names are shown where there is room, numbers everywhere; labels that would cover one another move down, the selected one stays put.
function drawLabels() {
  const placed = [], spots = new Map(elements.map((item) => [item.id, kind.spot(item)]));
  const order = [...elements].sort((p, q) => (q.id === selected) - (p.id === selected) || spots.get(p.id).y - spots.get(q.id).y || p.id - q.id);
  pen.font = '600 11.5px system-ui, sans-serif';
  for (const item of order) {
    const { tag, plate, text } = nodesOf(item), spot = spots.get(item.id), asked = item.id === selected || item.id === hovered;
    tag.style.display = asked || spot.shown ? '' : 'none';
    if (!asked && !spot.shown) continue;
    const room = side >= 420 && (elements.length <= 12 || pen.measureText(kind.title(item)).width < spot.room);
    const words = asked || room && !item.hidden ? kind.title(item) : String(item.id);
    if (text.textContent !== words) text.textContent = words;
    const width = Math.max(20, Math.ceil(pen.measureText(words).width) + 14);
    const box = { x: clamp(spot.x - width / 2, [2, side - width - 2]), y: clamp(spot.y - 10, [2, side - 22]), w: width };
    const meets = (other) => Math.abs(other.x + other.w / 2 - box.x - width / 2) < (other.w + width) / 2 + 1 && Math.abs(other.y - box.y) < 21;
    for (let tries = 0; tries < 6 && placed.some(meets); tries += 1) box.y = placed.find(meets).y + 21.5;
    box.y = Math.min(box.y, side - 22);
    placed.push(box);
    put(plate, { width }); put(text, { x: width / 2 });
    tag.setAttribute('transform', `translate(${box.x} ${box.y})`);
    tag.setAttribute('class', `se-tag${item.id === selected ? ' on' : ''}${item.hidden ? ' ghost' : ''}`);
  }
}

// A handle: a dot with a large invisible spot to hit, made once and moved.
function handle(name, hint, build) {
  let node = handles.querySelector(`[data-handle="${name}"]`);
  if (!node) {
    node = make('g', { class: `se-handle ${name}`, 'data-handle': name }, handles);
    make('circle', { class: 'se-hit' }, node);
    build(node);
    make('title', {}, node).textContent = hint;
  }
  node.firstChild.setAttribute('r', coarse.matches ? 22 : 12);
  return node;
}
const inStage = (value) => { const margin = coarse.matches ? 22 : 13; return clamp(value, [margin, side - margin]); };
function drawHandles() {
  const item = current(), shown = item && view !== 'picture' && !item.locked;
  handles.style.display = shown ? '' : 'none';
  if (shown) kind.handles(item);
}

const chips = new Map();
function drawLayers() {
  const ids = new Set(elements.map((item) => item.id));
  for (const [id, chip] of chips) if (!ids.has(id)) { chip.remove(); chips.delete(id); }
  kind.listed().forEach((item, place) => {
    let chip = chips.get(item.id);
    if (!chip) {
      chip = Object.assign(document.createElement('button'), { type: 'button' });
      chip.dataset.pick = item.id;
      chips.set(item.id, chip);
    }
    chip.style.setProperty('--c', kind.colour(item));
    chip.className = `se-chip${item.id === selected ? ' on' : ''}${item.hidden ? ' ghost' : ''}${item.locked ? ' locked' : ''}`;
    if (chip.textContent !== kind.title(item)) chip.textContent = kind.title(item);
    chip.setAttribute('aria-pressed', String(item.id === selected));
    chip.setAttribute('aria-label', `Select ${kind.describe(item)}`);
    if (layers.children[place] !== chip) layers.insertBefore(chip, layers.children[place] || null);
  });
}

function drawTools() {
  const item = current(), off = { undo: !scene.can_undo, redo: !scene.can_redo, ...kind.off(item) };
  for (const button of element.querySelectorAll('[data-act]')) {
    const name = button.dataset.act;
    button.disabled = name in off ? off[name] : !item;
    if (name === 'hide' || name === 'lock') button.setAttribute('aria-pressed', String(Boolean(item && item[name === 'hide' ? 'hidden' : 'locked'])));
  }
  for (const button of element.querySelectorAll('[data-view]')) button.setAttribute('aria-checked', String(button.dataset.view === view));
  stage.dataset.show = view;
}

function draw() {
  if (!kind) return;
  const ids = new Set(elements.map((item) => item.id)), focused = document.activeElement;
  for (const id of [...nodes.keys()]) if (!ids.has(id)) drop(id);
  kind.prepare();
  kind.order().forEach((item, place) => {
    drawShape(item);
    const { shape } = nodesOf(item);
    if (!drag && shapes.children[place] !== shape) shapes.insertBefore(shape, shapes.children[place] || null);
  });
  if (focused && shapes.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });  // moving a node drops its focus
  drawLabels(); drawHandles(); drawLayers(); drawTools(); kind.around();
  tell('draw');
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
