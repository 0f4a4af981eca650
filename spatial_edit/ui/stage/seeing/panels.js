// The panels under "History": four variations of the scene, and the edit as a film; and the buttons beside them.

const panelButtons = [...element.querySelectorAll('[data-panel]')];
function openPanel(name) {
  for (const button of panelButtons) {
    const on = button.dataset.panel === name && button.getAttribute('aria-expanded') !== 'true';
    button.setAttribute('aria-expanded', String(on));
    find(`#sg-${button.dataset.panel}`).hidden = !on;
    if (on && name === 'vary') { fillKinds(); if (!four.querySelector('.sg-choice')) askFour(); }   // four at one click
  }
}
element.addEventListener('click', (event) => {
  const tab = event.target.closest('[data-panel]'), button = event.target.closest('[data-seeing]');
  if (tab) openPanel(tab.dataset.panel);
  else if (button) ({ save: saveMap, plain: () => { setSeen(''); seeButton.focus(); }, vary: askFour, film: makeFilm, open: () => find('.sg-file').click() })[button.dataset.seeing]();
});
async function saveMap() {
  const file = await server.render_file(mapRequest());
  if (!file || !file.data) { say((file && file.error) || 'The file could not be made; try again.', true); return; }
  takeAlong(file.data, file.name);
  say(`Saved ${file.name}.`);
}
function takeAlong(href, name) {
  const anchor = Object.assign(document.createElement('a'), { href, download: name });
  document.body.appendChild(anchor); anchor.click(); anchor.remove();
}

// ---- four variations: made from one scene; choosing another one of the four takes the first choice back ----
const four = find('.sg-four'), varyKind = find('.sg-kind');
const VARIATIONS = {
  blobs: [['appearance', 'Same layout, other appearance'], ['restyle', 'Selected in another style'], ['complete', 'Keep the selected, complete the rest'], ['relayout', 'Same appearance, other layout']],
  heatmaps: [['appearance', 'Same heatmaps, other appearance'], ['replace', 'Another object where the selected one is'], ['relayout', 'Same appearance, other heatmaps']],
  boxes3d: [['restyle', 'Same furniture, other style'], ['fill', 'Keep the selected, furnish anew'], ['rehouse', 'Same style, another room']],
};
let fourOf = '', fourChosen = '', fourAwaited = false, fourAsked = 0;   // fourAsked: of two questions the later one is answered
function fillKinds() {
  const able = (name) => !Array.isArray(world.can) || world.can.includes(name) && !(name === 'replace' && levelsOf().length > 1);   // one object: that is its appearance
  const wanted = (VARIATIONS[kind.name] || []).filter(([name]) => able(name));
  if (varyKind.dataset.mark === String(wanted)) return;
  varyKind.dataset.mark = String(wanted);
  varyKind.replaceChildren(...wanted.map(([value, text]) => Object.assign(document.createElement('option'), { value, textContent: text })));
  clearFour('');
}
varyKind.addEventListener('change', () => askFour());
function clearFour(words) { four.replaceChildren(); four.removeAttribute('aria-busy'); fourOf = ''; fourChosen = ''; if (words) four.append(Object.assign(document.createElement('p'), { className: 'sg-words', textContent: words })); }
async function askFour() {
  if (!scene.code) return;
  const asked = fourAsked += 1, name = varyKind.value, keep = chosen().map((item) => item.id);
  if (kind.name === 'blobs' && name === 'restyle' && !keep.length || name === 'replace' && !keep.length) { clearFour('Select one or more elements first.'); return; }
  finishKeys();
  clearFour('Drawing four…');
  four.setAttribute('aria-busy', 'true');
  const code = scene.code, seed = crypto.getRandomValues(new Uint32Array(1))[0], reply = await server.make_variations({ code, kind: name, seed, keep });
  if (asked !== fourAsked) return;
  if (!reply || !reply.items) { clearFour((reply && reply.error) || 'The variations could not be made; try again.'); return; }
  if (scene.code !== code) { clearFour('The scene has changed meanwhile.'); return; }
  clearFour(''); fourOf = code;
  four.append(...reply.items.map((item, place) => fourButton(item, place)));
}
function fourButton(item, place) {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'sg-choice' });
  button.setAttribute('aria-label', `Variation ${place + 1} of 4`); button.setAttribute('aria-pressed', 'false');
  button.append(Object.assign(document.createElement('img'), { src: item.image, alt: '', draggable: false }));
  button.addEventListener('click', () => chooseOne(item, button, place));
  return button;
}
function chooseOne(item, button, place) {
  if (fourAwaited || waiting || button.getAttribute('aria-pressed') === 'true') return;
  if (fourChosen) send('undo');
  for (const other of four.children) other.setAttribute('aria-pressed', String(other === button));
  fourAwaited = true;
  send(item.commit.kind, item.commit.edit);
  say(`Variation ${place + 1} of 4…`);
}
hooks.receive.push((said) => {
  if (!four.children.length || waiting || outbox.length) return;
  if (fourAwaited) { fourAwaited = false; fourChosen = said.error ? '' : said.code; }
  else if (fourOf && said.code === fourOf) { fourChosen = ''; for (const other of four.children) other.setAttribute('aria-pressed', 'false'); }
  else if (fourOf && said.code !== fourChosen) clearFour('The scene has changed.');
});

// ---- the film ----
const progress = find('.sg-progress'), take = find('.sg-take'), screen = find('.sg-screen'), filmButton = find('[data-seeing=film]');
let filmJob = '', filmUrl = '';
// The codes from the scene as it was opened to the present one, each once, at most 64.
function filmCodes() {
  const keys = trail.steps.slice(0, trail.present + 1).map((step) => step.key);
  const codes = keys.slice(Math.max(0, keys.lastIndexOf(openedKey))).map((key) => (keptOf(key) || {}).code).filter(Boolean);
  const list = codes.filter((code, place) => code !== codes[place - 1]), most = 64;
  return list.length <= most ? list : Array.from({ length: most }, (_, i) => list[Math.round(i * (list.length - 1) / (most - 1))]);
}
async function makeFilm() {
  if (filmJob) { server.replay_state({ job: filmJob, stop: true }); return; }
  const codes = filmCodes();
  if (codes.length < 2) { filmWords('There is only one step yet: edit something first.'); return; }
  const job = filmJob = `${client}-${Math.random().toString(36).slice(2, 8)}`;
  take.hidden = true; screen.replaceChildren(); progress.hidden = false; progress.value = 0; filmButton.textContent = 'Stop';
  const watching = setInterval(async () => { const state = await server.replay_state({ job }); if (filmJob === job && state && state.share) progress.value = state.share; }, 400);
  const file = await server.make_replay({ codes, format: find('.sg-format').value, job });
  clearInterval(watching);
  filmJob = ''; progress.hidden = true; filmButton.textContent = 'Make the film';
  if (!file || !file.data) filmWords(file && file.error ? file.error : 'The film could not be made; try again.');
  else showFilm(file);
}
function filmWords(text) { screen.replaceChildren(Object.assign(document.createElement('p'), { className: 'sg-words', textContent: text })); }
function showFilm(file) {
  const [head, body] = file.data.split(','), type = head.slice(5, head.indexOf(';'));
  const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0));
  if (filmUrl) URL.revokeObjectURL(filmUrl);
  filmUrl = URL.createObjectURL(new Blob([bytes], { type }));
  const shownFilm = document.createElement(type === 'video/mp4' ? 'video' : 'img');
  Object.assign(shownFilm, type === 'video/mp4' ? { controls: true, loop: true, muted: true, playsInline: true, autoplay: !window.matchMedia('(prefers-reduced-motion: reduce)').matches } : { alt: 'The edit, step by step' });
  shownFilm.src = filmUrl;
  screen.replaceChildren(shownFilm);
  Object.assign(take, { href: filmUrl, download: file.name, hidden: false, textContent: `Download, ${bytes.length < 1e6 ? `${Math.ceil(bytes.length / 1024)} KB` : `${(bytes.length / 1048576).toFixed(1)} MB`}` });
  say(`${file.name} is ready.`);
}
