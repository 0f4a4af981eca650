// Before and after: the picture before lies over the present one, cut off at a line that a pointer or the keyboard moves.

const cutHandle = find('.sg-cut'), cutPills = [find('.sg-left'), find('.sg-right')];
const beforePicture = Object.assign(document.createElement('img'), { className: 'sg-past', alt: '', draggable: false, hidden: true });
img.after(beforePicture);
let cut = 0.5, cutting = null;

async function showCompare() {
  const on = seen === 'compare' && Boolean(scene.code);
  cutHandle.hidden = !on;
  for (const pill of cutPills) pill.hidden = !on;
  if (!on) { beforePicture.hidden = true; return; }
  const key = beforeKey(), source = await pictureOf(key);
  if (seen !== 'compare' || key !== beforeKey()) return;
  if (source && beforePicture.getAttribute('src') !== source) beforePicture.src = source;
  beforePicture.hidden = !source;
  noteWords.textContent = key === presentKey() ? 'Both halves show the same step: edit something, or choose another one.' : 'Drag the line, or focus it and use the arrow keys.';
  placeCut();
}
// The line is placed in the stage's frame; the picture below may be enlarged.
function placeCut() {
  const frame = stage.getBoundingClientRect(), box = img.getBoundingClientRect();
  if (!box.width) return;
  const share = clamp((frame.left + cut * frame.width - box.left) / box.width, [0, 1]), percentage = Math.round(100 * cut);
  beforePicture.style.clipPath = `inset(0 ${(100 * (1 - share)).toFixed(2)}% 0 0)`;
  cutHandle.style.left = `${100 * cut}%`;
  cutHandle.setAttribute('aria-valuenow', String(percentage));
  cutHandle.setAttribute('aria-valuetext', `${percentage} % before, ${100 - percentage} % now`);
  cutPills[0].classList.toggle('gone', cut < 0.16); cutPills[1].classList.toggle('gone', cut > 0.84);
}
function moveCut(value) { cut = clamp(value, [0, 1]); placeCut(); }
cutHandle.addEventListener('pointerdown', (event) => {
  if (event.button) return;
  event.preventDefault(); event.stopPropagation();
  cutHandle.focus({ preventScroll: true });
  cutHandle.setPointerCapture(event.pointerId);
  const box = cutHandle.getBoundingClientRect();
  cutting = { pointer: event.pointerId, off: event.clientX - (box.left + box.width / 2) };
});
cutHandle.addEventListener('pointermove', (event) => {
  if (!cutting || event.pointerId !== cutting.pointer) return;
  const frame = stage.getBoundingClientRect();
  moveCut((event.clientX - cutting.off - frame.left) / frame.width);
});
for (const name of ['pointerup', 'pointercancel']) cutHandle.addEventListener(name, () => { cutting = null; });
cutHandle.addEventListener('keydown', (event) => {
  const step = event.shiftKey ? 0.1 : 0.02;
  const next = { ArrowLeft: cut - step, ArrowDown: cut - step, ArrowRight: cut + step, ArrowUp: cut + step, PageDown: cut - 0.1, PageUp: cut + 0.1, Home: 0, End: 1 }[event.key];
  if (next === undefined || event.ctrlKey || event.metaKey) return;
  event.preventDefault(); event.stopPropagation();
  moveCut(next);
});
