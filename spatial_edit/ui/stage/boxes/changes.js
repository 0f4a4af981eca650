// The kind of layout "boxes3d", changes that are made by a button or a slider and touch several things at once.

function restyle(item, by) {
  if (item.locked) return;
  const count = props.styles || 10, style = item.style < 0 ? (by > 0 ? 0 : count - 1) : (item.style + by + count) % count;
  finishKeys();
  item.style = style; drawPanel();
  say(`${boxes3d.title(item)}: style ${style + 1} of ${count}.`);
  send('edit', [{ op: 'restyle', target: item.id, variant: style }]);
}
function stackOn(item, id) {
  if (item.locked) return;
  const base = id === null ? null : byId(id);
  change((it) => nudge(it, (old) => {
    if (base) return poseOnTop(old, { x: base.x, z: base.z }, world.room, elements, base);
    return insideRoom({ x: old.x, y: old.hy, z: Math.min(old.z, world.room[1]), facing: old.facing }, old, world.room);
  }), 0);
}

// The room's size: what stands or hangs at a wall goes with it, what hangs from the ceiling too, the rest stays inside.
function resizeRoom(axis, value) {
  const before = copy(world.room), was = copy(elements), half = before[0] / 2;
  world.room[axis] = value;
  const [width, depth, height] = world.room, near = (a, b) => Math.abs(a - b) < 0.08;
  if (axis === 2) world.camera[1] = Math.min(world.camera[1], height - 0.1);
  world.camera[0] = between(world.camera[0], 0.1 - width / 2, width / 2 - 0.1); world.camera[2] = Math.min(world.camera[2], depth - 0.1);
  for (const item of elements) {
    const atBack = near(item.z + item.hz, before[1]), atLeft = near(item.x - item.hx, -half), atRight = near(item.x + item.hx, half);
    if (supportOf(item, was.map((other) => (other.id === item.id ? item : other)))) continue;
    const old = copy(item), along = party(item, elements, world.lights), pose = { x: item.x, y: item.y, z: item.z, facing: item.facing };
    if (axis === 0 && atLeft) pose.x += (before[0] - width) / 2;
    if (axis === 0 && atRight) pose.x -= (before[0] - width) / 2;
    if (axis === 1 && atBack) pose.z += depth - before[1];
    if (axis === 2 && placement(item) === 'ceiling') pose.y += height - before[2];
    settleAt(item, old, insideRoom(pose, item, world.room), along, elements);
  }
}

// Another room that keeps a part of this one; what rests on a kept thing is kept too.
function varyRoom(name) {
  finishKeys();
  const bases = elements.filter((item) => item.locked || picked.has(item.id)), keep = new Set(bases.flatMap((item) => [item, ...carried(item, elements)]).map((item) => item.id));
  if (name === 'fill' && !keep.size) { say('Select or lock what is to stay first.', true); return; }
  if (name === 'rehouse') selected = null;          // numbers mean other things there
  say('Making another room…');
  send('vary', { kind: name, seed: Math.floor(Math.random() * 2 ** 32), keep: name === 'fill' ? [...keep] : [] });
}

// A button for each class, named by textContent.
for (const name of CLASS_NAMES) {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'se-add', textContent: name, title: `Add a ${name}` });
  button.dataset.add = name;
  button.style.setProperty('--c', `hsl(${hue(CLASS_NAMES.indexOf(name))} 80% 62%)`);
  find('.se-palette').appendChild(button);
}
