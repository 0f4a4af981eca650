// The kind of layout "boxes3d", the plan: the room from above, camera below. Boxes and camera can be dragged in it; the
// rules are those of the picture.

const planSvg = find('.se-plan svg'), planNodes = new Map();
const planParts = {
  floor: make('rect', { class: 'pl-floor' }, planSvg), boxes: make('g', {}, planSvg), walls: make('path', { class: 'pl-walls' }, planSvg),
  wedge: make('path', { class: 'pl-wedge' }, planSvg), camera: make('g', { class: 'pl-camera', 'data-plan': 'camera', tabindex: 0, role: 'button', 'aria-label': 'Camera: arrow keys move it' }, planSvg),
  turn: make('g', { class: 'pl-turn', 'data-plan': 'turn' }, planSvg),
};
make('circle', { class: 'se-hit', r: 16 }, planParts.camera); make('circle', { class: 'pl-eye', r: 7 }, planParts.camera);
make('title', {}, planParts.camera).textContent = 'Drag: move the camera';
make('circle', { class: 'se-hit', r: 14 }, planParts.turn); make('circle', { class: 'pl-knob', r: 5 }, planParts.turn);
make('title', {}, planParts.turn).textContent = 'Drag: turn the camera';

let planView = { scale: 50, x: 0, z: 0, w: 280, h: 240 };                 // pixels a metre, the room point in the middle
const toPlan = (x, z) => [planView.w / 2 + (x - planView.x) * planView.scale, planView.h / 2 - (z - planView.z) * planView.scale];
const fromPlan = (px, py) => [(px - planView.w / 2) / planView.scale + planView.x, (planView.h / 2 - py) / planView.scale + planView.z];
function fitPlan() {
  const [width, depth] = world.room, [cx, , cz] = world.camera, w = planSvg.clientWidth, h = planSvg.clientHeight;
  if (!w || drag && drag.plan) return;
  const left = Math.min(-width / 2, cx) - 0.25, right = Math.max(width / 2, cx) + 0.25, low = Math.min(0, cz) - 0.35, high = Math.max(depth, cz) + 0.2;
  planView = { scale: Math.min(w / (right - left), h / (high - low)), x: (left + right) / 2, z: (low + high) / 2, w, h };
  planSvg.setAttribute('viewBox', `0 0 ${w} ${h}`);
}

function planNode(item) {
  if (planNodes.has(item.id)) return planNodes.get(item.id);
  const group = make('g', { class: 'pl-box', 'data-box': item.id }, planParts.boxes);
  const made = { group, rect: make('rect', { rx: 2.5 }, group), front: make('path', { class: 'pl-front' }, group), name: make('text', { class: 'pl-name' }, group) };
  planNodes.set(item.id, made);
  return made;
}
const planOrder = () => [...elements].sort((p, q) => top(p) - top(q) || p.id - q.id);
function drawPlan() {
  fitPlan();
  const ids = new Set(elements.map((item) => item.id));
  for (const [id, made] of planNodes) if (!ids.has(id)) { made.group.remove(); planNodes.delete(id); }
  const [width, depth] = world.room, [x0, y0] = toPlan(-width / 2, depth), [x1, y1] = toPlan(width / 2, 0);
  put(planParts.floor, { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
  planParts.floor.style.fill = hex(world.surfaces[0]);
  planParts.walls.setAttribute('d', `M${x0} ${y1}V${y0}H${x1}V${y1}`);
  planOrder().forEach((item, place) => {
    const { group, rect, front, name } = planNode(item), { scale } = planView;
    const [px, py] = toPlan(item.x - item.hx, item.z + item.hz), w = Math.max(3, 2 * item.hx * scale), h = Math.max(3, 2 * item.hz * scale);
    group.style.setProperty('--c', boxes3d.colour(item));
    put(rect, { x: px, y: py, width: w, height: h });
    const [fx, fz] = FACINGS[item.facing], [cx, cy] = toPlan(item.x, item.z), reach = forward(item) * scale, wide = Math.min(7, lateral(item) * scale * 0.5);
    const tip = [cx + fx * reach, cy - fz * reach], tick = Math.min(5, reach * 0.5);
    front.setAttribute('d', ['floor', 'wall'].includes(placement(item)) && item.name !== 'rug' && reach > 5
      ? `M${tip[0] - fz * wide - fx * tick} ${tip[1] - fx * wide + fz * tick}L${tip[0] - fx * 1.5} ${tip[1] + fz * 1.5}L${tip[0] + fz * wide - fx * tick} ${tip[1] + fx * wide + fz * tick}` : '');
    const words = w > 34 && h > 15 && item.name !== 'rug' && placement(item) !== 'ceiling' && pen.measureText(item.name).width < w + 4 ? item.name : '';
    if (name.textContent !== words) name.textContent = words;
    put(name, { x: cx, y: cy + 3.5 });
    group.setAttribute('class', `pl-box${item.id === selected ? ' on' : ''}${item.id === hovered ? ' hover' : ''}${item.hidden ? ' ghost' : ''}${warned3d === selected && hit3d.has(item.id) ? ' bad' : ''}${item.name === 'rug' || placement(item) === 'ceiling' ? ' flat' : ''}`);
    if (!drag && planParts.boxes.children[place] !== group) planParts.boxes.insertBefore(group, planParts.boxes.children[place] || null);
  });
  drawPlanCamera();
}
function drawPlanCamera() {
  const [x, , z, yaw, , fov] = world.camera, [px, py] = toPlan(x, z), far = 1.5 * planView.scale;
  const at = (angle, length) => [px + Math.sin(angle) * length, py - Math.cos(angle) * length], a = at(yaw - fov / 2, far), b = at(yaw + fov / 2, far), knob = at(yaw, far);
  planParts.wedge.setAttribute('d', `M${px} ${py}L${a[0]} ${a[1]}A${far} ${far} 0 0 1 ${b[0]} ${b[1]}Z`);
  planParts.camera.setAttribute('transform', `translate(${px} ${py})`);
  planParts.turn.setAttribute('transform', `translate(${knob[0]} ${knob[1]})`);
  const r = coarse.matches ? 22 : 14;
  planParts.camera.firstChild.setAttribute('r', r); planParts.turn.firstChild.setAttribute('r', r);
}

// ---- gestures in the plan ----
const planPlace = (event) => { const box = planSvg.getBoundingClientRect(); return fromPlan(event.clientX - box.left, event.clientY - box.top); };
function planHits(x, z) {
  const slack = (coarse.matches ? 10 : 4) / planView.scale, area = (item) => item.hx * item.hz;
  return elements.filter((item) => !item.hidden && Math.abs(x - item.x) < item.hx + slack && Math.abs(z - item.z) < item.hz + slack).sort((p, q) => area(p) - area(q));
}
planSvg.addEventListener('pointerdown', (event) => {
  if (event.button || drag || !scene.code) return;
  finishKeys();
  const grip = event.target.closest('[data-plan]'), [x, z] = planPlace(event), hits = grip ? [] : planHits(x, z);
  if (!grip && !hits.length) { pick(null); return; }
  event.preventDefault();
  planSvg.setPointerCapture(event.pointerId);
  const start = { plan: true, px: event.clientX, py: event.clientY };
  if (grip) {
    drag = { kind: grip.dataset.plan, pointer: event.pointerId, id: null, before: snapshot(), moved: false, from: copy(world.camera), x, z, ...start };
    stage.classList.add('dragging');
  } else {
    const held = hits.find((item) => item.id === selected) || hits.find((item) => picked.has(item.id));
    if (!held) pick(hits[0].id); else if (picked.size > 1) choose(picked, leadOf(held).id);
    const item = current();
    begin('plan', event.pointerId, { x: 0, y: 0, dx: x - item.x, dz: z - item.z, ...start });
  }
});
planSvg.addEventListener('pointermove', (event) => {
  const [x, z] = planPlace(event);
  if (!drag) {
    const id = planHits(x, z)[0]?.id ?? null;
    if (id !== hovered && event.pointerType === 'mouse') { hovered = id; drawSoon(); }
    return;
  }
  if (!drag.plan || event.pointerId !== drag.pointer || drag.kind === 'none') return;
  if (!drag.moved && Math.hypot(event.clientX - drag.px, event.clientY - drag.py) < 3) return;
  drag.moved = true;
  if (drag.kind === 'camera') moveCamera(drag.from[0] + x - drag.x, drag.from[2] + z - drag.z);
  else if (drag.kind === 'turn') world.camera[3] = between(Math.atan2(x - world.camera[0], z - world.camera[2]), ...CAMERA_LIMITS[3]);
  else planMove(drag, byId(drag.id), x - drag.dx, z - drag.dz, event.altKey);
  drawSoon(); pump();
});
function planMove(gesture, item, x, z, free) {
  if (!item) return;
  const { old, party: along, id, others } = gesture;
  const surface = placement(old) === 'top' ? elements.filter((base) => bears(base, old) && Math.abs(x - base.x) < base.hx && Math.abs(z - base.z) < base.hz).sort((p, q) => top(q) - top(p))[0] : null;
  const before = elements.map((other) => (other.id === id ? old : other));
  settleInside(item, old, poseFor(old, { x, z }, world.room, before, free || others.length > 0, surface), along, elements, world.room);
  follow(gesture, item);
  noteCollisions(item);
}
// The camera stays between the walls and out of the furniture.
function moveCamera(x, z, y = world.camera[1]) {
  const [width, depth, height] = world.room, side = Math.min(CAMERA_LIMITS[0][1], width / 2 - 0.06), margin = 0.06;
  const place = [between(x, -side, side), between(y, 0.1, height - 0.1), between(z, CAMERA_LIMITS[2][0], depth - 0.06)];
  const inside = elements.find((item) => !item.hidden && CENTRE_KEYS.every((key, i) => Math.abs(place[i] - item[key]) < item[HALF_KEYS[i]] + margin));
  if (inside) { say(`The camera would be inside ${boxes3d.title(inside)}.`, true); return; }
  world.camera.splice(0, 3, ...place);
}
function planRelease(event) {
  if (!drag || !drag.plan || event.pointerId !== drag.pointer) return;
  const done = drag, item = byId(done.id);
  drag = null;
  stage.classList.remove('dragging');
  if (done.moved && event.type === 'pointercancel') restoreBase();
  else if (done.moved) {
    send('edit', kind.difference(done.before));
    say(!item ? cameraWords() : picked.size > 1 ? groupTold() : kind.told(item));
  }
  if (!waiting && !outbox.length) restoreBase();
  draw();
}
planSvg.addEventListener('pointerup', planRelease);
planSvg.addEventListener('pointercancel', planRelease);
planSvg.addEventListener('pointerleave', () => { if (hovered !== null && !drag) { hovered = null; drawSoon(); } });
planParts.camera.addEventListener('keydown', (event) => {
  const step = event.shiftKey ? 0.25 : 0.05, by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
  if (!by) return;
  event.preventDefault(); event.stopPropagation();
  alter(() => moveCamera(world.camera[0] + by[0], world.camera[2] + by[1]));
});
new ResizeObserver(() => { if (planSvg.clientWidth) drawSoon(); }).observe(planSvg);
