// Under the stage, for the tool "drag": what the pointer sets, the list of points, start and stop, what a run says, its film.

const HINT = find('.sd-hint').textContent, pairList = find('.sd-list'), startButton = find('[data-sd=start]');
const NO_LAYOUT = find('.se-still').textContent;
let listedPairs = '';                              // what the list was last drawn for
function drawPairPanel() {
  if (tool !== 'drag') return;
  const busy = pairsBusy();
  for (const [name, on] of [['points', !areaOpen], ['area', areaOpen], ['free', areaFrees], ['keep', !areaFrees]]) find(`[data-sd=${name}]`).setAttribute('aria-checked', String(on));
  find('.sd-area').hidden = !areaOpen;
  find('[data-sd=whole]').disabled = !areaCells || busy;
  find('[data-sd=clear]').disabled = busy || !pairs.length && !areaCells;
  startButton.textContent = running ? 'Stop' : 'Start';
  startButton.disabled = Boolean(asking);
  find('.sd-run').hidden = !running;
  find('.sd-ask').hidden = !asking;
  find('.sd-film').hidden = !filmOf || busy;
  find('.sd-hint').hidden = busy || pairs.length > 1 || areaOpen;
  stage.classList.toggle('running', busy);
  pairList.hidden = !pairs.length;
  const now = JSON.stringify([pairs.map((pair) => pairWords(pair)), pairOn, busy]);
  if (now === listedPairs) return;
  listedPairs = now;
  while (pairList.children.length > pairs.length) pairList.lastChild.remove();
  while (pairList.children.length < pairs.length) pairList.appendChild(pairRow());
  pairs.forEach((pair, at) => fillPairRow(pairList.children[at], pair, busy));
}
function pairRow() {
  const row = document.createElement('li');
  for (const name of ['sdPick', 'sdDrop']) { const button = Object.assign(document.createElement('button'), { type: 'button' }); button.dataset[name] = ''; row.append(button); }
  return row;
}
function fillPairRow(row, pair, busy) {
  const [pickButton, dropButton] = row.children, on = pair.id === pairOn;
  row.className = on ? 'on' : '';
  pickButton.dataset.sdPick = dropButton.dataset.sdDrop = pair.id;
  putText(pickButton, pair.to ? `${pair.id} · ${(100 * pairAway(pair)).toFixed(1)} %` : `${pair.id} · no target`);
  putText(dropButton, '×');
  pickButton.setAttribute('aria-label', pairWords(pair)); pickButton.setAttribute('aria-pressed', String(on));
  dropButton.setAttribute('aria-label', `Remove point ${pair.id}`); dropButton.disabled = busy;
}
function showRun(words, share) {
  find('.sd-now').textContent = words;
  find('.sd-run progress').value = clamp(share, [0, 1]);
  drawPairPanel();
}
const pairActs = {
  points() { areaOpen = false; drawPairs(); },
  area() { areaOpen = true; drawPairs(); say(areaCells ? areaTold() : 'Paint where the picture may change; the rest is held.'); },
  free() { areaFrees = true; drawPairs(); },
  keep() { areaFrees = false; drawPairs(); },
  whole() { areaCells = null; drawPairs(); say(areaTold()); },
  clear() { if (!refuseBusy()) clearPairs('All points are removed.'); },
  start() { startDrag(); },
  accept() { keepRun(asking, 'Kept the best state.'); stage.focus({ preventScroll: true }); },
  discard() { discardRun(); },
};
const dragPanel = find('.sd-panel');
dragPanel.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  const { sd, sdFilm, sdPick, sdDrop } = button.dataset;
  if (sd) pairActs[sd](); else if (sdFilm) saveDragFilm(sdFilm); else if (sdPick) selectPair(Number(sdPick));
  else if (sdDrop) { removePair(Number(sdDrop)); (find('.sd-list .on button') || startButton).focus({ preventScroll: true }); }
});
pairList.addEventListener('keydown', (event) => { if (!event.ctrlKey && !event.metaKey && pairKey(event)) { event.preventDefault(); event.stopPropagation(); } });
element.addEventListener('keydown', (event) => {
  if (tool !== 'drag' || event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || !event.target.closest('.se-stage, .sd-panel')) return;
  event.preventDefault(); event.stopPropagation(); startDrag();
}, true);
const dragButton = find('button[data-tool=drag]');
hooks.receive.push((said) => {
  dragButton.classList.toggle('cannot', Boolean(said.no_drag));
  dragButton.setAttribute('aria-disabled', String(Boolean(said.no_drag)));
  dragButton.title = said.no_drag || 'Drag points (G)';
  find('.se-still').textContent = said.no_drag ? NO_LAYOUT : 'This model has no layout: drag points of its pictures instead.';
  if (said.no_drag && tool === 'drag') useTool('select');
});
hooks.draw.push(drawPairs);
