// The kind of layout "boxes3d", gestures: what a drag over the picture or in the plan, and what keys do to a box.

const LIFT = 0.05, SLIDE = [0.05, 0.25];
// Riders are remembered as they were: a thing keeps its place on what carries it, however far that goes.
function start3d(gesture, item) {
  gesture.party = party(item, elements, world.lights); gesture.others = fellows(item);
  const camera = world.camera, where = placement(item);
  gesture.plane = where === 'ceiling' ? top(item) : bottom(item);
  const anchor = where === 'hung' ? [item.x, item.y, item.z] : [item.x, gesture.plane, item.z], [u, v] = project(anchor, camera);
  gesture.offset = [gesture.x - u, gesture.y - v];
  const face = gripFaces(item).find(([name]) => name === gesture.kind);
  if (face) { gesture.face = face; gesture.t0 = alongFace(gesture, gesture.x, gesture.y); }
  if (gesture.kind === 'lift') gesture.t0 = nearestOnLine([item.x, item.y, item.z], [0, 1, 0], gesture.x, gesture.y, camera);
}
function alongFace({ old, face: [, axis, sign] }, x, y) {
  const origin = [old.x, old.y, old.z], direction = [0, 0, 0];
  origin[axis] += sign * old[HALF_KEYS[axis]]; direction[axis] = sign;
  return nearestOnLine(origin, direction, x, y, world.camera);
}

function move3d(gesture, item, x, y, event) {
  const { kind: what, old } = gesture, free = event.altKey || gesture.others.length > 0;
  if (what === 'lift') {
    const t = nearestOnLine([old.x, old.y, old.z], [0, 1, 0], x, y, world.camera) - gesture.t0;
    settleInside(item, old, { x: old.x, z: old.z, facing: old.facing, y: liftTo(old, old.y + t, free) }, gesture.party, elements, world.room);
  } else if (gesture.face) resizeTo(gesture, item, x, y, event.shiftKey);
  else {
    const [u, v] = [x - gesture.offset[0], y - gesture.offset[1]], found = targetAt(gesture, u, v);
    settleInside(item, old, poseFor(old, found.want, world.room, withOld(gesture), free, found.surface), gesture.party, elements, world.room);
    follow(gesture, item);
  }
  noteCollisions(item);
}
const withOld = (gesture) => elements.map((other) => (other.id === gesture.id ? gesture.old : other));
// The room point that a picture point means for this thing, and the surface it would lie on.
function targetAt({ old, plane, party: { riders } }, u, v) {
  const camera = world.camera, where = placement(old), d = ray(u, v, camera), [width, depth] = world.room;
  if (where === 'hung') {                            // the first of the three walls that the ray meets
    const exits = [[2, depth], [0, -width / 2], [0, width / 2]].map(([axis, value]) => (Math.abs(d[axis]) < 1e-6 ? Infinity : (value - camera[axis]) / d[axis])).map((t) => (t > NEAR ? t : Infinity));
    const t = Math.min(...exits);
    return { want: Number.isFinite(t) ? { x: camera[0] + d[0] * t, y: camera[1] + d[1] * t, z: camera[2] + d[2] * t } : old };
  }
  if (where === 'top') {
    const kept = new Set([old.id, ...riders.map((rider) => rider.id)]);
    const hits = elements.filter((base) => bears(base, old) && !kept.has(base.id)).map((base) => ({ base, at: onPlane(u, v, camera, 1, surfaceHeight(base)) }))
      .filter(({ base, at }) => at && Math.abs(at[0] - base.x) < base.hx && Math.abs(at[2] - base.z) < base.hz);
    hits.sort((p, q) => p.at[2] - q.at[2]);
    if (hits.length) return { want: { x: hits[0].at[0], z: hits[0].at[2] }, surface: hits[0].base };
  }
  return { want: floorPoint(u, v, plane) };
}
// A plane that the ray misses, or meets beyond the room, is met at its far end: the room's limits then hold the thing.
function floorPoint(u, v, height) {
  const camera = world.camera, d = ray(u, v, camera), down = (height - camera[1]) / d[1], far = 30;
  const t = Math.abs(d[1]) > 1e-6 && down > NEAR ? Math.min(down, far) : far;
  return { x: camera[0] + d[0] * t, z: camera[2] + d[2] * t };
}
function liftTo(old, y, free) {
  const ground = placement(old) === 'top' && supportOf(old, elements) ? old.y : old.hy;
  const wanted = between(y, old.hy, world.room[2] - old.hy);
  return !free && Math.abs(wanted - ground) < 0.06 ? ground : wanted;
}
function resizeTo(gesture, item, x, y, keepForm) {
  const { old, face: [, axis, sign] } = gesture, half = HALF_KEYS[axis], centre = CENTRE_KEYS[axis], [width, depth, height] = world.room;
  const grown = alongFace(gesture, x, y) - gesture.t0, low = [-width / 2, 0, FRONT][axis], high = [width / 2, height, depth][axis];
  if (keepForm) { scaleFrom(item, old, Math.max(0.1, 1 + grown / (2 * old[half])), gesture.party); return; }
  const fixed = old[centre] - sign * old[half], edge = between(old[centre] + sign * old[half] + grown, low, high);
  const size = Math.min(8, Math.max(2 * SMALLEST, (edge - fixed) * sign));
  growTo(item, old, { [half]: size / 2, [centre]: fixed + sign * size / 2 }, gesture.party, elements);
}
// All sizes by one factor.
function scaleFrom(item, old, factor, along) {
  const sizes = HALF_KEYS.map((key) => old[key] * factor);
  if (Math.min(...sizes) < 0.004 || Math.max(...sizes) > 4) return;
  growTo(item, old, resized(old, { hx: sizes[0], hy: sizes[1], hz: sizes[2] }), along, elements);
}
// The box of a thing in another size: it stands or hangs where it did, and its back stays at its wall.
function resized(old, halves) {
  const where = placement(old), grown = { ...old, ...halves }, gap = gaps(old, forward(old), world.room)[old.facing] ?? 1;
  if (where === 'ceiling') grown.y = top(old) - grown.hy; else if (where !== 'hung') grown.y = bottom(old) + grown.hy;
  let pose = insideRoom(grown, grown, world.room);
  if (['wall', 'hung'].includes(where) && Math.abs(gap) < NEAR_WALL) pose = againstWall(pose, forward(grown), world.room);
  return { ...halves, x: pose.x, y: pose.y, z: pose.z };
}
function scale3d(item, factor) { scaleFrom(item, copy(item), factor, party(item, elements, world.lights)); noteCollisions(item); }

// ---- collisions ----
let warned3d = null;                               // whose collisions are shown: the element that was moved last
function markCollisions(item) {
  const moved = [item, ...chosen()].flatMap((one) => [one, ...carried(one, elements)]), found = collisions(moved, elements);
  hit3d = new Set(found.length ? [item.id, ...picked, ...found.map((other) => other.id)] : []);
}
function noteCollisions(item) {
  warned3d = item.id;
  markCollisions(item);
  if (drag && drag.kind !== 'keys') { const words = warn3d(item); say(words || boxes3d.describe(item), Boolean(words)); }
}
function warn3d(item) {
  const mine = [item, ...chosen()].flatMap((one) => [one, ...carried(one, elements)]), names = elements.filter((other) => hit3d.has(other.id) && !mine.includes(other)).map(boxes3d.title);
  if (!names.length || !hit3d.has(item.id)) return '';
  const few = names.slice(0, 3), last = names.length > 3 ? 'more' : few.pop();
  return `${picked.size > 1 ? 'What you move' : boxes3d.title(item)} runs into ${few.length ? `${few.join(', ')} and ` : ''}${last}.`;
}

// ---- keys ----
function key3d(event) {
  const key = event.key, free = event.altKey, step = SLIDE[event.shiftKey ? 1 : 0];
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (arrows[key]) return (item) => slideBy(item, arrows[key].map((part) => part * step), free);
  if (key === 'PageUp' || key === 'PageDown') return (item) => nudge(item, (old) => ({ y: liftTo(old, old.y + (key === 'PageUp' ? LIFT : -LIFT), true) }));
  if ((key === '[' || key === ']') && (picked.size > 1 || placement(current()) !== 'hung')) return (item) => { if (placement(item) !== 'hung') turn3d(item, key === ']' ? 1 : -1); };
  if (key === '+' || key === '=') return (item) => scale3d(item, 1.05);
  if (key === '-') return (item) => scale3d(item, 1 / 1.05);
  return null;
}
function nudge(item, make) {
  const old = copy(item), along = party(item, elements, world.lights);
  settleInside(item, old, { x: old.x, y: old.y, z: old.z, facing: old.facing, ...make(old) }, along, elements, world.room);
  noteCollisions(item);
}
// Right is right in the picture, up is away from the camera; along its wall and up it for what hangs. Steps smaller than
// a wall's pull must not be swallowed: keys leave walls alone, but slide along the one a thing stands at.
function slideBy(item, [right, away], free) {
  nudge(item, (old) => {
    const yaw = Math.round(world.camera[3] / (Math.PI / 2)) * Math.PI / 2, c = Math.cos(yaw), s = Math.sin(yaw);
    if (placement(old) === 'hung') {
      const want = { x: old.x, y: old.y + away, z: old.z };
      want[along(old)] += sideways(old.facing) ? (old.facing === 1 ? right : -right) : right;
      return poseOnWall(old, want, world.room);
    }
    return poseFor(old, { x: old.x + c * right + s * away, z: old.z - s * right + c * away }, world.room, elements, true);
  });
}
const ROUND = [0, 2, 3, 1];                        // facings in the order of a turn to the right as seen from above
function turn3d(item, by) {
  nudge(item, (old) => {
    const facing = ROUND[(ROUND.indexOf(old.facing) + by + 4) % 4];
    return insideRoom({ x: old.x, y: old.y, z: old.z, facing }, { ...turnHalves(old, facing), hy: old.hy }, world.room);
  });
}
