// The kind of layout "boxes3d": what a box is called, what is sent to the server, and the functions that the canvas asks
// of a kind (see blobs/shape.js). An element is {id, name, x, y, z, hx, hy, hz, facing, colour, row, hidden, locked};
// `world` is {room, camera, surfaces, lights}.

const CLASS_NAMES = Object.keys(PLACEMENT);
const metres = (value) => value.toFixed(2);
let hit3d = new Set();                             // ids of what the dragged thing runs into

const far3d = (a, b) => Math.abs(a - b) > 2e-4;
const CAMERA_NAMES = ['x', 'y', 'z', 'yaw', 'pitch', 'fov'];
const SURFACE_NAMES = ['floor', 'ceiling', 'back wall', 'left wall', 'right wall'];
// The operations that lead from a state to the present one: absolute, so that what the server rounds does not add up.
// What rests on a moved thing is not named: the server moves it along by the same rules.
function steps3d(before) {
  const list = [], was = before.world, differs = (a, b) => a.some((value, i) => far3d(value, b[i])), colour = ([r, g, b]) => ({ r, g, b });
  const reshaped = differs(world.room, was.room);
  if (reshaped) list.push({ op: 'room', width: world.room[0], depth: world.room[1], height: world.room[2] });
  const moved = new Set(reshaped ? [] : before.elements.filter((old) => { const item = byId(old.id); return item && movedFrom(old, item); }));
  for (const old of before.elements) {
    const item = byId(old.id);
    if (moved.has(old) && !moved.has(supportOf(old, before.elements))) list.push(...poseSteps(old, item));
    if (item && differs(item.colour, old.colour)) list.push({ op: 'recolour', target: item.id, ...colour(item.colour) });
  }
  if (differs(world.camera, was.camera)) list.push({ op: 'camera', ...Object.fromEntries(CAMERA_NAMES.map((key, i) => [key, world.camera[i]])) });
  world.surfaces.forEach((rgb, i) => { if (differs(rgb, was.surfaces[i])) list.push({ op: 'surface', surface: SURFACE_NAMES[i], ...colour(rgb) }); });
  if (far3d(world.lights[21], was.lights[21])) list.push({ op: 'light', exposure: world.lights[21] });
  return list;
}
const movedFrom = (old, item) => old.facing !== item.facing || [...CENTRE_KEYS, ...HALF_KEYS].some((key) => far3d(old[key], item[key]));
// A thing is resized about its middle: one that grows goes to its new place first, so that it never reaches out of the room.
function poseSteps(old, item) {
  const target = item.id, { x, y, z, hx, hy, hz, facing } = item, was = { ...turnHalves(old, facing), hy: old.hy };
  const place = { op: 'place', target, x, y, z, facing, snap: false }, resize = { op: 'resize', target, hx, hy, hz };
  if (HALF_KEYS.every((key) => !far3d(was[key], item[key]))) return [place];
  const turn = old.facing === facing ? [] : [{ ...place, x: old.x, y: old.y, z: old.z }];
  if (HALF_KEYS.some((key) => item[key] > was[key] + 2e-4)) turn.push({ ...place, y: y - hy + was.hy });
  return [...turn, resize, place];
}

const boxes3d = {
  name: 'boxes3d',
  words: { both: 'Boxes', map: 'Box map' },
  title: (item) => `${item.name} ${item.id}`,
  describe(item) {
    const [width, depth] = world.room, x = item.x < -0.05 ? `${metres(-item.x)} m left` : item.x > 0.05 ? `${metres(item.x)} m right` : 'in the middle';
    return `${boxes3d.title(item)}: ${x}, ${metres(Math.max(0, depth - item.z - item.hz))} m from the back wall, `
      + `${metres(2 * lateral(item))} × ${metres(2 * forward(item))} × ${metres(2 * item.hy)} m${item.hidden ? ', hidden' : ''}${item.locked ? ', locked' : ''}`;
  },
  colour: (item, light = 62) => `hsl(${hue(CLASS_NAMES.indexOf(item.name))} 80% ${light}%)`,
  along: (item) => carried(item, elements),
  adopt(said) { elements = copy(said.elements); world = copy(said.world); if (warned3d !== selected || !current()) hit3d = new Set(); else markCollisions(current()); },
  // The whole arrangement, as edits/boxes3d_arrange.py reads it.
  payload() {
    const named = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
    return { elements: {
      elements: elements.map(({ id, x, y, z, hx, hy, hz, facing, colour: [r, g, b], hidden }) => ({ id, x, y, z, hx, hy, hz, facing, r, g, b, hidden })),
      room: named(['width', 'depth', 'height'], world.room), camera: named(CAMERA_NAMES, world.camera),
      surfaces: named(SURFACE_NAMES, world.surfaces), lights: named(props.lights, world.lights),
    } };
  },
  difference: (before) => steps3d(before),

  // ---- drawing ----
  prepare: prepare3d,
  order() {                                        // far ones first; what rests on something after it
    const depth = new Map(elements.map((item) => [item, frame3d.get(item.id).depth])), base = new Map(elements.map((item) => [item, supportOf(item, elements)]));
    const rank = (item) => (base.get(item) ? Math.min(depth.get(item), rank(base.get(item)) - 1e-3) : depth.get(item));
    return [...elements].sort((p, q) => rank(q) - rank(p) || p.id - q.id);
  },
  listed: () => [...elements].sort((p, q) => p.id - q.id),
  nodes: nodes3d,
  paint: paint3d,
  spot(item) {
    const found = frame3d.get(item.id), [x, y] = item.id === selected ? [found.left + 24, found.high0 - 13] : pixel(found.spot);   // a chosen one's middle is its handles'
    return { x, y, room: found.wide, shown: found.visible && Math.max(found.wide, found.high) > 26 };
  },
  handles: handles3d,
  off: (item) => ({ hide: !item, remove: !item || item.locked, clone: !item }),
  around() { if (world.room) { drawPlan(); drawPanel(); } },

  // ---- gestures ----
  // What a ray meets, nearest first; what lies on something comes before it, bedding being inside the bed's box.
  under(x, y) {
    const camera = world.camera, d = ray(x, y, camera), found = [];
    for (const item of elements) {
      if (item.hidden) continue;
      const grow = Math.max(0, project([item.x, item.y, item.z], camera)[2]) * 0.008, hits = solids(item).map((part) => meetBox(camera, d, part, grow)).filter(Boolean);
      if (hits.length) found.push([item, Math.min(...hits.map(([near]) => near))]);
      else if (meetBox(camera, d, item)) found.push([item, 100]);    // the air in its box: after all that is solid
    }
    const depth = new Map(found.map(([item, near]) => [item, near]));
    for (const [item, near] of found) { const base = supportOf(item, elements); if (depth.has(base)) depth.set(item, Math.min(near, depth.get(base) - 1e-3)); }
    return [...depth.keys()].sort((p, q) => depth.get(p) - depth.get(q));
  },
  holds: (item, x, y) => boxes3d.under(x, y).includes(item),
  start: start3d,
  lead: leadOf,
  each: (make) => { for (const item of roots3d()) make(item); noteCollisions(current()); },
  cloneStep: (items) => based(items).map(({ id }) => ({ op: 'clone', target: id })),
  move: move3d,
  told: (item) => warn3d(item) || boxes3d.describe(item),
  key: key3d,
  wheel(item, delta) { scale3d(item, Math.exp(-delta / 1200)); },
  shortcuts: { l: 'lock' },
  act() {},
};
kinds.boxes3d = boxes3d;
