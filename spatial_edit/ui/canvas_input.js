// The canvas, part 3 of 3: mouse, touch, wheel and keys.

function act(name) {
  const item = current(), place = elements.indexOf(item);
  if (name === 'undo' || name === 'redo') {
    finishKeys();
    if (outbox.length || waiting || scene[`can_${name}`]) { say(name === 'undo' ? 'Undone.' : 'Redone.'); send(name); }
    return;
  }
  if (!item) { say('Select an element first.'); return; }
  finishKeys();
  const target = item.id;
  if (name === 'forward' && place < elements.length - 1) send('edit', [{ op: 'reorder', target, to: place + 1 }]);
  else if (name === 'backward' && place > 0) send('edit', [{ op: 'reorder', target, to: place - 1 }]);
  else if (name === 'clone') send('edit', [{ op: 'clone', target, dx: item.x < 0.9 ? 0.06 : -0.06, dy: item.y < 0.9 ? 0.06 : -0.06 }]);
  else if (name === 'hide') { send('edit', [{ op: item.hidden ? 'show' : 'hide', target }]); item.hidden = !item.hidden; draw(); }
  else if (name === 'remove') {
    elements = elements.filter((other) => other !== item);
    selected = null; draw(); stage.focus({ preventScroll: true });
    say(`Removed ${title(item)}; undo brings it back.`);
    send('edit', [{ op: 'remove', target }]);
  }
}
function pick(id, focus = false) {
  if (id !== selected) finishKeys();
  selected = id; draw();
  const item = current();
  if (item) { say(describe(item)); layers.scrollLeft = chips.get(id).offsetLeft - layers.clientWidth / 3; }
  if (item && focus) nodesOf(item).shape.focus({ preventScroll: true });
}

element.addEventListener('click', (event) => {
  const tool = event.target.closest('[data-act]'), chip = event.target.closest('[data-pick]'), show = event.target.closest('[data-view]');
  if (tool) act(tool.dataset.act);
  else if (chip) pick(Number(chip.dataset.pick), true);
  else if (show) { view = show.dataset.view; draw(); }
});

// ---- pointer ----
const place = (event) => { const box = svg.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; };
// Elements under a point, smallest first: the one a person means when several overlap.
const under = (x, y) => elements.filter((item) => !item.hidden && inside(item, x, y)).sort((p, q) => p.size - q.size);

svg.addEventListener('pointerdown', (event) => {
  if (event.button || drag || view === 'picture' || !scene.code) return;
  finishKeys();
  const [x, y] = place(event), handle = event.target.closest('[data-handle]');
  let kind = 'move', again = false;
  if (handle && current()) kind = handle.dataset.handle;
  else {
    const hits = under(x, y), chosen = current();
    if (!hits.length && !(chosen && inside(chosen, x, y))) { pick(null); return; }
    again = Boolean(chosen && inside(chosen, x, y));
    if (!again) pick(hits[0].id);
    nodesOf(current()).shape.focus({ preventScroll: true });
  }
  const item = current();
  event.preventDefault();
  svg.setPointerCapture(event.pointerId);
  drag = { kind, again, pointer: event.pointerId, id: item.id, before: copy(item), x, y, moved: false };
  if (item.locked) drag.kind = 'none';
  stage.classList.add('dragging');
});

function shapeTo(item, before, u, v, keepAspect) {
  const [a0, b0] = radii(before);
  let a = clamp(u, [0.01, 1.4]), b = clamp(v, [0.01, 1.4]);
  if (keepAspect) { const factor = a !== a0 ? a / a0 : b / b0; a = a0 * factor; b = b0 * factor; }
  item.size = clamp(Math.sqrt(a * b), SIZE);
  item.aspect = clamp(a / b, ASPECT);
}
svg.addEventListener('pointermove', (event) => {
  const [x, y] = place(event);
  if (!drag) {
    const hits = view === 'picture' ? [] : under(x, y), id = hits.length ? hits[0].id : null;
    if (id !== hovered && event.pointerType === 'mouse') { hovered = id; drawSoon(); }
    return;
  }
  if (event.pointerId !== drag.pointer || drag.kind === 'none') return;
  const before = drag.before, item = byId(drag.id);
  if (!item) return;
  if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) * side < 3) return;
  drag.moved = true;
  if (drag.kind === 'move') {
    item.x = clamp(before.x + x - drag.x, CENTRE); item.y = clamp(before.y + y - drag.y, CENTRE);
  } else if (drag.kind === 'rotate') {
    const angleAt = (px, py) => Math.atan2(-(py - before.y), px - before.x), snap = Math.PI / 12;
    let angle = before.angle + angleAt(x, y) - angleAt(drag.x, drag.y);
    if (event.shiftKey) angle = Math.round(angle / snap) * snap;
    item.angle = Math.atan2(Math.sin(angle), Math.cos(angle));
  } else {                                          // relative, so that a handle held inside the stage does not jump
    const [u0, v0] = toLocal(before, drag.x, drag.y), [u, v] = toLocal(before, x, y), [a, b] = radii(before);
    if (drag.kind === 'along') shapeTo(item, before, a + (u - u0) * Math.sign(u0 || 1), b, event.shiftKey);
    else shapeTo(item, before, a, b + (v - v0) * Math.sign(v0 || 1), event.shiftKey);
  }
  drawSoon(); pump();
});
function release(event) {
  if (!drag || event.pointerId !== drag.pointer) return;
  const done = drag, item = byId(done.id);
  drag = null;
  stage.classList.remove('dragging');
  if (item && done.moved) {
    if (event.type === 'pointercancel') restoreBase();
    else send('edit', difference(done.before, item));
    say(describe(item));
  } else if (done.again && done.kind === 'move') {  // a second click on the same spot reaches the element below
    const hits = under(done.x, done.y), at = hits.findIndex((hit) => hit.id === selected);
    if (hits.length > 1) pick(hits[(at + 1) % hits.length].id, true);
  }
  if (!waiting && !outbox.length) restoreBase();     // an answer that came during the gesture
  draw();
}
svg.addEventListener('pointerup', release);
svg.addEventListener('pointercancel', release);
svg.addEventListener('pointerleave', () => { if (hovered !== null && !drag) { hovered = null; drawSoon(); } });

// ---- keys and wheel: a burst is one edit ----
let burst = null;
function change(make) {
  const item = current();
  if (!item || item.locked || drag && drag.kind !== 'keys') return;
  if (!burst) burst = { id: item.id, before: copy(item), timer: 0 };
  drag = { kind: 'keys', id: item.id };              // live pictures may be shown, server states must wait
  make(item);
  item.x = clamp(item.x, CENTRE); item.y = clamp(item.y, CENTRE); item.size = clamp(item.size, SIZE); item.aspect = clamp(item.aspect, ASPECT);
  drawSoon(); pump();
  clearTimeout(burst.timer);
  burst.timer = setTimeout(finishKeys, 350);
}
function finishKeys() {
  if (!burst) return;
  const done = burst, item = byId(done.id);
  clearTimeout(done.timer);
  burst = null; drag = null;
  if (!item) return;
  const edit = difference(done.before, item);
  if (edit.length) send('edit', edit);
  say(describe(item));
}
svg.addEventListener('wheel', (event) => {
  const item = current();
  if (!item || !stage.contains(document.activeElement) || !inside(item, ...place(event))) return;
  event.preventDefault();
  change((it) => { it.size *= Math.exp(-event.deltaY / 900); });
}, { passive: false });

const TURN = Math.PI / 36;
const keys = {
  ArrowLeft: (it, step) => { it.x -= step; }, ArrowRight: (it, step) => { it.x += step; },
  ArrowUp: (it, step) => { it.y -= step; }, ArrowDown: (it, step) => { it.y += step; },
  '+': (it) => { it.size *= 1.05; }, '=': (it) => { it.size *= 1.05; }, '-': (it) => { it.size /= 1.05; },
  '[': (it) => { it.angle += TURN; }, ']': (it) => { it.angle -= TURN; },
  ',': (it) => { it.aspect /= 1.06; }, '.': (it) => { it.aspect *= 1.06; },
};
stage.tabIndex = -1;
function shortcut(event) {
  const low = event.key.toLowerCase();
  const name = low === 'z' ? (event.shiftKey ? 'redo' : 'undo') : low === 'y' ? 'redo' : low === 'd' ? 'clone' : '';
  if (!(event.ctrlKey || event.metaKey) || !name) return;
  event.preventDefault(); act(name);
}
// A tool that switches itself off while focused leaves the focus on the page's body: the shortcuts still work there.
document.addEventListener('keydown', function fromBody(event) {
  if (!element.isConnected) document.removeEventListener('keydown', fromBody);
  else if (event.target === document.body && stage.clientWidth) shortcut(event);
});
element.addEventListener('keydown', (event) => {
  const key = event.key, low = key.toLowerCase();
  if (event.ctrlKey || event.metaKey) { shortcut(event); return; }
  if (!stage.contains(event.target) || event.altKey) return;
  const acts = { delete: 'remove', backspace: 'remove', pageup: 'forward', pagedown: 'backward', h: 'hide' };
  if (acts[low]) { event.preventDefault(); act(acts[low]); }
  else if (key === 'Escape') pick(null);
  else if (keys[key] && current()) { event.preventDefault(); change((item) => keys[key](item, event.shiftKey ? 0.05 : 0.01)); }
});
stage.addEventListener('focusin', (event) => {
  const shape = event.target.closest('.se-blob');
  if (shape && !drag && Number(shape.dataset.id) !== selected) pick(Number(shape.dataset.id));
});

watch('value', receive);
window.spatialEdit = { get elements() { return copy(elements); }, get scene() { return copy(scene); }, get selected() { return selected; },
  get idle() { return !waiting && !outbox.length && !drag && !inFlight && img.complete; }, get frames() { return frames; }, link, copyLink, download };
receive();
draw();
