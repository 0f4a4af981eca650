// What lies over the picture: nothing, the picture before behind a slider (compare.js), or a map that the server draws:
// differences, opacity, depth. The menu beside Outlines, Picture and Map; the line below the stage with legend and words.

const seeButton = find('.sg-open'), seeMenu = find('.sg-menu'), note = find('.sg-note'), noteWords = find('.sg-words'), since = find('.sg-since');
const SERVER_MAPS = ['difference', 'opacity', 'depth'];
const SEE_NAMES = { '': 'View', compare: 'Compare', difference: 'Differences', opacity: 'Opacity', depth: 'Depth' };
const over = Object.assign(document.createElement('img'), { className: 'sg-over', alt: '', draggable: false, hidden: true });
img.after(over);
let seen = '', sinceKey = '', seenAsked = 0, seenFor = '', seenTimer = 0;
const compared = () => seen === 'compare' || seen === 'difference';
const beforeKey = () => (keptOf(sinceKey) ? sinceKey : openedKey);

function setSeen(name) {
  seen = name;
  if (seen && view === 'map') { view = 'both'; drawSoon(); }
  for (const item of seeMenu.children) item.setAttribute('aria-checked', String(item.dataset.see === seen));
  find('.sg-opened').textContent = SEE_NAMES[seen];
  seeButton.classList.toggle('on', Boolean(seen));
  note.hidden = !seen; note.dataset.shows = seen;
  over.hidden = true; over.removeAttribute('src'); seenFor = ''; noteWords.textContent = '';
  find('.sg-legend').hidden = true;
  find('[data-seeing=save]').hidden = !SERVER_MAPS.includes(seen);
  find('.sg-before').hidden = !compared();
  showCompare(); askMap();
}
// The steps that "before" may be: those whose codes are known.
function fillSince() {
  const wanted = [['', 'as opened'], ...trail.steps.map(({ key, label }, place) => [key, `step ${place + 1}: ${label}`]).filter(([key]) => keptOf(key))];
  if (![...wanted.map(([key]) => key)].includes(sinceKey)) sinceKey = '';
  const mark = JSON.stringify(wanted);
  if (since.dataset.mark !== mark) {
    since.dataset.mark = mark;
    since.replaceChildren(...wanted.map(([value, text]) => Object.assign(document.createElement('option'), { value, textContent: text })));
  }
  since.value = sinceKey;
}

// ---- maps: asked for when the scene, the selection or what is compared has changed, never twice at once ----
const mapRequest = () => ({
  what: seen, code: scene.code,
  ...(seen === 'difference' ? { before: (keptOf(beforeKey()) || { code: scene.code }).code } : {}),
  ...(seen === 'opacity' ? { target: selected } : {}),
});
function askMap() {
  clearTimeout(seenTimer);
  if (!SERVER_MAPS.includes(seen) || !scene.code || JSON.stringify(mapRequest()) === seenFor) return;
  note.setAttribute('aria-busy', 'true');
  seenTimer = setTimeout(fetchMap, 90);
}
async function fetchMap() {
  if (drag || waiting) { seenTimer = setTimeout(fetchMap, 120); return; }
  const request = mapRequest(), asked = seenAsked += 1;
  seenFor = JSON.stringify(request);
  const reply = await server.see_map(request);
  if (asked !== seenAsked || request.what !== seen) return;
  note.removeAttribute('aria-busy');
  if (!reply || reply.error) { over.hidden = true; find('.sg-legend').hidden = true; noteWords.textContent = (reply && reply.error) || 'The map could not be made; try again.'; return; }
  over.src = reply.image; over.hidden = false;
  noteWords.textContent = seen === 'difference' ? reply.sentence : `${reply.title}. ${reply.sentence}`;
  find('.sg-legend').hidden = false;
  find('.sg-legend').setAttribute('aria-label', `${reply.title}: colours from ${reply.low} to ${reply.high}`);
  find('.sg-legend').title = reply.title;
  find('.sg-low').textContent = reply.low; find('.sg-high').textContent = reply.high;
  find('.sg-ramp').classList.toggle('heat', reply.ramp === 'heat');
}
hooks.receive.push((said, opened) => { if (opened) sinceKey = ''; fillSince(); showCompare(); askMap(); });
hooks.draw.push(() => {
  if (!seen) return;
  over.classList.toggle('gone', Boolean(drag && drag.kind !== 'none' && (drag.moved || drag.kind === 'keys')));   // the live picture is seen in a gesture
  if (seen === 'opacity') askMap();
  if (seen === 'compare') placeCut();
});
since.addEventListener('change', () => { sinceKey = since.value; showCompare(); askMap(); });

// ---- the menu ----
function openSeeMenu(open, focus = true) {
  seeMenu.hidden = !open;
  seeButton.setAttribute('aria-expanded', String(open));
  if (focus) (open ? seeMenu.querySelector('[aria-checked=true]') : seeButton).focus();
}
seeButton.addEventListener('click', () => openSeeMenu(seeMenu.hidden));
seeButton.addEventListener('keydown', (event) => { if (event.key === 'ArrowDown') { event.preventDefault(); openSeeMenu(true); } });
seeMenu.addEventListener('click', (event) => {
  const item = event.target.closest('[data-see]');
  if (item) { openSeeMenu(false); setSeen(item.dataset.see); }
});
seeMenu.addEventListener('keydown', (event) => {
  const items = [...seeMenu.children], place = items.indexOf(document.activeElement), end = items.length - 1;
  const next = { ArrowDown: place === end ? 0 : place + 1, ArrowUp: place <= 0 ? end : place - 1, Home: 0, End: end }[event.key];
  if (next !== undefined) { event.preventDefault(); items[next].focus(); }
  else if (event.key === 'Escape') { event.preventDefault(); openSeeMenu(false); }
  else if (event.key === 'Tab') openSeeMenu(false, false);
  else return;
  event.stopPropagation();
});
document.addEventListener('pointerdown', function outside(event) {
  if (!element.isConnected) document.removeEventListener('pointerdown', outside);
  else if (!seeMenu.hidden && !event.target.closest('.sg-view')) openSeeMenu(false, false);
});
element.addEventListener('click', (event) => { if (event.target.closest('[data-view=map]') && seen) setSeen(''); });
