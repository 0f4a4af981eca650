// The kind of layout "boxes3d", rules: what stands where, what comes along, where a moved thing may go. Pure functions of
// the elements and the room [width, depth, height]. An element has a class (`name`), a facing 0..3 and a box; PLACEMENT
// tells where its class belongs: floor, wall (stands, back to a wall), hung (at a wall), top (on something), ceiling.

const PLACEMENT = props.furniture || {};
const FACINGS = [[0, -1], [1, 0], [-1, 0], [0, 1]];                       // x, z of where the front looks, as in Python
const MAGNET = 0.35, HOLD = 0.15;                                         // metres: how near a wall pulls, how much it keeps
const FRONT = -0.5;                                                      // z of the room's open side
const SMALLEST = 0.02, ON_FLOOR = 0.06, NEAR_WALL = 0.1, SEATS = { bed: 0.45, chair: 0.42 };
const placement = (item) => PLACEMENT[item.name] || 'floor';
const sideways = (facing) => facing === 1 || facing === 2;                // the front looks along x
const lateral = (item) => (sideways(item.facing) ? item.hz : item.hx);    // half width as seen from the front
const forward = (item) => (sideways(item.facing) ? item.hx : item.hz);    // half depth
const bottom = (item) => item.y - item.hy, top = (item) => item.y + item.hy;
const along = (item) => (sideways(item.facing) ? 'z' : 'x');              // the axis that runs along a thing's wall

// ---- what rests on what, as in layouts/furniture.py ----
const BEARERS = ['floor', 'wall', 'top'];
const surfaceHeight = (base) => (base.name in SEATS ? Math.min(top(base), bottom(base) + Math.min(SEATS[base.name], 2 * base.hy)) : top(base));
const above = (item, base, slack = 0.02) => Math.abs(item.x - base.x) < base.hx + slack && Math.abs(item.z - base.z) < base.hz + slack;
// Whether one thing can lie on another, wherever they are now.
const bears = (base, item) => base.id !== item.id && !base.hidden && base.name !== 'rug' && ['floor', 'wall'].includes(placement(base))
  && !['door', 'plant', 'floor lamp'].includes(base.name);
function rests(item, base) {
  if (base.id === item.id || !BEARERS.includes(placement(base)) || base.name === 'rug' || !above(item, base) || bottom(base) > bottom(item) - 1e-3) return false;
  const gap = bottom(item) - top(base);
  return gap >= -0.12 && gap <= 0.08 || base.name in SEATS && placement(item) === 'top' && bottom(item) <= top(base);
}
// What an element rests on, or the window that a curtain belongs to; null for what stands on the floor or hangs.
function supportOf(item, all) {
  if (item.name === 'curtain') {
    const axis = along(item), half = `h${axis}`, gap = (pane) => Math.abs(item[axis] - pane[axis]) - item[half] - pane[half];
    return all.filter((pane) => pane.name === 'window' && pane.facing === item.facing && gap(pane) < 0.3).sort((p, q) => gap(p) - gap(q))[0] || null;
  }
  if (!BEARERS.includes(placement(item)) || bottom(item) < ON_FLOOR) return null;
  return all.filter((base) => rests(item, base)).sort((p, q) => top(q) - top(p))[0] || null;
}
// Everything that rests on an element, directly or not.
function carried(item, all) {
  const below = new Map(all.map((other) => [other, supportOf(other, all)])), found = new Set([item]);
  for (let grown = true; grown;) {
    grown = false;
    for (const [other, base] of below) if (found.has(base) && !found.has(other)) { found.add(other); grown = true; }
  }
  found.delete(item);
  return [...found];
}
// Who goes along with a moved element, as they are now, and which of the room's two lights shine from among them.
function party(item, all, lights) {
  const riders = carried(item, all), names = [item, ...riders];
  const holds = (box, at, margin) => [0, 1, 2].every((i) => Math.abs(lights[at + i] - box[CENTRE_KEYS[i]]) < box[HALF_KEYS[i]] + margin);
  const near = (at, wanted, margin) => all.filter((box) => wanted.includes(box.name) && holds(box, at, margin))
    .sort((p, q) => Math.hypot(p.x - lights[at], p.z - lights[at + 2]) - Math.hypot(q.x - lights[at], q.z - lights[at + 2]))[0];
  const paned = Math.abs(lights[6]) + Math.abs(lights[7]) + Math.abs(lights[8]) > 0.1;
  return {
    riders: copy(riders), lights: [...lights], key: names.includes(near(0, paned ? ['window'] : ['ceiling lamp'], paned ? 0.3 : 0.4)),
    lamp: names.includes(near(12, ['lamp', 'floor lamp'], 0.15)),
  };
}

// A quarter turn that takes one facing to another, as [cosine, sine]: x' = c x - s z, z' = s x + c z.
function quarter(from, to) {
  const [a, b] = FACINGS[from], [c, d] = FACINGS[to];
  return [a * c + b * d, a * d - b * c];
}
function turned(facing, [c, s]) {
  const [x, z] = FACINGS[facing], wanted = [c * x - s * z, s * x + c * z];
  return FACINGS.findIndex(([fx, fz]) => Math.abs(fx - wanted[0]) + Math.abs(fz - wanted[1]) < 0.5);
}
function turnHalves(box, facing) { return sideways(facing) === sideways(box.facing) ? { hx: box.hx, hz: box.hz } : { hx: box.hz, hz: box.hx }; }
// Puts an element at a pose {x, y, z, facing}; whoever is of its party keeps its place on it, lights too.
function settleAt(item, old, pose, { riders, lights, key, lamp }, all) {
  Object.assign(item, turnHalves(old, pose.facing), pose);
  const [c, s] = quarter(old.facing, pose.facing), shift = (x, y, z) => {
    const dx = x - old.x, dz = z - old.z;
    return [pose.x + c * dx - s * dz, y + pose.y - old.y, pose.z + s * dx + c * dz];
  };
  for (const rider of riders) {
    const mine = all.find((other) => other.id === rider.id);
    if (!mine || mine.locked) continue;
    const facing = turned(rider.facing, [c, s]), [x, y, z] = shift(rider.x, rider.y, rider.z);
    Object.assign(mine, turnHalves(rider, facing), { facing, x, y, z });
  }
  const now = world.lights;
  if (key) {
    [now[0], now[1], now[2]] = shift(lights[0], lights[1], lights[2]);
    if (s !== 0) [now[3], now[5]] = [lights[5], lights[3]]; else [now[3], now[5]] = [lights[3], lights[5]];
    [now[6], now[8]] = [c * lights[6] - s * lights[8], s * lights[6] + c * lights[8]];
  }
  if (lamp) [now[12], now[13], now[14]] = shift(lights[12], lights[13], lights[14]);
}

// The same, moved back as far as a rider would reach out of the room.
function settleInside(item, old, pose, along, all, [width, depth, height]) {
  settleAt(item, old, pose, along, all);
  const limits = { x: [-width / 2, width / 2], y: [0, height], z: [FRONT, depth] }, back = { ...pose };
  for (const mine of along.riders.map((rider) => all.find((other) => other.id === rider.id))) {
    for (const axis of mine && !mine.locked ? CENTRE_KEYS : []) {
      const [low, high] = limits[axis], half = mine[`h${axis}`], over = Math.max(0, mine[axis] + half - high) - Math.max(0, low - mine[axis] + half);
      if (Math.abs(over) > Math.max(0.015, Math.abs(pose[axis] - back[axis]))) back[axis] = pose[axis] - over;
    }
  }
  if (CENTRE_KEYS.some((axis) => back[axis] !== pose[axis])) settleAt(item, old, back, along, all);
}
// Gives an element another box {x, y, z, hx, hy, hz}; its party keeps its share of the way across and up, as on the server.
function growTo(item, old, box, { riders, lights, key, lamp }, all) {
  Object.assign(item, box);
  const scale = { x: item.hx / old.hx, y: item.hy / old.hy, z: item.hz / old.hz };
  const shift = (x, y, z) => [item.x + (x - old.x) * scale.x, bottom(item) + (y - bottom(old)) * scale.y, item.z + (z - old.z) * scale.z];
  for (const rider of riders) {
    const mine = all.find((other) => other.id === rider.id), hangs = rider.name === 'curtain';
    if (!mine || mine.locked) continue;
    const [x, y, z] = shift(rider.x, hangs ? rider.y : bottom(rider), rider.z);
    Object.assign(mine, { x, z, y: hangs ? y : y + rider.hy, hy: hangs ? rider.hy * scale.y : rider.hy });
  }
  const now = world.lights;
  if (key) { [now[0], now[1], now[2]] = shift(lights[0], lights[1], lights[2]); [now[3], now[4], now[5]] = [lights[3] * scale.x, lights[4] * scale.y, lights[5] * scale.z]; }
  if (lamp) [now[12], now[13], now[14]] = shift(lights[12], lights[13], lights[14]);
}

// ---- where a thing may go: `want` is {x, z} (and y for what hangs) of its centre, `free` leaves walls alone ----
const between = (value, low, high) => (low > high ? (low + high) / 2 : Math.min(high, Math.max(low, value)));
function insideRoom(pose, half, [width, depth, height]) {
  return { ...pose, x: between(pose.x, half.hx - width / 2, width / 2 - half.hx), z: between(pose.z, FRONT + half.hz, depth - half.hz), y: between(pose.y, half.hy, height - half.hy) };
}
// How far the box's back is from each wall (facing 0, 1, 2) if it stood there.
const gaps = (want, deep, [width, depth]) => [depth - want.z - deep, want.x + width / 2 - deep, width / 2 - want.x - deep];
function againstWall(pose, deep, [width, depth]) {
  if (pose.facing === 0) return { ...pose, z: depth - deep };
  if (pose.facing === 1) return { ...pose, x: deep - width / 2 };
  return pose.facing === 2 ? { ...pose, x: width / 2 - deep } : pose;
}
function poseOnFloor(item, want, room, free) {
  const deep = forward(item), pull = gaps(want, deep, room).map((gap, facing) => gap - (facing === item.facing ? HOLD : 0));
  const best = pull.indexOf(Math.min(...pull));
  let pose = { x: want.x, y: item.y, z: want.z, facing: item.facing };
  const snaps = !free && placement(item) === 'wall' && pull[best] < MAGNET;
  if (snaps) pose.facing = best;
  pose = insideRoom(pose, { ...turnHalves(item, pose.facing), hy: item.hy }, room);
  return snaps ? againstWall(pose, deep, room) : pose;
}
function poseOnWall(item, want, room) {
  const deep = forward(item), all = gaps(want, 0, room), facing = all.indexOf(Math.min(...all));
  const pose = { x: want.x, y: want.y === undefined ? item.y : want.y, z: want.z, facing };
  return againstWall(insideRoom(pose, { ...turnHalves(item, facing), hy: item.hy }, room), deep, room);
}
// A thing that lies on something: the surface below `want`, or the one it lies on, whose edge then stops it.
function poseOnTop(item, want, room, all, surface) {
  const base = surface || supportOf(item, all);
  if (!base) return poseOnFloor(item, want, room, true);
  const limit = (key, half) => between(want[key], base[key] - Math.max(0, base[half] - item[half]), base[key] + Math.max(0, base[half] - item[half]));
  const y = supportOf(item, all) === base ? item.y : surfaceHeight(base) + item.hy;
  return { x: limit('x', 'hx'), z: limit('z', 'hz'), y, facing: item.facing };
}
function poseFor(item, want, room, all, free, surface) {
  const where = placement(item);
  if (where === 'hung') return poseOnWall(item, want, room);
  if (where === 'top') return poseOnTop(item, want, room, all, surface);
  if (where === 'ceiling') return { ...insideRoom({ x: want.x, y: item.y, z: want.z }, item, room), facing: item.facing };
  return poseOnFloor(item, want, room, free);
}

// ---- what a moved thing runs into, as in layouts/collisions.py ----
const DEEP = 0.05, BOARD = 0.05, BEDDING = ['bed', 'pillow', 'cushion'], AT_WINDOW = ['window', 'curtain'];
function within(a, b) {
  return [0, 1, 2].every((i) => { const c = CENTRE_KEYS[i], h = HALF_KEYS[i]; return a[h] + b[h] - Math.abs(a[c] - b[c]) > Math.min(DEEP, Math.min(a[h], b[h])); });
}
// What of a box is full: of a bed the mattress and the headboard.
function solids(item) {
  if (item.name !== 'bed') return [item];
  const half = (surfaceHeight(item) - bottom(item)) / 2, [x, z] = FACINGS[item.facing], deep = forward(item) - BOARD;
  return [{ ...item, y: bottom(item) + half, hy: half }, { ...item, x: item.x - x * deep, z: item.z - z * deep, hx: x ? BOARD : item.hx, hz: z ? BOARD : item.hz }];
}
function collisions(moved, all) {
  const mayTouch = (a, b) => [BEDDING, AT_WINDOW].some((group) => group.includes(a.name) && group.includes(b.name)) || supportOf(a, all) === b || supportOf(b, all) === a;
  const solid = (item) => !item.hidden && item.name !== 'rug';
  return all.filter((other) => !moved.includes(other) && solid(other)
    && moved.some((item) => solid(item) && !mayTouch(item, other) && solids(item).some((a) => solids(other).some((b) => within(a, b)))));
}
