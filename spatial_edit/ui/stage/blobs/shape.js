// The kind of layout "blobs": ellipses. An element is {id, x, y, size, aspect, angle, hidden, locked, name}: x, y and
// size in fractions of the side, angle in radians counter-clockwise as seen. Elements stand in depth order, farthest
// first.

const CENTRE = [-0.19, 1.19], SIZE = [0.01, 0.95], ASPECT = [0.12, 8];   // just inside what the server accepts
const TURN = Math.PI / 36;
const radii = (item) => [item.size * Math.sqrt(item.aspect), item.size / Math.sqrt(item.aspect)];
const upright = (angle) => angle - Math.PI * Math.round(angle / Math.PI);   // the same ellipse, within a quarter turn: its handles stay

// A point in the element's own axes: along its first radius, and across it. y points down, hence the signs.
function toLocal(item, x, y) {
  const c = Math.cos(item.angle), s = Math.sin(item.angle), dx = x - item.x, dy = y - item.y;
  return [dx * c - dy * s, dx * s + dy * c];
}
function toStage(item, u, v) {
  const c = Math.cos(item.angle), s = Math.sin(item.angle);
  return [item.x + u * c + v * s, item.y - u * s + v * c];
}
function inside(item, x, y) {
  const [u, v] = toLocal(item, x, y), [a, b] = radii(item);
  return (u / Math.max(a, 0.02)) ** 2 + (v / Math.max(b, 0.02)) ** 2 <= 1;
}

// The operations that lead from one state of an element to another, as the server understands them.
function blobSteps(before, after) {
  const target = after.id, list = [], far = (a, b) => Math.abs(a - b) > 1e-6;
  if (far(before.x, after.x) || far(before.y, after.y)) list.push({ op: 'move', target, dx: after.x - before.x, dy: after.y - before.y });
  if (far(before.size, after.size)) list.push({ op: 'resize', target, factor: after.size / before.size });
  if (far(before.aspect, after.aspect)) list.push({ op: 'reshape', target, factor: after.aspect / before.aspect });
  if (far(before.angle, after.angle)) list.push({ op: 'rotate', target, angle: Math.atan2(Math.sin(after.angle - before.angle), Math.cos(after.angle - before.angle)) });
  return list;
}
function shapeTo(item, before, u, v, keepAspect) {
  const [a0, b0] = radii(before);
  let a = clamp(u, [0.01, 1.4]), b = clamp(v, [0.01, 1.4]);
  if (keepAspect) { const factor = a !== a0 ? a / a0 : b / b0; a = a0 * factor; b = b0 * factor; }
  item.size = clamp(Math.sqrt(a * b), SIZE);
  item.aspect = clamp(a / b, ASPECT);
}
// Where the three handles of an element are, in pixels: on its axes, at least 26 px from the centre, inside the stage.
function handlePlaces(item) {
  const [a, b] = radii(item), keep = ([x, y]) => [inStage(x * side), inStage(y * side)];
  const along = Math.max(a, 26 / side), across = Math.max(b, 26 / side), within = ([x, y]) => x > 0 && x < 1 && y > 0 && y < 1;
  const side1 = [toStage(item, along, 0), toStage(item, -along, 0)], side2 = [toStage(item, 0, across), toStage(item, 0, -across)];
  const reach = across + 30 / side, turn = [toStage(item, 0, -reach), toStage(item, 0, reach)];
  const first = (places) => places.find(within) || places[0];
  const rotate = first(turn);
  return { along: keep(first(side1)), across: keep(rotate === turn[0] ? first(side2) : first([side2[1], side2[0]])), rotate: keep(rotate) };
}

const blobs = {
  name: 'blobs',
  words: { both: 'Outlines', map: 'Blob map' },
  title: (item) => (item.name ? `${item.id} ${item.name}` : `${item.id}`),
  describe: (item) => `${blobs.title(item)}: x ${Math.round(item.x * 100)} %, y ${Math.round(item.y * 100)} %, `
    + `size ${Math.round(item.size * 100)} %, angle ${Math.round(item.angle * 180 / Math.PI)}°${item.hidden ? ', hidden' : ''}`,
  colour: (item, light = 62) => `hsl(${hue(item.id)} 85% ${light}%)`,
  along: () => [],                                 // what goes with an element when it is hidden or removed
  adopt(said) { elements = copy(said.elements).map((item) => ({ ...item, angle: upright(item.angle) })); },
  payload: () => ({ elements: elements.map(({ id, x, y, size, aspect, angle, hidden }) => ({ id, x, y, size, aspect, angle, hidden })) }),
  difference: (before) => before.elements.flatMap((old) => { const item = byId(old.id); return item ? blobSteps(old, item) : []; }),

  // ---- drawing ----
  prepare() {}, around() {},
  order: () => elements,
  listed: () => [...elements].reverse(),
  nodes: (shape) => ({ halo: make('ellipse', { class: 'se-halo' }, shape), ellipse: make('ellipse', { class: 'se-ellipse' }, shape) }),
  paint(item, { shape, halo, ellipse }) {
    const [a, b] = radii(item);
    shape.setAttribute('transform', `translate(${item.x * side} ${item.y * side}) rotate(${-item.angle * 180 / Math.PI})`);
    for (const node of [halo, ellipse]) put(node, { rx: Math.max(3, a * side), ry: Math.max(3, b * side) });
    return 'se-blob';
  },
  spot: (item) => ({ x: item.x * side, y: item.y * side, room: 2.2 * Math.max(...radii(item)) * side, shown: true }),
  handles(item) {
    const places = handlePlaces(item), arm = handles.querySelector('.se-arm') || make('line', { class: 'se-arm' }, handles);
    for (const [name, hint] of [['along', 'Drag: length'], ['across', 'Drag: width'], ['rotate', 'Drag: turn']]) {
      const node = handle(name, hint, (group) => make('circle', { class: 'se-dot', r: name === 'rotate' ? 6.5 : 7 }, group));
      node.setAttribute('transform', `translate(${places[name][0]} ${places[name][1]})`);
    }
    put(arm, { x1: item.x * side, y1: item.y * side, x2: places.rotate[0], y2: places.rotate[1] });
  },
  off(item) {
    const place = elements.indexOf(item);
    return { forward: !item || place === elements.length - 1, backward: !item || place === 0 };
  },

  // ---- gestures: input.js calls these with points in fractions of the side ----
  // Elements under a point, smallest first: the one a person means when several overlap.
  under: (x, y) => elements.filter((item) => !item.hidden && inside(item, x, y)).sort((p, q) => p.size - q.size),
  holds: (item, x, y) => inside(item, x, y),
  start() {},
  move({ kind: what, old: before, x: x0, y: y0 }, item, x, y, event) {
    if (what === 'move') {
      item.x = clamp(before.x + x - x0, CENTRE); item.y = clamp(before.y + y - y0, CENTRE);
    } else if (what === 'rotate') {
      const angleAt = (px, py) => Math.atan2(-(py - before.y), px - before.x), snap = Math.PI / 12;
      let angle = before.angle + angleAt(x, y) - angleAt(x0, y0);
      if (event.shiftKey) angle = Math.round(angle / snap) * snap;
      item.angle = Math.atan2(Math.sin(angle), Math.cos(angle));
    } else {                                        // relative, so that a handle held inside the stage does not jump
      const [u0, v0] = toLocal(before, x0, y0), [u, v] = toLocal(before, x, y), [a, b] = radii(before);
      if (what === 'along') shapeTo(item, before, a + (u - u0) * Math.sign(u0 || 1), b, event.shiftKey);
      else shapeTo(item, before, a, b + (v - v0) * Math.sign(v0 || 1), event.shiftKey);
    }
  },
  told: (item) => blobs.describe(item),
  key(event) {
    const step = event.shiftKey ? 0.05 : 0.01, changes = {
      ArrowLeft: (it) => { it.x -= step; }, ArrowRight: (it) => { it.x += step; },
      ArrowUp: (it) => { it.y -= step; }, ArrowDown: (it) => { it.y += step; },
      '+': (it) => { it.size *= 1.05; }, '=': (it) => { it.size *= 1.05; }, '-': (it) => { it.size /= 1.05; },
      '[': (it) => { it.angle += TURN; }, ']': (it) => { it.angle -= TURN; },
      ',': (it) => { it.aspect /= 1.06; }, '.': (it) => { it.aspect *= 1.06; },
    }, change = event.altKey ? null : changes[event.key];
    return change && ((it) => {
      change(it);
      it.x = clamp(it.x, CENTRE); it.y = clamp(it.y, CENTRE); it.size = clamp(it.size, SIZE); it.aspect = clamp(it.aspect, ASPECT);
    });
  },
  wheel: (item, delta) => { item.size = clamp(item.size * Math.exp(-delta / 900), SIZE); },
  shortcuts: { pageup: 'forward', pagedown: 'backward' },
  act(name, item) {
    const place = elements.indexOf(item), target = item.id;
    if (name === 'forward' && place < elements.length - 1) send('edit', [{ op: 'reorder', target, to: place + 1 }]);
    else if (name === 'backward' && place > 0) send('edit', [{ op: 'reorder', target, to: place - 1 }]);
    else if (name === 'clone') send('edit', [{ op: 'clone', target, dx: item.x < 0.9 ? 0.06 : -0.06, dy: item.y < 0.9 ? 0.06 : -0.06 }]);
  },
};
const kinds = { blobs };
