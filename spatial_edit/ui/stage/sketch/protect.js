// The tool "protect": a brush paints what may change and what stays; "Apply" makes it so. A hatched veil lies over what
// is protected.

let draft = null, unsaved = false, freeing = true, strokes = 0;   // the cells being painted, and how often they changed
let applied = null, appliedCells = null;          // the server's mask: as text, as cells
let maskSpot = null;                              // where the brush was last
const veil = make('g', { class: 'se-veil' }, svg);
svg.insertBefore(veil, shapes);
const hatch = make('pattern', { id: 'se-hatch', width: 9, height: 9, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }, make('defs', {}, veil));
make('rect', { width: 9, height: 9, class: 'se-hatch-ground' }, hatch); make('rect', { width: 2, height: 9, class: 'se-hatch-line' }, hatch);
const veilPath = make('path', { fill: 'url(#se-hatch)', 'fill-rule': 'evenodd' }, veil);
const brushRing = make('circle', { class: 'se-ring' }, svg);
const maskFile = find('.se-maskfile'), maskSize = find('[data-mask=size]');
const KEPT = 'Outside the mask nothing changes; its edge is soft.';
const brushRadius = () => Number(maskSize.value) / 100 / 2;

let veiled = '';                                   // what the veil was last drawn for
function drawVeil() {
  const painting = tool === 'protect', cells = painting ? draft : appliedCells, now = `${painting ? strokes : applied} ${side} ${form}`;
  veil.style.display = cells ? '' : 'none';
  if (cells && now !== veiled) { veilPath.setAttribute('d', protectedPath(cells, side)); veil.setAttribute('transform', `scale(1 ${form})`); veiled = now; }
  find('button[data-tool=protect]').classList.toggle('marked', Boolean(applied));
  if (painting) drawOptions(); else brushRing.style.display = 'none';
}
function drawOptions() {
  for (const button of element.querySelectorAll('[data-brush]')) button.setAttribute('aria-checked', String((button.dataset.brush === 'free') === freeing));
  find('[data-mask=apply]').disabled = !unsaved;
  find('[data-mask=around]').disabled = !picked.size;
  for (const name of ['invert', 'clear']) find(`[data-mask=${name}]`).disabled = !draft;
}
function newDraft(cells, words) { draft = cells; unsaved = true; strokes += 1; drawVeil(); if (words) say(words); }

tools.protect = {
  cursor: 'crosshair',
  before: null,
  start(x, y) {
    this.before = [draft && draft.slice(), unsaved];
    if (!draft) draft = new Uint8Array(CELLS * CELLS).fill(freeing ? 0 : 1);   // the first stroke decides what the rest is
    maskSpot = [x, y]; unsaved = true;
    tools.protect.move(x, y);
  },
  move(x, y) { paintMask(draft, maskSpot, [x, y], brushRadius(), freeing ? 1 : 0); maskSpot = [x, y]; strokes += 1; drawVeil(); },
  end() { maskSpot = null; say(`${shareKept()} % of the picture is protected once you press Apply.`); },
  cancel() { maskSpot = null; [draft, unsaved] = this.before; strokes += 1; drawVeil(); },   // a second finger came, to enlarge
};
const shareKept = () => Math.round(100 * draft.reduce((sum, cell) => sum + 1 - cell, 0) / draft.length);

const maskActs = {
  around() {
    const items = [...new Set(chosen().flatMap((item) => [item, ...kind.along(item)]))];
    const cells = maskAround(items);
    if (!cells.some(Boolean)) { say('The selected elements are outside the picture.', true); return; }
    newDraft(cells, `All but ${items.map(kind.title).join(', ')} is protected once you press Apply.`);
  },
  invert() { newDraft(draft.map((cell) => 1 - cell), 'Inverted; press Apply to protect the hatched part.'); },
  clear() {
    draft = null; unsaved = Boolean(applied); drawVeil();
    say(applied ? 'Cleared; press Apply to lift the protection.' : 'Cleared.');
  },
  upload() { maskFile.click(); },
  apply() {
    if (draft && !draft.some(Boolean)) { say('Nothing could change any more: let some part of the picture change.', true); return; }
    const none = !draft || draft.every(Boolean);
    if (none && !applied) { draft = null; unsaved = false; say('Nothing is protected.'); drawVeil(); return; }
    unsaved = false;
    say(none ? 'Lifting the protection…' : 'Protecting…');
    send('edit', [none ? { op: 'unprotect' } : { op: 'protect', mask: maskText(draft) }]);
    stage.focus({ preventScroll: true });
    useTool('select');
  },
};
element.addEventListener('click', (event) => {
  const brush = event.target.closest('[data-brush]'), button = event.target.closest('button[data-mask]');
  if (brush) { freeing = brush.dataset.brush === 'free'; drawVeil(); }
  if (button && scene.code) maskActs[button.dataset.mask]();
});
maskFile.addEventListener('change', async () => {
  const [file] = maskFile.files;
  maskFile.value = '';                             // the same file may be chosen again
  if (!file) return;
  try { newDraft(await maskFromFile(file), `${file.name.slice(0, 60)}: bright parts may change. Press Apply to protect the hatched part.`); }
  catch (refused) { say(refused.message, true); }
});

svg.addEventListener('pointermove', (event) => {
  const over = tool === 'protect' && event.pointerType !== 'touch';
  brushRing.style.display = over ? 'inline' : 'none';   // the style sheet hides it
  if (over) { const [x, y] = place(event); put(brushRing, { cx: x * side, cy: y * side, r: brushRadius() * side, transform: `scale(1 ${form})` }); }
});
svg.addEventListener('pointerleave', () => { brushRing.style.display = 'none'; });
hooks.key.push((event) => {
  if (tool !== 'protect' || event.altKey || !['[', ']'].includes(event.key)) return false;
  maskSize.value = Number(maskSize.value) + (event.key === ']' ? 2 : -2);
  say(`Brush ${maskSize.value} % of the picture.`);
  return true;
});
// The server's mask: after Apply, undo, redo, or in another scene.
hooks.receive.push((said, opened) => {
  const guard = (said.world || {}).guard || null;
  if (guard === applied && !opened) return;
  if (!opened && !said.error) say(guard ? said.message || KEPT : 'The protection is lifted.');
  applied = guard; appliedCells = maskOf(guard); draft = appliedCells && appliedCells.slice(); unsaved = false; strokes += 1;
  drawVeil();
});
hooks.draw.push(drawVeil);
