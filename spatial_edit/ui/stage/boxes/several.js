// The kind of layout "boxes3d", several selected: what moves one of them moves the others as far, what turns or scales
// does it to each. Those count that rest on nothing else that is selected: what rests on a thing goes along anyway.

const roots3d = () => based(loose());
// The one of several that a drag of this one moves first.
function leadOf(item) { return item.locked ? item : roots3d().find((base) => base === item || carried(base, elements).includes(item)) || item; }
function fellows(item) {
  if (picked.size < 2) return [];
  return roots3d().filter((other) => other !== item).map((other) => ({ old: copy(other), base: supportOf(other, elements), party: party(other, elements, world.lights) }));
}
function follow({ old, others }, item) {
  const by = { x: item.x - old.x, y: placement(old) === 'hung' ? item.y - old.y : 0, z: item.z - old.z };
  for (const other of others) {
    const mine = byId(other.old.id), was = other.old, want = { x: was.x + by.x, z: was.z + by.z };
    if (!mine) continue;
    const pose = placement(was) === 'hung' ? slidOnWall(was, by) : poseFor(was, want, world.room, elements.map((one) => (one === mine ? was : one)), true, other.base);
    settleInside(mine, was, pose, other.party, elements, world.room);
  }
}
// What hangs stays at its wall.
function slidOnWall(old, by) {
  const axis = along(old), want = { x: old.x, y: old.y + by.y, z: old.z, facing: old.facing };
  want[axis] += by[axis];
  return insideRoom(want, old, world.room);
}
