// The canvas, part 1 of 3: its state, geometry, and the two roads to the server.
// This text is the body of js_on_load; gr.HTML gives it: element, trigger, props, server, watch.
// An element is {id, x, y, size, aspect, angle, hidden, locked, name}: x, y and size in fractions of the side,
// angle in radians counter-clockwise as seen. Elements stand in depth order, farthest first.

const find = (selector) => element.querySelector(selector);
const stage = find('.se-stage'), svg = find('.se-svg'), img = find('.se-img');
const shapes = find('.se-shapes'), labels = find('.se-labels'), handles = find('.se-handles');
const layers = find('.se-layers'), statusLine = find('.se-status'), stat = find('.se-stat'), emptyState = find('.se-empty');

const CENTRE = [-0.19, 1.19], SIZE = [0.01, 0.95], ASPECT = [0.12, 8];   // just inside what the server accepts
const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
const copy = (object) => JSON.parse(JSON.stringify(object));

let scene = { code: '', elements: [], can_undo: false, can_redo: false };  // what the server last said
let elements = [];                 // what is on the stage now, ahead of the server while dragging
let selected = null;               // id of the selected element
let view = 'both';
let drag = null;                   // the running gesture, see part 3

const byId = (id) => elements.find((item) => item.id === id);
const current = () => byId(selected);
const radii = (item) => [item.size * Math.sqrt(item.aspect), item.size / Math.sqrt(item.aspect)];
const upright = (angle) => angle - Math.PI * Math.round(angle / Math.PI);   // the same ellipse, within a quarter turn: its handles stay
const title = (item) => item.name ? `${item.id} ${item.name}` : `${item.id}`;
const describe = (item) => `${title(item)}: x ${Math.round(item.x * 100)} %, y ${Math.round(item.y * 100)} %, `
  + `size ${Math.round(item.size * 100)} %, angle ${Math.round(item.angle * 180 / Math.PI)}°${item.hidden ? ', hidden' : ''}`;
const hue = (id) => (id * 137.508 + 200) % 360;                            // golden angle: neighbours differ; as in layouts/overlay.py
const colour = (id, light = 62) => `hsl(${hue(id)} 85% ${light}%)`;

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

// The operations that lead from one state of an element to another, as the server understands them.
function difference(before, after) {
  const target = after.id, list = [], far = (a, b) => Math.abs(a - b) > 1e-6;
  if (far(before.x, after.x) || far(before.y, after.y)) list.push({ op: 'move', target, dx: after.x - before.x, dy: after.y - before.y });
  if (far(before.size, after.size)) list.push({ op: 'resize', target, factor: after.size / before.size });
  if (far(before.aspect, after.aspect)) list.push({ op: 'reshape', target, factor: after.aspect / before.aspect });
  if (far(before.angle, after.angle)) list.push({ op: 'rotate', target, angle: Math.atan2(Math.sin(after.angle - before.angle), Math.cos(after.angle - before.angle)) });
  return list;
}

function say(text, bad = false) { statusLine.textContent = text; statusLine.classList.toggle('bad', bad); }

// ---- commits: one on its way, the rest wait and travel together, so that none is lost and none overtakes ----
let waiting = null, outbox = [], stamp = 0;
function send(kind, edit = []) {
  if (!scene.code) return;
  outbox.push({ kind, edit });
  flush();
}
function flush() {
  if (waiting || !outbox.length) return;
  const first = outbox.shift();
  while (first.kind === 'edit' && outbox.length && outbox[0].kind === 'edit' && first.edit.length + outbox[0].edit.length <= 64)
    first.edit.push(...outbox.shift().edit);
  waiting = { stamp: ++stamp, timer: setTimeout(lost, 30000) };
  stage.classList.add('busy');
  trigger('commit', { kind: first.kind, edit: first.edit, code: scene.code, stamp });
}
function settle() { if (waiting) clearTimeout(waiting.timer); waiting = null; stage.classList.remove('busy'); }
function lost() { settle(); outbox = []; drag = null; restoreBase(); say('The server did not answer; the last edit was not made. Try again.', true); }
// Back to what the server last said; pictures asked for before this moment come too late.
function restoreBase() {
  elements = copy(scene.elements).map((item) => ({ ...item, angle: upright(item.angle) }));
  if (!current()) selected = null;
  shown = ++sequence;
  if (scene.image) img.src = scene.image;
  stat.textContent = scene.detail || '';
  draw();
}

// ---- live pictures: the newest state wins, at most `depth` requests in flight, late replies are dropped ----
let inFlight = 0, stale = false, sequence = 0, shown = 0, frames = 0;
const client = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join('');
function livePayload() {
  const geometry = elements.map(({ id, x, y, size, aspect, angle, hidden }) => ({ id, x, y, size, aspect, angle, hidden }));
  return { client, seq: ++sequence, code: scene.code, elements: geometry };
}
async function pump() {
  if (props.live_mode !== 'live' || !scene.code) return;
  if (inFlight >= (props.depth || 1)) { stale = true; return; }
  inFlight += 1;
  try {
    do {
      stale = false;
      const sent = performance.now(), request = livePayload(), reply = await server.render_live(request);
      if (!reply) { say('No live preview just now; the picture follows when you let go.'); break; }
      if (reply.image && reply.seq > shown && drag !== null) {
        shown = reply.seq; img.src = reply.image; frames += 1;
        stat.textContent = `live · ${Math.round(performance.now() - sent)} ms`;
      }
    } while (stale && drag !== null);
  } finally { inFlight -= 1; }
}

// ---- what the server says ----
function receive() {
  const said = props.value;
  if (!said || typeof said !== 'object') return;
  const opened = said.why === 'open' || said.why === 'fresh';
  if (waiting && !opened && said.stamp !== waiting.stamp) return;
  settle();
  if (said.error) outbox = [];
  if (!said.code) { find('.se-empty p').textContent = said.error || 'No scene yet.'; say(''); return; }
  const before = new Set(elements.map((item) => item.id));
  scene = said;
  if (opened) { outbox = []; drag = null; selected = null; }
  if (!drag && !outbox.length) {
    const fresh = said.elements.filter((item) => !before.has(item.id));
    if (!opened && fresh.length === 1) selected = fresh[0].id;
    restoreBase();
  }
  emptyState.hidden = true;
  img.alt = `Picture with ${said.elements.length} elements, made by ${said.model}`;
  const told = opened ? '' : current() ? describe(current()) : statusLine.textContent;
  say(said.error || said.message || told, Boolean(said.error));
  address(said);
  draw();
  flush();
}
// The address bar always names the scene on the stage; inside a frame it is only the frame's address.
function address(said) {
  const url = new URL(window.location.href), stored = said.code.startsWith('s:');
  url.searchParams.delete('e'); url.searchParams.delete('s');
  if (said.why !== 'fresh') url.searchParams.set(stored ? 's' : 'e', stored ? said.code.slice(2) : said.code);
  if (url.href !== window.location.href) history.replaceState(history.state, '', url);
}
function link() {
  const base = new URL(props.space_url || window.location.origin + window.location.pathname), stored = scene.code.startsWith('s:');
  base.searchParams.set(stored ? 's' : 'e', stored ? scene.code.slice(2) : scene.code);
  return base.href;
}
async function copyLink() {
  if (!scene.code) return;
  const text = link();
  let done = false;
  try { await navigator.clipboard.writeText(text); done = true; } catch (refused) { done = copyByHand(text); }
  say(done ? 'Link copied.' : 'The browser refused to copy; the link is in the address bar.', !done);
}
function copyByHand(text) {                       // a frame without clipboard permission still allows this
  const area = Object.assign(document.createElement('textarea'), { value: text });
  area.style.cssText = 'position:absolute;opacity:0;height:0';
  element.appendChild(area); area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
async function download(what) {
  if (!scene.code) { say('There is nothing to save yet.', true); return; }
  const file = await server.render_file({ what, code: scene.code });
  if (!file || !file.data) { say((file && file.error) || 'The file could not be made; try again.', true); return; }
  const anchor = Object.assign(document.createElement('a'), { href: file.data, download: file.name });
  document.body.appendChild(anchor); anchor.click(); anchor.remove();
  say(`Saved ${file.name}.`);
}
