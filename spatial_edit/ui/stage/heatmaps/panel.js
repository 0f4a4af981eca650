// The panel beside a scene of heatmaps: which level is shown, the selected centre, other appearances, and what the networks
// make of it: the discriminator's attention and the mean of the generator's features, drawn by the server.

const heat = find('.sh'), heatPart = (selector) => heat.querySelector(selector), heatButton = (name) => heatPart(`[data-heat=${name}]`);
const heatCan = (name) => ((scene.world || {}).can || []).includes(name);
const freeCentres = () => chosen().filter((item) => !item.locked);

// ---- levels ----
const levelSwitch = heatPart('.sh-levels');
function drawLevels() {
  const levels = levelsOf(), item = current();
  if (levelShown !== null && (!levels.includes(levelShown) || levels.length < 2)) levelShown = null;
  if (item && !onLevel(item)) levelShown = item.level;   // chosen from the list or by key
  levelSwitch.hidden = levels.length < 2;
  if (levelSwitch.dataset.levels !== levels.join()) {
    levelSwitch.dataset.levels = levels.join();
    levelSwitch.replaceChildren(...[null, ...levels].map((level) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', className: 'se-view', textContent: level === null ? 'All' : capital(LEVEL_WORDS[level]) });
      button.setAttribute('role', 'radio'); button.dataset.level = level === null ? '' : level;
      if (level !== null) button.style.setProperty('--c', `hsl(${LEVEL_HUES[level]} 85% 55%)`);
      return button;
    }));
  }
  for (const button of levelSwitch.children) {
    const on = button.dataset.level === String(levelShown ?? '');
    put(button, { 'aria-checked': on, tabindex: on ? 0 : -1 });
  }
}
function showLevel(level) {
  finishKeys();
  levelShown = level;
  if (current() && !onLevel(current())) choose([]);
  draw();
  say(level === null ? 'All levels are shown.' : `Only the ${LEVEL_WORDS[level]} level is shown and picked.`);
}
const levelOf = (button) => (button.dataset.level === '' ? null : Number(button.dataset.level));
levelSwitch.addEventListener('click', (event) => { const button = event.target.closest('[data-level]'); if (button) showLevel(levelOf(button)); });
levelSwitch.addEventListener('keydown', (event) => {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key], all = [...levelSwitch.children], at = all.indexOf(document.activeElement);
  if (!by || at < 0) return;
  event.preventDefault();
  const next = all[(at + by + all.length) % all.length];
  showLevel(levelOf(next)); next.focus();
});
// 1, 2 and 3 on the stage: one level alone, again: all of them. A model whose centres may change their level uses the keys for that.
hooks.key.push((event) => {
  const level = Number(event.key) - 1, mine = kind.name === 'heatmaps' && heatCan('appearance') && !event.ctrlKey && !event.metaKey && !event.altKey && '123'.includes(event.key);
  if (mine && levelsOf().length > 1 && levelsOf().includes(level)) showLevel(levelShown === level ? null : level);
  return mine;
});

// ---- the selected centre ----
const sigmaRow = heatPart('.se-row'), sigmaInput = sigmaRow.querySelector('input');
function drawCentre() {
  const item = current(), frozen = !freeCentres().length;
  heatPart('.sh-item').hidden = !item;
  heatPart('.sh-hint').hidden = Boolean(item);
  if (!item) return;
  const words = item.hidden ? 'removed' : percent(item.sigma, 1), many = picked.size > 1;
  putText(heatPart('.sh-who'), many ? `${picked.size} centres` : centreName(item));
  heatPart('.sh-who').style.setProperty('--c', kind.colour(item));
  putText(heatPart('.sh-level'), many || !item.name || levelsOf().length < 2 ? '' : `${LEVEL_WORDS[item.level]} level`);
  put(sigmaInput, { max: Math.max(60, Math.ceil(100 * item.sigma)), 'aria-valuetext': words });
  if (!sigmaInput.matches(':active')) sigmaInput.value = item.hidden ? 0 : 100 * item.sigma;
  sigmaInput.disabled = frozen;
  putText(sigmaRow.querySelector('output'), words);
  const led = elements.some((other) => other.level < item.level && aloneOnLevel(other));
  for (const [name, shown] of Object.entries({ detach: heatCan('detach') && led, replace: heatCan('replace'), own: heatCan('replace') && (levelsOf().length > 1 ? world.appearance : item.look) != null, bring: true })) Object.assign(heatButton(name), { hidden: !shown, disabled: frozen });
  heatButton('replace').textContent = levelsOf().length > 1 ? 'New look of all' : 'Replace object';
  heatButton('detach').setAttribute('aria-pressed', String(Boolean(item.detached)));
  putText(heatButton('bring'), item.hidden ? 'Bring back' : 'Remove');
}
let sigmaHeld = false;
sigmaInput.addEventListener('pointerdown', () => { sigmaHeld = true; });
for (const name of ['pointerup', 'pointercancel']) sigmaInput.addEventListener(name, () => { sigmaHeld = false; setTimeout(finishKeys); });
sigmaInput.addEventListener('input', () => {
  const ids = freeCentres().map((item) => item.id), sigma = Number(sigmaInput.value) / 100;
  if (ids.length) alter(() => { for (const id of ids) setSigma(byId(id), sigma); }, sigmaHeld ? 120000 : 450);
});
const heatDeeds = {
  detach() {
    const on = !current().detached, items = freeCentres().filter((item) => Boolean(item.detached) !== on);
    for (const item of items) item.detached = on;
    draw();
    edit(items.map((item) => ({ op: on ? 'detach' : 'attach', target: item.id })), on ? `${listWords(items)}: stays when the coarser centre is moved.` : `${listWords(items)}: follows the coarser centre again.`);
  },
  replace() { edit(freeCentres().map((item) => ({ op: 'replace', target: item.id, seed: anySeed() })), `Another object: ${listWords(freeCentres())}…`); },
  own() { edit(freeCentres().map((item) => ({ op: 'replace', target: item.id, seed: null })), `Its own object again: ${listWords(freeCentres())}…`); },
  bring() {
    const gone = !current().hidden, items = freeCentres();
    edit(items.filter((item) => item.hidden !== gone).map((item) => ({ op: 'set', target: item.id, sigma: gone ? 0 : item.sigma })), `${listWords(items)}: ${gone ? 'removed; Undo, or a larger sigma, brings it back.' : 'there again.'}`);
    for (const item of items) item.hidden = gone;
    draw();
  },
  others() {
    fillKinds(); varyKind.value = 'appearance';
    if (find('#sg-vary').hidden) openPanel('vary'); else askFour();
    find('#sg-vary').scrollIntoView({ block: 'nearest', behavior: window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
  },
};
heat.addEventListener('click', (event) => {
  const button = event.target.closest('button');
  if (!button || button.disabled || !scene.code) return;
  if (button.dataset.heat) { finishKeys(); heatDeeds[button.dataset.heat](); } else if (button.dataset.inside) openInside(button.dataset.inside);
});

// ---- inside the networks: asked for when they are open and the scene has changed ----
const insideMaps = heatPart('.sh-seen'), insideSaid = heatPart('.sh-said');
let insideOf = '', insideFor = '', insideAsked = 0, insideTimer = 0;
function openInside(name) {
  insideOf = insideOf === name ? '' : name; insideFor = '';
  insideMaps.replaceChildren(); insideSaid.textContent = insideOf ? 'Drawing…' : '';
  for (const button of heat.querySelectorAll('[data-inside]')) button.setAttribute('aria-pressed', String(button.dataset.inside === insideOf));
  askInside();
}
function askInside() {
  clearTimeout(insideTimer);
  if (insideOf && scene.code && kind.name === 'heatmaps' && insideFor !== `${insideOf} ${scene.code}`) insideTimer = setTimeout(fetchInside, 120);
}
async function fetchInside() {
  if (drag || waiting) { insideTimer = setTimeout(fetchInside, 200); return; }
  const what = insideOf, asked = insideAsked += 1;
  insideFor = `${insideOf} ${scene.code}`;
  const reply = await server.see_inside({ what, code: scene.code });
  if (asked !== insideAsked || what !== insideOf) return;
  insideSaid.textContent = (reply && (reply.error || reply.sentence)) || 'The panels could not be made; try again.';
  insideMaps.replaceChildren(...((reply && reply.panels) || []).map((panel) => insideFigure(what, panel)));
}
function insideFigure(what, { title, image, low, high }) {
  const figure = Object.assign(document.createElement('figure'), { className: 'sh-map' }), caption = document.createElement('figcaption'), take = takeButton(() => takeAlong(image, `${what}-${title.replace(/[^0-9]+/g, 'x')}.png`));
  take.setAttribute('aria-label', `Download ${what} at ${title}`);
  caption.append(Object.assign(document.createElement('span'), { textContent: title, title: `black ${low}, white ${high}` }), take);
  figure.append(Object.assign(document.createElement('img'), { src: image, alt: `${what === 'attention' ? 'Attention' : 'Mean features'} at ${title}`, draggable: false }), caption);
  return figure;
}
hooks.receive.push((said, opened) => { if (opened) levelShown = null; if (kind.name === 'heatmaps') askInside(); });
hooks.draw.push(() => {
  if (!kind || kind.name !== 'heatmaps') return;
  drawHeats();
  if (drag && drag.moved && drag.kind !== 'keys' && drag.kind !== 'sigma') return;   // a drag changes no number here
  drawLevels(); drawCentre();
  heatButton('others').hidden = !heatCan('appearance');
});
