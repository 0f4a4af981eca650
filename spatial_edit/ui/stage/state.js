// The canvas: its state, and the two roads to the server. What depends on the kind of layout (blobs, boxes3d) stands
// in an object of its own with the same functions, see blobs/shape.js and boxes/state.js; `kind` is the one in use.
// These files together are the body of js_on_load; gr.HTML gives it: element, trigger, props, server, watch.

const find = (selector) => element.querySelector(selector);
const root = find('.se'), stage = find('.se-stage'), plane = find('.se-plane'), svg = find('.se-svg'), img = find('.se-img');
const shapes = find('.se-shapes'), labels = find('.se-labels'), handles = find('.se-handles');
const layers = find('.se-layers'), statusLine = find('.se-status'), stat = find('.se-stat'), emptyState = find('.se-empty');

const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
const copy = (object) => JSON.parse(JSON.stringify(object));

let scene = { code: '', elements: [], world: {}, can_undo: false, can_redo: false };  // what the server last said
let elements = [];                 // what is on the stage now, ahead of the server while dragging
let world = {};                    // what is there besides elements: for boxes3d room, camera, surfaces, lights
let selected = null;               // id of the selected element; of several the one that was picked last
const picked = new Set();          // ids of all selected elements, `selected` among them
let view = 'both';
let drag = null;                   // the running gesture, see input.js
let kind = null;                   // the functions of the scene's kind of layout
let tool = 'select';               // what a pointer on the stage does: 'select', or a name of `tools`
// A tool takes the pointer from the selection: {cursor, start(x, y, event), move(x, y, event), end(x, y, event), cancel()}
// with x, y in fractions of the side. `end` comes after a release, `cancel` when the gesture is broken off.
const tools = {};
// What other files want to be told: `draw` after every drawing, `receive` (said, opened) after every word of the
// server, `key` (event) for keys on the stage before the canvas's own (true: taken), `use` (kind's name) when it changes.
const hooks = { draw: [], receive: [], key: [], use: [] };
const tell = (what, ...given) => hooks[what].some((hook) => hook(...given) === true);

const byId = (id) => elements.find((item) => item.id === id);
const current = () => byId(selected);
// Selects these elements; `lead` is the one whose numbers are shown and whose handles are there.
function choose(ids, lead = null) {
  const wanted = [...ids].filter((id) => byId(id));
  picked.clear();
  for (const id of wanted) picked.add(id);
  selected = picked.has(lead) ? lead : [...picked].pop() ?? null;
}
// What is selected is on the stage; whoever sets `selected` alone has selected one element.
function tidy() {
  for (const id of picked) if (!byId(id)) picked.delete(id);
  if (selected !== null && !picked.has(selected)) choose([selected]);
  if (selected === null) picked.clear();
}
const chosen = () => elements.filter((item) => picked.has(item.id));
const snapshot = () => copy({ elements, world });
const hue = (id) => (id * 137.508 + 200) % 360;                            // golden angle: neighbours differ; as in layouts/overlay.py

function say(text, bad = false) { statusLine.textContent = text; statusLine.classList.toggle('bad', bad); }

// ---- commits: one on its way, the rest wait and travel together, so that none is lost and none overtakes ----
let waiting = null, outbox = [], stamp = 0, awaited = 0;   // awaited: how many new elements the answer brings, to be selected
function send(what, edit = []) {
  if (!scene.code || what === 'edit' && !edit.length) return;
  outbox.push({ kind: what, edit });
  pumpLast();
  flush();
}
function flush() {
  if (waiting || !outbox.length) return;
  const first = outbox.shift();
  while (first.kind === 'edit' && outbox.length && outbox[0].kind === 'edit' && first.edit.length + outbox[0].edit.length <= 64)
    first.edit.push(...outbox.shift().edit);
  waiting = { stamp: ++stamp, timer: setTimeout(lost, 30000), moment };
  stage.classList.add('busy');
  trigger('commit', { kind: first.kind, edit: first.edit, code: scene.code, stamp });
}
function settle() { if (waiting) { clearTimeout(waiting.timer); settled = waiting.moment; } waiting = null; stage.classList.remove('busy'); }
function lost() { settle(); outbox = []; drag = null; restoreBase(); say('The server did not answer; the last edit was not made. Try again.', true); }
// Back to what the server last said; pictures asked for before this moment come too late.
function restoreBase() {
  if (kind) kind.adopt(scene);
  if (!current()) choose(picked);
  shown = ++sequence;
  if (scene.image) paint(scene.image, shown, settled);
  stat.textContent = scene.detail || '';
  draw();
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
  let made = false;
  scene = said;
  const named = said.kind || 'blobs';
  if (opened || !kind || kind.name !== named) { outbox = []; drag = null; choose([]); use(named); }   // the history may lead to another kind
  if (!drag && !outbox.length) {
    const fresh = said.elements.filter((item) => !before.has(item.id));
    restoreBase();
    if (!opened && fresh.length && [1, awaited].includes(fresh.length)) { choose(based(fresh).map((item) => item.id)); made = true; }
    awaited = 0;
  }
  emptyState.hidden = true;
  img.alt = kind.still ? `Picture made by ${said.model}` : `Picture with ${said.elements.length} elements, made by ${said.model}`;
  const fresh = !opened && current() && !before.has(selected) ? kind.describe(current()) : '';
  if (opened || said.error || said.message || fresh) say(said.error || said.message || fresh, Boolean(said.error || said.message && !opened));
  else if (!outbox.length && statusLine.textContent.endsWith('…')) { const { steps, present } = said.history || { steps: [] }; say(steps[present] ? `Done: ${steps[present].label}.` : 'Done.'); }
  tell('receive', said, opened);
  draw();
  if (made && (stage.contains(document.activeElement) || layers.contains(document.activeElement))) nodesOf(current()).shape.focus({ preventScroll: true });
  flush();
}
// Those that rest on no other of these: what rests on a thing goes along with it.
function based(items) {
  const mine = items.map((item) => byId(item.id)), riders = new Set(mine.flatMap((item) => kind.along(item)));
  return mine.filter((item) => !riders.has(item));
}
// The functions of this kind of layout; nothing of another kind stays on the stage.
function use(name) {
  if (kind && kind.name === name) return;
  elements = []; world = {};
  if (kind) clear();
  kind = kinds[name];
  root.dataset.kind = name;
  find('[data-view=both]').textContent = kind.words.both;
  find('[data-view=map]').textContent = kind.words.map;
  tell('use', name);
}
