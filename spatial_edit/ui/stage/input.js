// Mouse, touch and keys, for every kind of layout; the last of the files, so it starts the canvas.

function act(name) {
  const item = current();
  if (name === 'undo' || name === 'redo') {
    finishKeys();
    if (outbox.length || waiting || scene[`can_${name}`]) { say(name === 'undo' ? 'Undone.' : 'Redone.'); send(name); }
  } else if (name === 'more' || name === 'align') {
    const button = element.querySelector(`[data-act=${name}]`).getBoundingClientRect(), box = stage.getBoundingClientRect();
    openMenu(button.left - box.left, 6, name === 'align' ? 'align' : 'first');
  } else if (!item) say('Select an element first.');
  else if (kind.cannot && kind.cannot.includes(name)) say('That is not possible with these elements.', true);
  else if (name === 'hide' || name === 'lock') flipFlag(name, chosen());
  else if (name === 'remove') removeAll(chosen());
  else if (name === 'swap') swapLooks();
  else if (kind.depths && ['forward', 'backward', 'front', 'back'].includes(name)) { finishKeys(); restack(name); }
  else if (name === 'clone') cloneAll(chosen());
  else { finishKeys(); kind.act(name, item); }
}
function removeAll(items) {
  const free = items.filter((item) => !item.locked), kept = items.filter((item) => item.locked);
  finishKeys();
  if (!free.length) { say(`${listWords(kept)} ${kept.length > 1 ? 'are' : 'is'} locked: unlock first.`, true); return; }
  const gone = new Set(free.flatMap((item) => [item, ...kind.along(item)])), said = `Removed ${listWords(free)}; undo brings ${free.length > 1 ? 'them' : 'it'} back.`;
  const targets = based(free).map((item) => item.id);
  elements = elements.filter((other) => !gone.has(other));
  choose(kept.map((item) => item.id)); draw(); stage.focus({ preventScroll: true });
  say(kept.length ? `${said} Locked and kept: ${listWords(kept)}.` : said);
  send('edit', targets.map((target) => ({ op: 'remove', target })));
}
function cloneAll(items) {
  finishKeys();
  if (!kind.cloneStep) { kind.act('clone', items[0]); return; }
  awaited = new Set(items.flatMap((item) => [item, ...kind.along(item)])).size;
  send('edit', kind.cloneStep(items));
}
function pick(id, focus = false) {
  if (id !== selected) finishKeys();
  choose(id === null ? [] : [id]);
  draw();
  const item = current();
  if (item) { say(kind.describe(item)); showRow(id); }
  if (item && focus) nodesOf(item).shape.focus({ preventScroll: true });
}

element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-act]'), chip = event.target.closest('[data-pick]'), show = event.target.closest('[data-view]'), flag = event.target.closest('[data-flip]');
  if (button) act(button.dataset.act);
  else if (flag) flipFlag(flag.dataset.flip, [byId(Number(flag.closest('[data-row]').dataset.row))].filter(Boolean));
  else if (chip && (event.shiftKey || event.ctrlKey || event.metaKey)) toggle(Number(chip.dataset.pick));
  else if (chip) pick(Number(chip.dataset.pick), true);
  else if (show) { view = show.dataset.view; draw(); }
});
find('.se-views').addEventListener('keydown', (event) => {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key], all = [...element.querySelectorAll('[data-view]')];
  if (!by) return;
  event.preventDefault();
  const next = all[(all.findIndex((button) => button.dataset.view === view) + by + all.length) % all.length];
  view = next.dataset.view; draw(); next.focus();
});

// ---- pointer ----
const place = (event) => { const box = svg.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; };

let using = null;                                 // the tool whose gesture runs: { tool, pointer }
function useTool(name) { tool = name; stage.dataset.tool = name; stage.style.cursor = (tools[name] || {}).cursor || ''; draw(); }
function startTool(one, x, y, event) {
  finishKeys(); event.preventDefault(); svg.setPointerCapture(event.pointerId);
  using = { tool: one, pointer: event.pointerId };
  one.start(x, y, event);
}
let emptyPress = null;                            // a finger or button on an empty place: { pointer, x, y } on the screen
svg.addEventListener('pointerdown', (event) => {
  if (event.button || using || drag && drag.kind !== 'keys' || !scene.code || !kind) return;
  const [x, y] = place(event), mouse = event.pointerType !== 'touch';
  if (tools[tool]) { startTool(tools[tool], x, y, event); return; }
  if (view === 'picture' || kind.still) { if (lens.zoom > 1) startPan(event); return; }
  finishKeys();
  const grip = event.target.closest('[data-handle]'), hits = kind.under(x, y);
  if (grip && grip.dataset.handle.startsWith('group-')) startGroup(grip.dataset.handle, event.pointerId, { x, y });
  else if (grip && current()) begin(grip.dataset.handle, event.pointerId, { x, y });
  else if (mouse && (event.ctrlKey || event.metaKey)) { startTool(tools.marquee, x, y, event); return; }
  else if (!(event.shiftKey ? pressWithShift(hits, x, y, event) : pressPlain(hits, x, y, event))) {
    emptyPress = { pointer: event.pointerId, x: event.clientX, y: event.clientY };
    if (mouse) startTool(tools.marquee, x, y, event); else if (lens.zoom > 1) startPan(event);
    return;
  }
  event.preventDefault();
  svg.setPointerCapture(event.pointerId);
});
// A press on an element that is to be moved, perhaps with others; false when there is none. `click` is what happens
// when the pointer comes up without having moved.
function pressPlain(hits, x, y, event) {
  const holder = chosen().find((item) => kind.holds(item, x, y));
  if (picked.size > 1 && (holder || !hits.length && inGroupBox(x, y))) {
    pressMany(holder, x, y, event, () => pick(hits.length ? hits[0].id : null, hits.length > 0));
    return true;
  }
  if (!holder && !hits.length) return false;
  if (!holder) pick(hits[0].id);
  nodesOf(current()).shape.focus({ preventScroll: true });
  begin('move', event.pointerId, { x, y, click: holder ? () => pickBelow(x, y) : null });
  return true;
}
function pressWithShift(hits, x, y, event) {
  if (!hits.length) return false;
  const [hit] = hits, was = picked.has(hit.id);
  if (!was) { choose([...picked, hit.id], hit.id); draw(); tellChosen(); }
  pressMany(hit, x, y, event, was ? () => toggle(hit.id) : null);
  nodesOf(hit).shape.focus({ preventScroll: true });
  return true;
}
function pressMany(holder, x, y, event, click) {
  if (kind.groups && picked.size > 1 && loose().length) { startGroup('group-move', event.pointerId, { x, y, click }); return; }
  if (holder) choose(picked, (kind.lead ? kind.lead(holder) : holder).id);
  begin('move', event.pointerId, { x, y, click });
}
function pickBelow(x, y) {                         // a second click on the same spot reaches the element below
  const hits = kind.under(x, y), at = hits.findIndex((hit) => hit.id === selected);
  if (hits.length > 1) pick(hits[(at + 1) % hits.length].id, true);
}
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
    const hits = view === 'picture' || !kind || tools[tool] ? [] : kind.under(x, y), id = hits.length ? hits[0].id : null;
    if (id !== hovered && event.pointerType === 'mouse') { hovered = id; drawSoon(); }
    return;
  }
  if (event.pointerId !== drag.pointer || drag.kind === 'none') return;
  const item = byId(drag.id);
  if (!item) return;
  if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) * side < 3) return;
  drag.pace = Math.hypot(x - (drag.lastX ?? drag.x), y - (drag.lastY ?? drag.y)) * side;
  drag.moved = true; drag.lastX = x; drag.lastY = y; moment = event.timeStamp;
  if (drag.group) moveGroup(x, y, event); else kind.move(drag, item, x, y, event);
  drawSoon(); pump();
});
function release(event) {
  const empty = emptyPress && emptyPress.pointer === event.pointerId ? emptyPress : null;
  if (empty) emptyPress = null;
  if (using && event.pointerId === using.pointer) {
    const done = using.tool;
    using = null;
    if (event.type === 'pointercancel') done.cancel(); else done.end(...place(event), event);
    return;
  }
  const still = empty && event.type === 'pointerup' && Math.hypot(event.clientX - empty.x, event.clientY - empty.y) < 8;
  if (still && !doubleTap(event)) pick(null);
  if (!drag || event.pointerId !== drag.pointer) return;
  const done = drag, item = byId(done.id);
  drag = null;
  stage.classList.remove('dragging'); hideGuides();
  if (item && done.moved) {
    if (event.type === 'pointercancel') restoreBase();
    else send('edit', kind.difference(done.before));
    say(done.group || picked.size > 1 && kind.each ? groupTold() : kind.told(item));
  } else if (event.type === 'pointerup' && !doubleTap(event) && done.click) done.click();
  if (!waiting && !outbox.length) restoreBase();     // an answer that came during the gesture
  draw();
}
svg.addEventListener('pointerup', release);
svg.addEventListener('pointercancel', release);
svg.addEventListener('pointerleave', () => { if (hovered !== null && !drag) { hovered = null; drawSoon(); } });
// Ends a gesture as if it had not begun: another finger came, the menu opens, Escape.
function breakOff() {
  if (using) { const { tool: one } = using; using = null; one.cancel(); }
  emptyPress = null; stopPress();
  if (!drag) return;
  if (drag.kind === 'keys') { finishKeys(); return; }
  const { before, moved: changed } = drag;
  drag = null;
  stage.classList.remove('dragging'); hideGuides();
  if (changed) ({ elements, world } = before);
  if (!waiting && !outbox.length) restoreBase();
  draw();
}
// A second tap at once enlarges there, or shows the whole picture again.
let lastTap = { time: 0, x: 0, y: 0 };
function doubleTap(event) {
  const { time, x, y } = lastTap, [px, py] = inFrame(event);
  const twice = event.pointerType === 'touch' && event.timeStamp - time < 320 && Math.hypot(px - x, py - y) < 24;
  lastTap = { time: twice ? 0 : event.timeStamp, x: px, y: py };
  if (twice) zoomTo(lens.zoom > 1 ? 1 : 2.5, px, py);
  return twice;
}
svg.addEventListener('dblclick', (event) => {
  if (kind && scene.code && !tools[tool] && !event.target.closest('[data-handle]') && (view === 'picture' || !kind.under(...place(event)).length)) zoomTo(lens.zoom > 1 ? 1 : 2.5, ...inFrame(event));
});

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
  if (item) say(picked.size > 1 ? groupTold() : kind.told(item, edit));
}

stage.tabIndex = -1;
const typing = (target) => target instanceof Element && target.matches('textarea, select, [contenteditable=true], input:not([type=range], [type=checkbox], [type=radio], [type=color], [type=button])');
const SHORTCUTS = { y: 'redo', d: 'clone', a: selectAll, c: copyChosen, v: paste };
function shortcut(event, everywhere = true) {
  const low = event.key.toLowerCase(), what = low === 'z' ? (event.shiftKey ? 'redo' : 'undo') : SHORTCUTS[low];
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !what || !everywhere && typeof what === 'function') return;
  if (low === 'c' && String(window.getSelection())) return;                   // text that is marked is meant
  event.preventDefault();
  if (event.repeat && (waiting || outbox.length)) return;                     // a key held down goes as fast as the pictures, and stops with the finger
  if (typeof what === 'function') what(); else act(what);
}
// A tool that switches itself off while focused leaves the focus on the page's body: the shortcuts still work there.
document.addEventListener('keydown', function fromBody(event) {
  if (!element.isConnected) { document.removeEventListener('keydown', fromBody); return; }
  if (event.target !== document.body || !stage.clientWidth) return;
  if (event.key === ' ' && stage.matches(':hover')) { event.preventDefault(); holdSpace(true); } else shortcut(event, false);
});
// Keys that every kind of layout has, with the focus on the stage.
const STAGE_KEYS = {
  n: (event) => step(1, event.shiftKey), p: (event) => step(-1, event.shiftKey), f: () => useTool(tool === 'marquee' ? 'select' : 'marquee'), 0: () => zoomBy('fit'), ' ': () => holdSpace(true),
  escape: () => {
    if (drag || using) { breakOff(); say('Stopped; nothing was changed.'); } else if (tool !== 'select') useTool('select');
    else { pick(null); stage.focus({ preventScroll: true }); say('Nothing is selected.'); }
  },
};
element.addEventListener('keydown', (event) => {
  const key = event.key, low = key.toLowerCase(), onStage = event.target.closest('.se-stage, .se-plan');
  if (typing(event.target) || !kind) return;
  if (event.ctrlKey || event.metaKey) { shortcut(event, Boolean(onStage || event.target.closest('.se-layers'))); return; }
  if ((key === 'ContextMenu' || key === 'F10' && event.shiftKey) && (onStage || layers.contains(event.target))) { event.preventDefault(); menuByKey(); return; }
  if (!onStage) return;
  if (tell('key', event)) { event.preventDefault(); return; }
  const acts = { delete: 'remove', backspace: 'remove', h: 'hide', l: 'lock', ...kind.shortcuts };
  if (event.altKey && !key.startsWith('Arrow')) return;
  if (acts[low]) { event.preventDefault(); act(acts[low]); return; }
  if (STAGE_KEYS[low]) { event.preventDefault(); STAGE_KEYS[low](event); return; }
  const many = picked.size > 1 && kind.groups;
  if (many && loose().length) {
    const made = groupKey(event);
    if (made) { event.preventDefault(); alter(made); }
  } else {
    const made = current() && kind.key(event);
    if (made) { event.preventDefault(); if (picked.size > 1 && kind.each) alter(() => kind.each(made)); else change(made); }
  }
});
stage.addEventListener('focusin', (event) => {
  const shape = event.target.closest('.se-shape');
  if (shape && !drag && !using && Number(shape.dataset.id) !== selected) pick(Number(shape.dataset.id));
});

watch('value', receive);
window.spatialEdit = { get elements() { return copy(elements); }, get world() { return copy(world); }, get scene() { return copy(scene); },
  get selected() { return selected; }, get picked() { return [...picked]; }, get lens() { return { ...lens }; },
  get idle() { return !waiting && !outbox.length && !drag && !inFlight && img.complete; },
  get frames() { return frames; }, get shown() { return { ...pictured }; }, link, copyLink, download,
  get points() { return copy(pairs); }, get dragging() { return { running: Boolean(running), asking: Boolean(asking), known: running ? running.known : 0, area: areaCells ? areaShare() : 100 }; } };
use(props.layout_kind in kinds ? props.layout_kind : 'blobs');
receive();
draw();
