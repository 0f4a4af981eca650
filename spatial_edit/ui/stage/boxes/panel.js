// The kind of layout "boxes3d", the panel: what numbers and colours do better than the mouse. Native controls; a slider
// changes the picture live, and is one edit when it is let go.

const CAMERA_LIMITS = [[-4, 4], [0.1, 3.9], [-3, 7.5], [-3.2, 3.2], [-1.5, 1.5], [0.3, 2.2]];  // as in layouts/boxes3d.py
const DEGREE = Math.PI / 180, PIVOT = 0.55;         // the camera goes round this share of the room's depth, as on the server
const hex = (rgb) => `#${rgb.map((part) => Math.round(255 * clamp(part, [0, 1])).toString(16).padStart(2, '0')).join('')}`;
const unhex = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16) / 255);

// The camera goes round the middle of the room: orbit is the yaw, distance how far the middle is along the gaze.
function cameraParts() {
  const [x, , z, yaw] = world.camera, dx = -x, dz = PIVOT * world.room[1] - z, s = Math.sin(yaw), c = Math.cos(yaw);
  return { distance: dx * s + dz * c, aside: dx * c - dz * s };
}
function cameraFrom(yaw, distance, aside) {
  const s = Math.sin(yaw), c = Math.cos(yaw);
  world.camera[3] = yaw;
  moveCamera(-(s * distance + c * aside), PIVOT * world.room[1] - (c * distance - s * aside));
}
function cameraWords() {
  const [x, y, z, yaw] = world.camera;
  return `Camera: x ${metres(x)} m, height ${metres(y)} m, ${metres(world.room[1] - z)} m from the back wall, turned ${Math.round(yaw / DEGREE)}°.`;
}
const sizeOf = (item) => ({ wide: 2 * lateral(item), high: 2 * item.hy, deep: 2 * forward(item) });
// Every slider: its value now, and what a new value does. `needs` is what it belongs to.
const sliders = {
  orbit: { read: () => world.camera[3] / DEGREE, write: (v) => { const { distance, aside } = cameraParts(); cameraFrom(v * DEGREE, distance, aside); }, unit: '°', digits: 0 },
  height: { read: () => world.camera[1], write: (v) => moveCamera(world.camera[0], world.camera[2], v), unit: ' m', digits: 2 },
  dolly: { read: () => cameraParts().distance, write: (v) => cameraFrom(world.camera[3], v, cameraParts().aside), unit: ' m', digits: 2 },
  pitch: { read: () => world.camera[4] / DEGREE, write: (v) => { world.camera[4] = v * DEGREE; }, unit: '°', digits: 0 },
  fov: { read: () => world.camera[5] / DEGREE, write: (v) => { world.camera[5] = v * DEGREE; }, unit: '°', digits: 0 },
  'room-width': { read: () => world.room[0], write: (v) => resizeRoom(0, v), unit: ' m', digits: 2 },
  'room-depth': { read: () => world.room[1], write: (v) => resizeRoom(1, v), unit: ' m', digits: 2 },
  'room-height': { read: () => world.room[2], write: (v) => resizeRoom(2, v), unit: ' m', digits: 2 },
  exposure: { read: () => Math.log2(Math.max(0.05, world.lights[21])), write: (v) => { world.lights[21] = 2 ** v; }, unit: ' EV', digits: 1 },
  wide: { needs: 'item', read: (item) => sizeOf(item).wide, write: (v, item) => stretch(item, 'wide', v), unit: ' m', digits: 2 },
  high: { needs: 'item', read: (item) => sizeOf(item).high, write: (v, item) => stretch(item, 'high', v), unit: ' m', digits: 2 },
  deep: { needs: 'item', read: (item) => sizeOf(item).deep, write: (v, item) => stretch(item, 'deep', v), unit: ' m', digits: 2 },
  lift: { needs: 'item', read: (item) => bottom(item), write: (v, item) => nudge(item, () => ({ y: Math.min(v + item.hy, world.room[2] - item.hy) })), unit: ' m', digits: 2 },
};
function stretch(item, which, value) {
  const old = copy(item), key = which === 'high' ? 'hy' : (which === 'wide') === sideways(item.facing) ? 'hz' : 'hx';
  growTo(item, old, resized(old, { hx: old.hx, hy: old.hy, hz: old.hz, [key]: value / 2 }), party(item, elements, world.lights), elements);
  noteCollisions(item);
}

const panel = find('.se-panel');
let tab3d = 'item';
function drawPanel() {
  const item = current();
  for (const button of panel.querySelectorAll('[data-tab]')) { const on = button.dataset.tab === tab3d; button.setAttribute('aria-selected', String(on)); button.tabIndex = on ? 0 : -1; }
  for (const page of panel.querySelectorAll('[data-page]')) page.hidden = page.dataset.page !== tab3d;
  find('.se-noitem').hidden = Boolean(item); find('.se-item').hidden = !item;
  for (const row of panel.querySelectorAll('[data-slider]')) {
    const name = row.dataset.slider, { read, unit, digits, needs } = sliders[name];
    if (needs && !item) continue;
    const input = row.querySelector('input'), value = read(item);
    if (!input.matches(':active')) input.value = String(value);
    input.disabled = Boolean(needs && item.locked);
    const words = `${value.toFixed(digits).replace(/^-(0(\.0+)?)$/, '$1')}${unit}`;
    row.querySelector('output').textContent = words;
    input.setAttribute('aria-valuetext', words);
  }
  for (const input of panel.querySelectorAll('[data-surface]')) if (document.activeElement !== input || !drag) input.value = hex(world.surfaces[Number(input.dataset.surface)]);
  if (item) drawItem(item);
}
function drawItem(item) {
  find('.se-who').textContent = `${boxes3d.title(item)}${picked.size > 1 ? ` (${picked.size} selected)` : ''}`;
  find('.se-who').style.setProperty('--c', boxes3d.colour(item));
  const picker = find('[data-colour]'), where = placement(item), variant = item.style;
  if (document.activeElement !== picker || !drag) picker.value = hex(item.colour);
  find('.se-style').textContent = variant < 0 ? 'own' : `${variant + 1} of ${props.styles}`;
  for (const control of panel.querySelectorAll('.se-item [data-colour], .se-item [data-style], .se-item [data-turn], .se-item select')) control.disabled = item.locked;
  for (const button of panel.querySelectorAll('[data-turn]')) button.disabled = item.locked || where === 'hung';
  panel.querySelector('[data-slider=lift]').hidden = where === 'ceiling';
  drawStack(item, where);
}
function drawStack(item, where) {
  const row = find('.se-stack'), list = row.querySelector('select'), bases = elements.filter((base) => bears(base, item) && supportOf(base, elements) !== item);
  row.hidden = !(where === 'top' || item.name === 'plant') || !bases.length;
  const now = supportOf(item, elements), wanted = ['', ...bases.map((base) => String(base.id))].join();
  if (list.dataset.options !== wanted) {
    list.dataset.options = wanted;
    list.replaceChildren(...[null, ...bases].map((base) => Object.assign(document.createElement('option'), { value: base ? String(base.id) : '', textContent: base ? boxes3d.title(base) : 'the floor' })));
  }
  if (document.activeElement !== list) list.value = now ? String(now.id) : '';
}

// A slider starts from where it was taken, so that what walls and limits do on the way is undone on the way back.
function rewind() { elements = copy(burst.before.elements); world = copy(burst.before.world); }
panel.addEventListener('input', (event) => {
  const row = event.target.closest('[data-slider]'), item = current();
  if (row) {
    const name = row.dataset.slider, { write, needs } = sliders[name], value = Number(event.target.value);
    if (needs && (!item || item.locked)) return;
    if (burst && burst.slider !== name) finishKeys();
    alter(() => { rewind(); write(value, current()); }, 1500);
    burst.slider = name;
  } else if (event.target.matches('[data-colour]')) { if (item && !item.locked) alter(() => { item.colour = unhex(event.target.value); }, 1500); }
  else if (event.target.matches('[data-surface]')) alter(() => { world.surfaces[Number(event.target.dataset.surface)] = unhex(event.target.value); }, 1500);
});
panel.addEventListener('change', (event) => {
  const item = current();
  if (event.target.matches('.se-stack select')) { if (item) stackOn(item, event.target.value === '' ? null : Number(event.target.value)); } else finishKeys();
});
panel.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button || button.disabled) return;
  const { tab, add, style, turn, light, vary } = button.dataset, item = current();
  if (tab) { tab3d = tab; drawPanel(); button.focus(); }
  else if (add) { finishKeys(); say(`Adding a ${add}…`); send('edit', [{ op: 'add', class: add }]); tab3d = 'item'; }
  else if (style && item) restyle(item, Number(style));
  else if (turn && item) { change((it) => turn3d(it, Number(turn)), 0); }
  else if (vary) varyRoom(vary);
  else if (light) { finishKeys(); say(`Light of the ${light}.`); send('edit', [{ op: 'light', time: light }]); }
});
panel.addEventListener('keydown', (event) => {
  const at = event.target.closest('[data-tab]'), by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!at || !by) return;
  const tabs = [...panel.querySelectorAll('[data-tab]')], next = tabs[(tabs.indexOf(at) + by + tabs.length) % tabs.length];
  event.preventDefault(); tab3d = next.dataset.tab; drawPanel(); next.focus();
});
