// The kind of layout "boxes3d", drawing over the picture: wireframes with hidden lines removed, the footprint and the
// handles of the selected box.

const frame3d = new Map();                         // id → what `measure` found, once a drawing
const pixel = ([u, v]) => [u * side, v * side];
const pathOf = (points) => points.map(([u, v], i) => `${i ? 'L' : 'M'}${(u * side).toFixed(1)} ${(v * side).toFixed(1)}`).join('');

// The pieces of a box's edges that the camera sees, and those it does not; hidden lines are found by rays through pieces.
function measure(item) {
  const camera = world.camera, points = corners(item), seen = FACES.map((face) => facesCamera(item, face, camera));
  const related = new Set([supportOf(item, elements), ...riders3d.get(item.id) || []]);
  const others = elements.filter((other) => other !== item && !other.hidden && !related.has(other)).flatMap(solids);
  const front = [], back = [];
  let sum = [0, 0, 0];
  for (const [a, b, face, other] of EDGES) {
    const line = segment(points[a], points[b], camera);
    if (!line) continue;
    if (!seen[face] && !seen[other]) { back.push(line); continue; }
    const length = Math.hypot(line[2] - line[0], line[3] - line[1]) * side, pieces = Math.max(1, Math.min(24, Math.ceil(length / 12)));
    let from = 0, clear = null;
    for (let i = 0; i <= pieces; i += 1) {
      const middle = points[a].map((part, k) => part + (points[b][k] - part) * (i + 0.5) / pieces);
      const now = i < pieces ? !covered(middle, others, camera) : null;
      if (clear !== null && now !== clear) { (clear ? front : back).push(cutLine(points[a], points[b], from / pieces, i / pieces, camera)); from = i; }
      clear = now;
      const [u, v, depth] = project(middle, camera);
      if (now && depth > NEAR && u > 0 && u < 1 && v > 0 && v < 1) sum = [sum[0] + u, sum[1] + v, sum[2] + 1];
    }
  }
  const middle = project([item.x, item.y, item.z], camera), outline = points.map((point) => project(point, camera)).filter((p) => p[2] > NEAR);
  const across = outline.map((p) => p[0] * side), down = outline.map((p) => p[1] * side), none = !outline.length;
  const left = none ? 0 : Math.min(...across), high0 = none ? 0 : Math.min(...down), wide = none ? 0 : Math.max(...across) - left, high = none ? 0 : Math.max(...down) - high0;
  const inView = middle[2] > NEAR && middle[0] > 0.02 && middle[0] < 0.98 && middle[1] > 0.02 && middle[1] < 0.98;
  const spot = inView ? middle : sum[2] ? [sum[0] / sum[2], sum[1] / sum[2]] : middle;
  return { points, seen, front: front.filter(Boolean), back: back.filter(Boolean), spot, visible: sum[2] > 1, left, high0, wide, high, depth: middle[2] };
}
function covered(point, others, camera) {
  const d = point.map((part, i) => part - camera[i]);
  return others.some((other) => { const hit = meetBox(camera, d, other, -0.004); return hit && hit[0] < 0.985; });
}
function cutLine(a, b, from, to, camera) {
  const at = (t) => a.map((part, i) => part + (b[i] - part) * t);
  return segment(at(from), at(to), camera);
}
const lines = (list) => list.map(([a, b, c, d]) => `M${(a * side).toFixed(1)} ${(b * side).toFixed(1)}L${(c * side).toFixed(1)} ${(d * side).toFixed(1)}`).join('');

let riders3d = new Map();
function prepare3d() {
  riders3d = new Map(elements.map((item) => [item.id, []]));
  for (const item of elements) { const base = supportOf(item, elements); if (base) riders3d.get(base.id).push(item); }
  frame3d.clear();
  for (const item of elements) frame3d.set(item.id, measure(item));
}
function nodes3d(shape) {
  const path = (name) => make('path', { class: name }, shape);
  return { faces: [0, 1, 2, 3, 4, 5].map(() => path('se-face')), foot: path('se-foot3d'), halo: path('se-halo'), back: path('se-hidden'), front: path('se-wire') };
}
function paint3d(item, { faces, foot, halo, back, front }) {
  const found = frame3d.get(item.id), on = item.id === selected, lit = on || item.id === hovered;
  const shown = solids(item).flatMap((part) => { const points = corners(part); return FACES.filter((face) => facesCamera(part, face, world.camera)).map((face) => ({ ...face, points })); });
  faces.forEach((node, i) => {
    const face = shown[i], points = face ? polygon(face.corners.map((c) => face.points[c]), world.camera) : [];
    node.setAttribute('d', points.length > 2 ? `${pathOf(points)}Z` : '');
    node.dataset.axis = face ? 'xyz'[face.axis] : '';
  });
  front.setAttribute('d', lines(found.front));
  halo.setAttribute('d', lines(found.front));
  back.setAttribute('d', lit ? lines(found.back) : '');
  foot.setAttribute('d', on && bottom(item) > 0.03 && BEARERS.includes(placement(item)) && !supportOf(item, elements) ? footprint(item) : '');
  return `se-box${warned3d === selected && hit3d.has(item.id) ? ' bad' : ''}`;
}
// The shadow of a lifted box on the floor, and the line down to it.
function footprint(item) {
  const at = (sx, sz, y) => [item.x + sx * item.hx, y, item.z + sz * item.hz], camera = world.camera;
  const points = polygon([[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([sx, sz]) => at(sx, sz, 0)), camera), down = segment(at(0, 0, bottom(item)), at(0, 0, 0), camera);
  return (points.length > 2 ? `${pathOf(points)}Z` : '') + (down ? lines([down]) : '');
}

// ---- handles ----
// The faces that size handles pull: the front of what stands at a wall, else the sides that the camera sees.
function gripFaces(item) {
  const camera = world.camera, where = placement(item), towards = (axis) => (camera[axis] >= item[CENTRE_KEYS[axis]] ? 1 : -1), faces = [];
  const backAxis = sideways(item.facing) ? 0 : 2, front = FACINGS[item.facing][backAxis ? 1 : 0];
  if (item.name !== 'rug') faces.push(['tall', 1, where === 'ceiling' ? -1 : 1]);
  for (const axis of [0, 2]) {
    if (axis === backAxis && where === 'hung') continue;
    faces.push([axis === backAxis ? 'deep' : 'wide', axis, axis === backAxis && where === 'wall' ? front : towards(axis)]);
  }
  return faces;
}
function handleSpots(item) {
  const camera = world.camera, where = placement(item), list = [];
  const anchor = where === 'hung' ? [item.x, item.y, item.z] : [item.x, where === 'ceiling' ? top(item) : bottom(item), item.z];
  list.push(['floor', anchor, 0]);
  for (const [name, axis, sign] of gripFaces(item)) {
    const spot = [item.x, item.y, item.z]; spot[axis] += sign * item[HALF_KEYS[axis]];
    list.push([name, spot, 0]);
  }
  if (where !== 'hung' && where !== 'ceiling') list.push(['lift', [item.x, top(item), item.z], -(coarse.matches ? 46 : 34)]);
  const apart = coarse.matches ? 40 : 25, placed = [], centre = pixel(project([item.x, item.y, item.z], camera));
  return list.map(([name, point, up]) => {
    const [u, v, depth] = project(point, camera), x = inStage(u * side, 0), y = inStage(v * side + up, 1);
    const outward = Math.atan2(y - centre[1], x - centre[0]), free = ([px, py]) => placed.every((p) => Math.hypot(p[0] - px, p[1] - py) >= apart - 0.5);
    const spot = around([x, y], outward, apart).find(free) || [x, y];
    placed.push(spot);
    return { name, x: spot[0], y: spot[1], shown: depth > NEAR };
  });
}
// A place and others near it, the outward ones first; all inside the stage.
function around([x, y], outward, step) {
  const turns = [0, 0.6, -0.6, 1.2, -1.2, 1.9, -1.9, 2.6, -2.6];
  const rings = [0.5, 1, 1.6, 2.3].flatMap((ring) => turns.map((turn) => [inStage(x + ring * step * Math.cos(outward + turn), 0), inStage(y + ring * step * Math.sin(outward + turn), 1)]));
  return [[x, y], ...rings];
}
const HINTS = { floor: 'Drag: slide', lift: 'Drag: lift', tall: 'Drag: height', wide: 'Drag: width', deep: 'Drag: depth' };
function buildHandle(name, node) {
  if (name === 'floor') { make('ellipse', { class: 'se-disc', rx: 12, ry: 7 }, node); make('path', { class: 'se-glyph', d: 'M-6.500 0H6.500M0-4V4M-4.500-1.800-6.500 0-4.500 1.800M4.500-1.800 6.500 0 4.500 1.800' }, node); }
  else if (name === 'lift') { make('circle', { class: 'se-dot', r: 9 }, node); make('path', { class: 'se-glyph', d: 'M0-5V5M-3-2 0-5 3-2M-3 2 0 5 3 2' }, node); }
  else make('rect', { class: 'se-dot', x: -5.5, y: -5.5, width: 11, height: 11, rx: 2.5 }, node);
}
function handles3d(item) {
  const spots = handleSpots(item), names = new Set(spots.map((spot) => spot.name));
  for (const name of Object.keys(HINTS)) {
    const node = handle(name, HINTS[name], (group) => buildHandle(name, group)), spot = spots.find((other) => other.name === name);
    node.style.display = names.has(name) && spot.shown ? '' : 'none';
    if (spot) node.setAttribute('transform', `translate(${spot.x.toFixed(1)} ${spot.y.toFixed(1)})`);
  }
}
