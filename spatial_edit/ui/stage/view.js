// Looking closer: the picture and everything over it lie in one plane, which is enlarged up to eight times and moved under
// the stage's frame. Drawing goes on in CSS pixels of the plane. Also: how strongly outlines and labels are seen.

const ZOOM = [1, 8];
const zoomWords = find('.se-zoom');

// Shows the lens; the plane always covers the frame.
function showLens() {
  const size = frameSide * lens.zoom;
  side = size;
  lens.x = clamp(lens.x, [frameSide - size, 0]); lens.y = clamp(lens.y, [frameTall() - tall(), 0]);
  Object.assign(plane.style, { width: `${size}px`, height: `${tall()}px`, left: `${lens.x}px`, top: `${lens.y}px` });
  svg.setAttribute('viewBox', `0 0 ${size} ${tall()}`);
  stage.classList.toggle('zoomed', lens.zoom > 1);
  zoomWords.textContent = `${Math.round(lens.zoom * 100)} %`;
  for (const button of element.querySelectorAll('[data-zoom]')) button.disabled = lens.zoom === { in: ZOOM[1], out: ZOOM[0], fit: ZOOM[0] }[button.dataset.zoom];
}
// Enlarges to `zoom`; the picture's point under (px, py), in pixels of the frame, stays where it is.
function zoomTo(zoom, px = frameSide / 2, py = frameTall() / 2) {
  const wanted = clamp(zoom, ZOOM), factor = wanted / lens.zoom;
  lens.x = px - (px - lens.x) * factor; lens.y = py - (py - lens.y) * factor;
  lens.zoom = Math.abs(wanted - 1) < 0.01 ? 1 : wanted;
  showLens(); drawSoon();
}
function panBy(dx, dy) {
  const { x, y } = lens;
  lens.x += dx; lens.y += dy;
  showLens(); drawSoon();
  return lens.x !== x || lens.y !== y;
}
const inFrame = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
function zoomBy(name) {
  zoomTo(name === 'fit' ? 1 : lens.zoom * (name === 'in' ? 1.5 : 1 / 1.5));
  say(lens.zoom === 1 ? 'The whole picture.' : `Enlarged to ${Math.round(lens.zoom * 100)} %.`);
}
// What the keyboard has selected is seen.
function reveal(item) {
  if (lens.zoom === 1) return;
  const spot = kind.spot(item), margin = 40, step = (value, corner, frame) => (value + corner < margin ? margin - value - corner : Math.min(0, frame - margin - value - corner));
  panBy(step(spot.x, lens.x, frameSide), step(spot.y, lens.y, frameTall()));
}

// ---- wheel: with Ctrl (a trackpad's pinch comes so too) it enlarges; over the focused element it resizes; else it moves what is enlarged ----
stage.addEventListener('wheel', (event) => {
  if (!kind || !scene.code || !plane.contains(event.target)) return;
  const item = current(), pixels = event.deltaMode ? 30 : 1;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoomTo(lens.zoom * Math.exp(-clamp(event.deltaY * pixels, [-120, 120]) / 180), ...inFrame(event));
  } else if (item && view !== 'picture' && picked.size === 1 && stage.contains(document.activeElement) && kind.wheel && kind.holds(item, ...place(event))) {
    event.preventDefault();
    change((it) => kind.wheel(it, event.deltaY));
  } else if (lens.zoom > 1 && panBy(-(event.shiftKey ? event.deltaY : event.deltaX) * pixels, event.shiftKey ? 0 : -event.deltaY * pixels)) event.preventDefault();
}, { passive: false });

// ---- moving the plane: middle button, or any with Space held; two fingers enlarge and move ----
const fingers = new Map();                        // pointer id → its place in the frame
let panning = null, pinch = null, spaceHeld = false;
const spread = () => { const [[ax, ay], [bx, by]] = [...fingers.values()]; return { far: Math.max(1, Math.hypot(ax - bx, ay - by)), x: (ax + bx) / 2, y: (ay + by) / 2 }; };
function holdSpace(held) { spaceHeld = held; stage.classList.toggle('grab', held); }
function startPan(event) {
  panning = { pointer: event.pointerId, last: inFrame(event) };
  stage.setPointerCapture(event.pointerId); stage.classList.add('panning');
  event.preventDefault();
}
stage.addEventListener('pointerdown', (event) => {
  if (!plane.contains(event.target) || !scene.code) return;
  if (event.pointerType === 'touch') {
    fingers.set(event.pointerId, inFrame(event));
    if (fingers.size === 2) { breakOff(); pinch = spread(); }
    if (fingers.size > 1) { event.stopPropagation(); event.preventDefault(); return; }
  }
  if (event.button === 1 || event.button === 0 && spaceHeld) { event.stopPropagation(); startPan(event); }
}, true);
stage.addEventListener('pointermove', (event) => {
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, inFrame(event));
  if (pinch && fingers.size === 2) {
    const now = spread();
    panBy(now.x - pinch.x, now.y - pinch.y);
    zoomTo(lens.zoom * now.far / pinch.far, now.x, now.y);
    pinch = now;
    event.stopPropagation();
  } else if (panning && event.pointerId === panning.pointer) {
    const [x, y] = inFrame(event);
    panBy(x - panning.last[0], y - panning.last[1]);
    panning.last = [x, y];
    event.stopPropagation();
  }
}, true);
function liftFinger(event) {
  fingers.delete(event.pointerId);
  if (fingers.size < 2 && pinch) { pinch = null; say(`Enlarged to ${Math.round(lens.zoom * 100)} %.`); }
  if (panning && event.pointerId === panning.pointer) { panning = null; stage.classList.remove('panning'); event.stopPropagation(); }
}
stage.addEventListener('pointerup', liftFinger, true);
stage.addEventListener('pointercancel', liftFinger, true);
stage.addEventListener('mousedown', (event) => { if (event.button === 1) event.preventDefault(); });  // no autoscroll
// A finger on an empty place scrolls the page; not one that drags, draws, pinches or moves what is enlarged.
stage.addEventListener('touchmove', (event) => { if ((drag || using || pinch || panning || event.touches.length > 1) && event.cancelable) event.preventDefault(); }, { passive: false });
document.addEventListener('keyup', function spaceUp(event) {
  if (!element.isConnected) document.removeEventListener('keyup', spaceUp);
  else if (event.key === ' ') holdSpace(false);
});
window.addEventListener('blur', () => holdSpace(false));
element.addEventListener('click', (event) => { const button = event.target.closest('[data-zoom]'); if (!button) return; zoomBy(button.dataset.zoom); if (event.detail) stage.focus({ preventScroll: true }); });  // of a mouse: Space is then the hand

// The stage takes the picture's form; the server says width over height.
hooks.receive.push((said) => {
  const next = said.aspect > 0 ? 1 / said.aspect : 1;
  if (next === form) return;
  form = next;
  stage.style.setProperty('--se-form', String(1 / form));
  showLens();
});
hooks.receive.push((said, opened) => { if (opened && lens.zoom > 1) zoomTo(1); });   // another scene is seen whole

// ---- how strongly outlines and labels are seen, 0 .. 1; remembered where the browser allows it ----
const OVERLAY = 'spatial-edit-overlay';
let overlay = 1;
function setOverlay(value, remember = true) {
  if (!Number.isFinite(value)) return;
  overlay = clamp(value, [0, 1]);
  root.style.setProperty('--se-overlay', String(overlay));
  if (!remember) return;
  try { localStorage.setItem(OVERLAY, String(overlay)); } catch (refused) { return; }   // a private window, a foreign frame
}
function remembered(name) { try { return localStorage.getItem(name); } catch (refused) { return null; } }
if (remembered(OVERLAY) !== null) setOverlay(Number.parseFloat(remembered(OVERLAY)), false);
