// Drawing, for every kind of layout. SVG units are CSS pixels, so that lines, labels and handles keep their size when the
// picture is enlarged (view.js). Nodes are keyed by element and changed in place: rebuilding them during a drag would
// lose pointer capture and keyboard focus. Nothing here reads the page's layout.

const SVG = 'http://www.w3.org/2000/svg';
const coarse = window.matchMedia('(pointer: coarse)');
const pen = document.createElement('canvas').getContext('2d');
const nodes = new Map();
const lens = { zoom: 1, x: 0, y: 0 };             // the picture in the stage: how much larger, and where its corner is in CSS pixels
let frameSide = 512;                              // the stage's width in CSS pixels
let side = 512;                                   // the picture's width in CSS pixels: frameSide * lens.zoom
let form = 1;                                     // the picture's height over its width
const frameTall = () => frameSide * form, tall = () => side * form;   // the heights of both
let hovered = null;

function make(name, attributes, parent) {
  const node = document.createElementNS(SVG, name);
  put(node, attributes);
  parent.appendChild(node);
  return node;
}
// What is the same is left alone, and text changes in place: the browser lays out and styles only what really changed.
function put(node, attributes) {
  for (const key in attributes) if (node.getAttribute(key) !== String(attributes[key])) node.setAttribute(key, attributes[key]);
}
function putText(node, text) {
  const only = node.childNodes.length === 1 && node.firstChild.nodeType === Node.TEXT_NODE ? node.firstChild : null;
  if (!only) node.textContent = text; else if (only.data !== text) only.data = text;
}

function nodesOf(item) {
  if (nodes.has(item.id) && nodes.get(item.id).word === item.name) return nodes.get(item.id);
  if (nodes.has(item.id)) drop(item.id);          // another thing has its number now: its colour differs
  const shape = make('g', { tabindex: -1, role: 'button', 'data-id': item.id }, shapes);
  const tag = make('g', { class: 'se-tag' }, labels);
  const made = {
    shape, tag, word: item.name, said: '', hint: make('title', {}, shape), ...kind.nodes(shape),
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
  clearList(); handles.replaceChildren();
}

// A kind whose elements look the same as long as kind.look(item) is the same says so: of many only the dragged one changes.
function drawShape(item, stop) {
  const made = nodesOf(item), on = picked.has(item.id);
  const look = kind.look ? `${kind.look(item)} ${on} ${item.hidden} ${item.locked} ${item.id === hovered} ${item.id === stop}` : null;
  if (look !== null && made.look === look) return;
  made.look = look;
  const said = kind.describe(item);
  if (made.said !== said) { made.said = said; made.shape.setAttribute('aria-label', said); }
  made.shape.setAttribute('aria-pressed', String(on));
  made.shape.setAttribute('tabindex', item.id === stop ? 0 : -1);
  const extra = kind.paint(item, made);
  made.shape.setAttribute('class', `se-shape ${extra || ''}${on ? ' on' : ''}${item.hidden ? ' ghost' : ''}${item.locked ? ' fixed' : ''}${item.id === hovered ? ' hover' : ''}`);
}
// The browser's own tooltip of an element, for whoever waits over it: what it is and what can be done with it.
function drawHint(item, depth) {
  const state = `${item.hidden ? ', hidden' : ''}${item.locked ? ', locked' : ''}`, at = kind.depths ? `, depth ${depth} of ${elements.length}` : '';
  const words = `${kind.title(item)}${state}${at}. Drag: move. Shift+click: select several. Right click: menu.`, { hint } = nodesOf(item);
  if (hint.textContent !== words) hint.textContent = words;
}

// Names are shown where there is room, numbers everywhere; labels that would cover one another move down, the selected one stays put.
function drawLabels() {
  const placed = [], spots = new Map(elements.map((item) => [item.id, kind.spot(item)])), dragged = drag !== null && drag.moved;
  const order = [...elements].sort((p, q) => (q.id === selected) - (p.id === selected) || spots.get(p.id).y - spots.get(q.id).y || p.id - q.id);
  const [left, right] = [-lens.x, frameSide - lens.x], [top, bottom] = [-lens.y, frameTall() - lens.y], off = 40;
  pen.font = '600 11.5px system-ui, sans-serif';
  for (const item of order) {
    const { tag, plate, text } = nodesOf(item), spot = spots.get(item.id), asked = item.id === selected || item.id === hovered && !dragged;
    const seen = spot.x > left - off && spot.x < right + off && spot.y > top - off && spot.y < bottom + off;
    const shown = seen && (asked || spot.shown);
    tag.style.display = shown ? '' : 'none';
    if (!shown) continue;
    const room = (side >= 420 || kind.wordy) && (elements.length <= 12 || pen.measureText(kind.title(item)).width < spot.room);
    const words = asked || room && !item.hidden ? kind.title(item) : String(item.id);
    if (text.textContent !== words) text.textContent = words;
    const width = Math.max(20, Math.ceil(pen.measureText(words).width) + 14);
    const box = { x: clamp(spot.x - width / 2, [left + 2, right - width - 2]), y: clamp(spot.y - 10, [top + 2, bottom - 22]), w: width };
    const meets = (other) => Math.abs(other.x + other.w / 2 - box.x - width / 2) < (other.w + width) / 2 + 1 && Math.abs(other.y - box.y) < 21;
    if (kind.wordy && !asked && placed.some(meets)) { tag.style.display = 'none'; continue; }   // its name stands in the list
    freeHandles(item, box, top, bottom);
    for (let tries = 0; tries < 6 && placed.some(meets); tries += 1) box.y = placed.find(meets).y + 21.5;
    box.y = Math.min(box.y, bottom - 22);
    placed.push(box);
    put(plate, { width }); put(text, { x: width / 2 });
    put(tag, { transform: `translate(${box.x} ${box.y})` });
    put(tag, { class: `se-tag${picked.has(item.id) ? ' on' : ''}${item.hidden ? ' ghost' : ''}` });
  }
}

// The label of a small element would lie under its handles: then it goes below them all, or above.
function freeHandles(item, box, top, bottom) {
  const tips = item.id === selected && kind.tips && handled(item) ? kind.tips(item) : [], near = 10, rows = tips.map(([, y]) => y);
  if (!tips.some(([x, y]) => x > box.x - near && x < box.x + box.w + near && y > box.y - near && y < box.y + 20 + near)) return;
  const below = Math.max(...rows) + 13;
  box.y = below <= bottom - 22 ? below : Math.max(top + 2, Math.min(...rows) - 33);
}

// A handle: a dot with a large invisible spot to hit, made once and moved.
function handle(name, hint, build, parent = handles) {
  let node = parent.querySelector(`[data-handle="${name}"]`);
  if (!node) {
    node = make('g', { class: `se-handle ${name}`, 'data-handle': name }, parent);
    make('circle', { class: 'se-hit' }, node);
    build(node);
    make('title', {}, node).textContent = hint;
  }
  node.firstChild.setAttribute('r', coarse.matches ? 22 : 12);
  return node;
}
// A coordinate moved into the part of the picture that the stage shows, with room for a handle; axis 0 is x, 1 is y.
function inStage(value, axis) {
  const margin = coarse.matches ? 22 : 13, low = -(axis ? lens.y : lens.x);
  return clamp(value, [low + margin, low + (axis ? frameTall() : frameSide) - margin]);
}
const handled = (item) => Boolean(item && view !== 'picture' && !item.locked && picked.size < 2);
function drawHandles() {
  const item = current(), shown = handled(item);
  handles.style.display = shown ? '' : 'none';
  if (shown) kind.handles(item);
  drawGroup();
}

let toolsDrawn = '';                              // what the buttons were last drawn for
function drawTools() {
  const item = current(), off = { undo: !scene.can_undo, redo: !scene.can_redo, ...kind.off(item), ...offForMany(), more: false };
  const state = JSON.stringify([off, view, selected, Boolean(item && item.hidden), Boolean(item && item.locked)]);
  if (state === toolsDrawn) return;
  toolsDrawn = state;
  for (const button of element.querySelectorAll('[data-act]')) {
    const name = button.dataset.act;
    button.disabled = name in off ? off[name] : !item;
    if (name === 'hide' || name === 'lock') button.setAttribute('aria-pressed', String(Boolean(item && item[name === 'hide' ? 'hidden' : 'locked'])));
  }
  for (const button of element.querySelectorAll('[data-view]')) {
    button.setAttribute('aria-checked', String(button.dataset.view === view));
    button.tabIndex = button.dataset.view === view ? 0 : -1;
  }
  stage.dataset.show = view;
}

function draw() {
  if (!kind) return;
  const ids = new Set(elements.map((item) => item.id)), focused = document.activeElement, held = shapes.contains(focused);
  for (const id of [...nodes.keys()]) if (!ids.has(id)) drop(id);
  tidy();
  kind.prepare();
  const stop = selected ?? kind.listed()[0]?.id;   // the one element that Tab reaches; keys go on from there
  kind.order().forEach((item, place) => {
    drawShape(item, stop);
    const { shape } = nodesOf(item);
    if (drag) return;
    if (shapes.children[place] !== shape) shapes.insertBefore(shape, shapes.children[place] || null);
    drawHint(item, elements.length - place);
  });
  if (held && document.activeElement !== focused) {  // a node that was moved or removed drops its focus: keys go on working
    const item = current();                          // not the one before: what gets the focus is selected
    (item ? nodesOf(item).shape : stage).focus({ preventScroll: true });
  }
  drawLabels(); drawHandles(); drawList(); drawTools(); kind.around();
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
  lens.x *= width / frameSide; lens.y *= width / frameSide;
  frameSide = width;
  showLens();
  draw();
}).observe(stage);
