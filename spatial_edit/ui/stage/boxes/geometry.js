// The kind of layout "boxes3d", geometry: perspective as in layouts/perspective.py, rays, boxes. Pure functions of
// numbers; a test compares them with Python's. Metres, x right, y up, z towards the back wall. A camera is
// [x, y, z, yaw, pitch, field of view]; picture points u, v lie in 0..1, v down. A box has x, y, z, hx, hy, hz.

const NEAR = 0.05;                                 // metres of camera depth: what is nearer is not drawn

// A room point in the camera's own axes: right, up, depth.
function toCamera([px, py, pz], camera) {
  const dx = px - camera[0], dy = py - camera[1], dz = pz - camera[2];
  const cy = Math.cos(camera[3]), sy = Math.sin(camera[3]), cp = Math.cos(camera[4]), sp = Math.sin(camera[4]);
  const x = dx * cy - dz * sy, z = dx * sy + dz * cy;
  return [x, dy * cp - z * sp, z * cp + dy * sp];
}
function flatten([x, y, z], camera) {
  const scale = 0.5 / (Math.max(z, NEAR) * Math.tan(camera[5] / 2));
  return [0.5 + x * scale, 0.5 - y * scale];
}
// [u, v, depth] of a room point; one behind the camera as if it were NEAR, look at the depth.
function project(point, camera) {
  const seen = toCamera(point, camera);
  return [...flatten(seen, camera), seen[2]];
}
// The direction of camera depth 1 through a picture point.
function ray(u, v, camera) {
  const spread = Math.tan(camera[5] / 2), x = (2 * u - 1) * spread, y = (1 - 2 * v) * spread;
  const cy = Math.cos(camera[3]), sy = Math.sin(camera[3]), cp = Math.cos(camera[4]), sp = Math.sin(camera[4]);
  const z = cp - y * sp;
  return [x * cy + z * sy, y * cp + sp, z * cy - x * sy];
}
// Where the ray of a picture point meets the plane coordinate `axis` = value; null behind the camera.
function onPlane(u, v, camera, axis, value) {
  const d = ray(u, v, camera);
  if (Math.abs(d[axis]) < 1e-6) return null;
  const depth = (value - camera[axis]) / d[axis];
  return depth > NEAR ? d.map((part, i) => camera[i] + part * depth) : null;
}
// The parameter t for which the point origin + t * axis comes nearest to the ray of a picture point.
function nearestOnLine(origin, axis, u, v, camera) {
  const d = ray(u, v, camera), w = origin.map((part, i) => part - camera[i]);
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const b = dot(axis, d), c = dot(d, d), e = dot(axis, w), f = dot(d, w), below = c - b * b;
  return below < 1e-9 ? 0 : (b * f - c * e) / below;
}

// Corner number: bits 0, 1, 2 are the signs of x, y, z, as in Python.
function corners(box) {
  return Array.from({ length: 8 }, (unused, i) => [
    box.x + (i & 1 ? box.hx : -box.hx), box.y + (i & 2 ? box.hy : -box.hy), box.z + (i & 4 ? box.hz : -box.hz)]);
}
const FACES = [0, 1, 2].flatMap((axis) => [-1, 1].map((sign) => {   // corners of every face, going round
  const others = [0, 1, 2].filter((other) => other !== axis).map((other) => 1 << other), base = sign > 0 ? 1 << axis : 0;
  return { axis, sign, corners: [base, base | others[0], base | others[0] | others[1], base | others[1]] };
}));
const EDGES = [];                                  // [corner, corner, face, face]
for (let a = 0; a < 8; a += 1) for (const bit of [1, 2, 4]) if (!(a & bit)) {
  const pair = [a, a | bit];
  EDGES.push([...pair, ...FACES.map((face, i) => [face, i]).filter(([face]) => pair.every((c) => face.corners.includes(c))).map(([, i]) => i)]);
}
const CENTRE_KEYS = ['x', 'y', 'z'], HALF_KEYS = ['hx', 'hy', 'hz'];
// Whether the camera is on the outer side of a face.
const facesCamera = (box, { axis, sign }, camera) => (camera[axis] - box[CENTRE_KEYS[axis]]) * sign > box[HALF_KEYS[axis]];

// A segment cut off at the near plane, in picture coordinates; null when nothing is left.
function segment(a, b, camera) {
  let p = toCamera(a, camera), q = toCamera(b, camera);
  if (p[2] < NEAR && q[2] < NEAR) return null;
  const cut = (from, to) => { const t = (NEAR - from[2]) / (to[2] - from[2]); return from.map((part, i) => part + (to[i] - part) * t); };
  if (p[2] < NEAR) p = cut(p, q); else if (q[2] < NEAR) q = cut(q, p);
  return [...flatten(p, camera), ...flatten(q, camera)];
}
// A polygon of room points cut off at the near plane, as picture points.
function polygon(points, camera) {
  const seen = points.map((point) => toCamera(point, camera)), kept = [];
  seen.forEach((p, i) => {
    const q = seen[(i + 1) % seen.length];
    if (p[2] >= NEAR) kept.push(p);
    if ((p[2] >= NEAR) !== (q[2] >= NEAR)) { const t = (NEAR - p[2]) / (q[2] - p[2]); kept.push(p.map((part, k) => part + (q[k] - part) * t)); }
  });
  return kept.map((p) => flatten(p, camera));
}
// The depth at which a ray from the camera enters a box grown by `grow` metres, and where it leaves; null beside it.
function meetBox(camera, d, box, grow = 0) {
  let near = -Infinity, far = Infinity;
  for (let axis = 0; axis < 3; axis += 1) {
    const half = box[HALF_KEYS[axis]] + grow, offset = box[CENTRE_KEYS[axis]] - camera[axis];
    if (Math.abs(d[axis]) < 1e-9) { if (Math.abs(offset) > half) return null; continue; }
    const a = (offset - half) / d[axis], b = (offset + half) / d[axis];
    near = Math.max(near, Math.min(a, b)); far = Math.min(far, Math.max(a, b));
  }
  return near <= far && far > NEAR ? [Math.max(near, NEAR), far] : null;
}
