// The kind of layout "blobs": ellipses. An element is {id, name, x, y, size, aspect, angle, hidden, locked, opacity, row,
// source, colour, paint}: x, y and size in fractions of the side, angle in radians counter-clockwise as seen. Elements
// stand in depth order, farthest first. Besides what every kind has, blobs can be transformed several at a time, keep
// a depth order and exchange their looks: `groups`, `depths`, `swaps`.

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

// Half the width and half the height of the box round the turned ellipse.
function extents(item) {
  const [a, b] = radii(item), c = Math.cos(item.angle), s = Math.sin(item.angle);
  return [Math.hypot(a * c, b * s), Math.hypot(a * s, b * c)];
}

// The operations that lead from one state of an element to another, as the server understands them.
function blobSteps(before, after) {
  const target = after.id, list = [], far = (a, b) => Math.abs(a - b) > 1e-6;
  if (far(before.x, after.x) || far(before.y, after.y)) list.push({ op: 'move', target, dx: after.x - before.x, dy: after.y - before.y });
  if (far(before.size, after.size)) list.push({ op: 'resize', target, factor: after.size / before.size });
  if (far(before.aspect, after.aspect)) list.push({ op: 'reshape', target, factor: after.aspect / before.aspect });
  if (far(before.angle, after.angle)) list.push({ op: 'rotate', target, angle: Math.atan2(Math.sin(after.angle - before.angle), Math.cos(after.angle - before.angle)) });
  return [...list, ...lookSteps(before, after)];
}
function lookSteps(before, after) {
  const target = after.id, list = [], share = (item) => (item.source ? item.source.share : null);
  if (before.opacity !== after.opacity) list.push({ op: 'opacity', target, value: after.opacity });
  if (share(before) !== null && share(after) !== null && share(before) !== share(after)) list.push({ op: 'mix', target, share: share(after) });
  if ((before.colour || null) !== (after.colour || null)) list.push({ op: 'recolour', target, colour: after.colour || null });
  return list;
}
// The same as one operation, when several elements went together; else one by one, in at most 64 operations.
function blobDifference(before) {
  const pairs = before.elements.map((old) => [old, byId(old.id)]).filter(([, item]) => item), lists = pairs.map(([old, item]) => blobSteps(old, item));
  const changed = pairs.filter((pair, i) => lists[i].length), all = lists.flat();
  if (changed.length < 2) return all;
  const motion = changed.some(([old, item]) => lookSteps(old, item).length) ? null : motionOf(changed);
  if (motion) return [{ op: 'group', targets: changed.map(([old]) => old.id), ...motion }];
  if (all.length <= 64) return all;
  return changed.map(([old, item]) => ({ op: 'set', target: old.id, x: item.x, y: item.y, size: item.size, aspect: item.aspect, angle: item.angle }));
}
function shapeTo(item, before, u, v, keepAspect) {
  const [a0, b0] = radii(before);
  let a = clamp(u, [0.01, 1.4]), b = clamp(v, [0.01, 1.4]);
  if (keepAspect) { const factor = a !== a0 ? a / a0 : b / b0; a = a0 * factor; b = b0 * factor; }
  item.size = clamp(Math.sqrt(a * b), SIZE);
  item.aspect = clamp(a / b, ASPECT);
}
// The shift that a moved element takes on so that its centre or edges meet a line, see snap.js.
function snapBlob(before, dx, dy) {
  const [w, h] = extents(before), box = (at, half) => ({ low: at - half, middle: at, high: at + half });
  return snapMove({ x: box(before.x + dx, w), y: box(before.y + dy, h) }, new Set([before.id]), [dx !== 0, dy !== 0]);
}
// The radius along `tip` (a direction in the element's own axes) whose end meets a line, where one is near.
function snapTip(before, [su, sv], radius) {
  const [x, y] = toStage(before, su * radius, sv * radius), [x1, y1] = toStage(before, su, sv), slope = [x1 - before.x, y1 - before.y];
  const axis = Math.abs(slope[0]) > Math.abs(slope[1]) ? 0 : 1, at = axis ? y : x, lines = snapLines(axis, new Set([before.id]));
  const hit = nearestLine({ low: at, middle: at, high: at }, lines);
  showGuides(axis ? [null, hit] : [hit, null]);
  return hit ? radius + hit[0] / slope[axis] : radius;
}
// Where the three handles of an element are, in pixels: on its axes, away from the centre, in the part that is seen.
function handlePlaces(item) {
  const [a, b] = radii(item), keep = ([x, y]) => [inStage(x * side, 0), inStage(y * side, 1)], near = (coarse.matches ? 46 : 26) / side;
  const along = Math.max(a, near), across = Math.max(b, near), shown = (at, corner) => at * side + corner > 0 && at * side + corner < frameSide;
  const within = ([x, y]) => shown(x, lens.x) && shown(y, lens.y);
  const side1 = [toStage(item, along, 0), toStage(item, -along, 0)], side2 = [toStage(item, 0, across), toStage(item, 0, -across)];
  const reach = across + (coarse.matches ? 46 : 30) / side, turn = [toStage(item, 0, -reach), toStage(item, 0, reach)];
  const first = (places) => places.find(within) || places[0];
  const rotate = first(turn);
  return { along: keep(first(side1)), across: keep(rotate === turn[0] ? first(side2) : first([side2[1], side2[0]])), rotate: keep(rotate) };
}

const blobs = {
  name: 'blobs', groups: true, depths: true, swaps: true,
  words: { both: 'Outlines', map: 'Blob map' },
  title: (item) => (item.name ? `${item.id} ${item.name}` : `${item.id}`),
  describe: (item) => `${blobs.title(item)}: x ${Math.round(item.x * 100)} %, y ${Math.round(item.y * 100)} %, `
    + `size ${Math.round(item.size * 100)} %, angle ${Math.round(item.angle * 180 / Math.PI)}°${item.hidden ? ', hidden' : ''}`,
  colour: (item, light = 62) => `hsl(${hue(item.id)} 85% ${light}%)`,
  along: () => [],                                 // what goes with an element when it is hidden or removed
  adopt(said) { elements = copy(said.elements).map((item) => ({ ...item, angle: upright(item.angle) })); world = copy(said.world || {}); },
  payload: () => ({ elements: elements.map((item) => {
    const { id, x, y, size, aspect, angle, hidden } = item;
    return { id, x, y, size, aspect, angle, hidden, ...item.opacity === undefined ? {} : { opacity: item.opacity, share: item.source ? item.source.share : null, colour: item.colour || null } };
  }) }),
  difference: (before) => [...blobDifference(before), ...depthSteps(before)],

  // ---- drawing ----
  prepare() {}, around() {},
  order: () => elements,
  look: ({ x, y, size, aspect, angle }) => `${x} ${y} ${size} ${aspect} ${angle} ${side}`,
  listed: () => [...elements].reverse(),
  nodes: (shape) => ({ halo: make('ellipse', { class: 'se-halo' }, shape), ellipse: make('ellipse', { class: 'se-ellipse' }, shape) }),
  paint(item, { shape, halo, ellipse }) {
    const [a, b] = radii(item);
    shape.setAttribute('transform', `translate(${item.x * side} ${item.y * side}) rotate(${-item.angle * 180 / Math.PI})`);
    for (const node of [halo, ellipse]) put(node, { rx: Math.max(3, a * side), ry: Math.max(3, b * side) });
    return 'se-blob';
  },
  bounds(item) { const [w, h] = extents(item); return { left: item.x - w, right: item.x + w, top: item.y - h, bottom: item.y + h }; },
  spot: (item) => ({ x: item.x * side, y: item.y * side, room: 2.2 * Math.max(...radii(item)) * side, shown: true }),
  tips: (item) => Object.values(handlePlaces(item)),
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
    if (picked.size > 1) return { forward: false, backward: false };
    return { forward: !item || place === elements.length - 1, backward: !item || place === 0 };
  },

  // ---- gestures: input.js calls these with points in fractions of the side ----
  // Elements under a point, smallest first: the one a person means when several overlap.
  under: (x, y) => elements.filter((item) => !item.hidden && inside(item, x, y)).sort((p, q) => p.size - q.size),
  holds: (item, x, y) => inside(item, x, y),
  start() {},
  move({ kind: what, old: before, x: x0, y: y0 }, item, x, y, event) {
    if (what === 'move') {
      let [dx, dy] = held(x - x0, y - y0, event);
      if (event.altKey) hideGuides(); else { const [sx, sy] = snapBlob(before, dx, dy); dx += sx; dy += sy; }
      item.x = clamp(before.x + dx, CENTRE); item.y = clamp(before.y + dy, CENTRE);
    } else if (what === 'rotate') {
      const angleAt = (px, py) => Math.atan2(-(py - before.y), px - before.x), snap = Math.PI / 12;
      let angle = before.angle + angleAt(x, y) - angleAt(x0, y0);
      if (event.shiftKey) angle = Math.round(angle / snap) * snap;
      item.angle = Math.atan2(Math.sin(angle), Math.cos(angle));
    } else {                                        // relative, so that a handle held inside the stage does not jump
      const [u0, v0] = toLocal(before, x0, y0), [u, v] = toLocal(before, x, y), [a, b] = radii(before), su = Math.sign(u0) || 1, sv = Math.sign(v0) || 1;
      const reach = what === 'along' ? a + (u - u0) * su : b + (v - v0) * sv, tip = what === 'along' ? [su, 0] : [0, sv];
      const met = event.altKey ? reach : snapTip(before, tip, reach);
      if (event.altKey) hideGuides();
      if (what === 'along') shapeTo(item, before, met, b, event.shiftKey); else shapeTo(item, before, a, met, event.shiftKey);
    }
  },
  // What an edit of the kind's own operations has done to an element, in words.
  told(item, edit = []) {
    const [{ op } = {}] = edit, dial = dials[{ opacity: 'opacity', mix: 'share', reorder: 'depth' }[op]];
    if (op === 'recolour') return `${blobs.title(item)}: ${item.colour ? `colour ${item.colour}` : 'its own colour'}.`;
    return dial ? `${blobs.title(item)}: ${dial.label} ${dial.words(item)}.` : blobs.describe(item);
  },
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
  shortcuts: { pageup: 'forward', pagedown: 'backward', home: 'front', end: 'back' },
  // Clones of several keep their places to one another.
  cloneStep(items) {
    const dx = Math.max(...items.map((item) => item.x)) < 0.9 ? 0.06 : -0.06, dy = Math.max(...items.map((item) => item.y)) < 0.9 ? 0.06 : -0.06;
    return items.map(({ id }) => ({ op: 'clone', target: id, dx, dy }));
  },
  act() {},
};
const kinds = { blobs };
