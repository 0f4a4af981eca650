// Mouse, touch, wheel and keys, for every kind of layout; the last of the files, so it starts the canvas.

function act(name) {
  const item = current();
  if (name === 'undo' || name === 'redo') {
    finishKeys();
    if (outbox.length || waiting || scene[`can_${name}`]) { say(name === 'undo' ? 'Undone.' : 'Redone.'); send(name); }
    return;
  }
  if (!item) { say('Select an element first.'); return; }
  finishKeys();
  const target = item.id;
  if (name === 'hide') { send('edit', [{ op: item.hidden ? 'show' : 'hide', target }]); const to = !item.hidden; for (const one of [item, ...kind.along(item)]) one.hidden = to; draw(); }
  else if (name === 'lock') { send('edit', [{ op: item.locked ? 'unlock' : 'lock', target }]); item.locked = !item.locked; draw(); }
  else if (name === 'remove') {
    if (item.locked) { say(`${kind.title(item)} is locked: unlock it first.`, true); return; }
    const gone = new Set([item, ...kind.along(item)]);
    elements = elements.filter((other) => !gone.has(other));
    selected = null; draw(); stage.focus({ preventScroll: true });
    say(`Removed ${kind.title(item)}; undo brings it back.`);
    send('edit', [{ op: 'remove', target }]);
  } else kind.act(name, item);
}
function pick(id, focus = false) {
  if (id !== selected) finishKeys();
  selected = id; picked.clear(); if (id !== null) picked.add(id);
  draw();
  const item = current();
  if (item) { say(kind.describe(item)); layers.scrollLeft = chips.get(id).offsetLeft - layers.clientWidth / 3; }
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

let using = null;                                 // the tool whose gesture runs: { tool, pointer }
function useTool(name) { tool = name; stage.dataset.tool = name; stage.style.cursor = (tools[name] || {}).cursor || ''; draw(); }
svg.addEventListener('pointerdown', (event) => {
  if (tools[tool] && !event.button && !using && scene.code) {
    finishKeys(); event.preventDefault(); svg.setPointerCapture(event.pointerId);
    using = { tool: tools[tool], pointer: event.pointerId };
    using.tool.start(...place(event), event);
    return;
  }
  if (event.button || drag || view === 'picture' || !scene.code) return;
  finishKeys();
  const [x, y] = place(event), grip = event.target.closest('[data-handle]');
  let what = 'move', again = false;
  if (grip && current()) what = grip.dataset.handle;
  else {
    const hits = kind.under(x, y), chosen = current();
    again = Boolean(chosen && kind.holds(chosen, x, y));
    if (!hits.length && !again) { pick(null); return; }
    if (!again) pick(hits[0].id);
    nodesOf(current()).shape.focus({ preventScroll: true });
  }
  event.preventDefault();
  svg.setPointerCapture(event.pointerId);
  begin(what, event.pointerId, { x, y, again });
});
// A gesture on the selected element: `before` is the whole state, `old` the element as it was.
function begin(what, pointer, more) {
  const item = current();
  drag = { kind: item.locked ? 'none' : what, pointer, id: item.id, before: snapshot(), old: copy(item), moved: false, ...more };
  if (item.locked) say(`${kind.title(item)} is locked.`);
  else kind.start(drag, item);
  stage.classList.add('dragging');
}
svg.addEventListener('pointermove', (event) => {
  const [x, y] = place(event);
  if (using) { if (event.pointerId === using.pointer) using.tool.move(x, y, event); return; }
  if (!drag) {
    const hits = view === 'picture' || !kind ? [] : kind.under(x, y), id = hits.length ? hits[0].id : null;
    if (id !== hovered && event.pointerType === 'mouse') { hovered = id; drawSoon(); }
    return;
  }
  if (event.pointerId !== drag.pointer || drag.kind === 'none') return;
  const item = byId(drag.id);
  if (!item) return;
  if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) * side < 3) return;
  drag.moved = true; moment = event.timeStamp;
  kind.move(drag, item, x, y, event);
  drawSoon(); pump();
});
function release(event) {
  if (using && event.pointerId === using.pointer) {
    const done = using.tool;
    using = null;
    if (event.type === 'pointercancel') done.cancel(); else done.end(...place(event), event);
    return;
  }
  if (!drag || event.pointerId !== drag.pointer) return;
  const done = drag, item = byId(done.id);
  drag = null;
  stage.classList.remove('dragging');
  if (item && done.moved) {
    if (event.type === 'pointercancel') restoreBase();
    else send('edit', kind.difference(done.before));
    say(kind.told(item));
  } else if (done.again && done.kind === 'move') {  // a second click on the same spot reaches the element below
    const hits = kind.under(done.x, done.y), at = hits.findIndex((hit) => hit.id === selected);
    if (hits.length > 1) pick(hits[(at + 1) % hits.length].id, true);
  }
  if (!waiting && !outbox.length) restoreBase();     // an answer that came during the gesture
  draw();
}
svg.addEventListener('pointerup', release);
svg.addEventListener('pointercancel', release);
svg.addEventListener('pointerleave', () => { if (hovered !== null && !drag) { hovered = null; drawSoon(); } });

// ---- keys, wheel and sliders: a burst is one edit ----
let burst = null;
function change(make, patience = 350) {
  const item = current();
  if (!item || item.locked || drag && drag.kind !== 'keys') return;
  alter(() => make(item), patience);
}
function alter(make, patience = 350) {
  if (drag && drag.kind !== 'keys') return;
  if (!burst) burst = { id: selected, before: snapshot(), timer: 0 };
  moment = performance.now();
  drag = { kind: 'keys', id: selected };             // live pictures may be shown, server states must wait
  make();
  drawSoon(); pump();
  clearTimeout(burst.timer);
  burst.timer = setTimeout(finishKeys, patience);
}
function finishKeys() {
  if (!burst) return;
  const done = burst, item = byId(done.id);
  clearTimeout(done.timer);
  burst = null; drag = null;
  const edit = kind.difference(done.before);
  if (edit.length) send('edit', edit);
  if (item) say(kind.told(item));
}
svg.addEventListener('wheel', (event) => {
  const item = current();
  if (!item || !stage.contains(document.activeElement) || !kind.holds(item, ...place(event))) return;
  event.preventDefault();
  change((it) => kind.wheel(it, event.deltaY));
}, { passive: false });

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
  if (!kind || !event.target.closest('.se-stage, .se-plan')) return;
  if (tell('key', event)) { event.preventDefault(); return; }
  const acts = { delete: 'remove', backspace: 'remove', h: 'hide', ...kind.shortcuts };
  if (event.altKey && !key.startsWith('Arrow')) return;
  if (acts[low]) { event.preventDefault(); act(acts[low]); return; }
  if (key === 'Escape') { pick(null); return; }
  const made = current() && kind.key(event);
  if (made) { event.preventDefault(); change(made); }
});
stage.addEventListener('focusin', (event) => {
  const shape = event.target.closest('.se-shape');
  if (shape && !drag && Number(shape.dataset.id) !== selected) pick(Number(shape.dataset.id));
});

watch('value', receive);
window.spatialEdit = { get elements() { return copy(elements); }, get world() { return copy(world); }, get scene() { return copy(scene); },
  get selected() { return selected; }, get idle() { return !waiting && !outbox.length && !drag && !inFlight && img.complete; },
  get frames() { return frames; }, get shown() { return { ...pictured }; }, link, copyLink, download };
use(props.layout_kind in kinds ? props.layout_kind : 'blobs');
receive();
draw();
