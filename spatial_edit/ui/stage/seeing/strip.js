// The history as a strip of thumbnails: every step, the present one marked, then the ends of branches that were left. A click
// or Enter goes there. One tab stop; arrow keys, Home and End move along.

const strip = find('.sg-strip');
let stripFocus = null;

function stripEntries() {
  return [
    ...trail.steps.map(({ key, label }, step) => ({ key, label, to: { step }, now: step === trail.present, late: step > trail.present })),
    ...trail.branches.map(({ key, label }, branch) => ({ key, label, to: { branch }, branch: true })),
  ];
}
function stripButton() {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'sg-step' });
  button.append(Object.assign(document.createElement('img'), { alt: '', draggable: false }), document.createElement('span'));
  return button;
}
function drawStrip() {
  const entries = stripEntries(), held = strip.contains(document.activeElement);
  while (strip.children.length > entries.length) strip.lastChild.remove();
  while (strip.children.length < entries.length) strip.appendChild(stripButton());
  entries.forEach((entry, place) => fillStep(strip.children[place], entry, place));
  const stop = held ? [...strip.children].indexOf(document.activeElement) : trail.present;
  for (const [place, button] of [...strip.children].entries()) button.tabIndex = place === Math.max(0, stop) ? 0 : -1;
  const now = strip.children[trail.present], mark = `${trail.present} ${entries.length}`;
  if (now && mark !== stripFocus) { stripFocus = mark; strip.scrollLeft = now.offsetLeft - strip.clientWidth / 2 + now.offsetWidth / 2; }
  fillSince();
}
function fillStep(button, entry, place) {
  const [picture, words] = button.children, step = keptOf(entry.key), source = (step && step.thumb) || '';
  if (picture.getAttribute('src') !== source) { if (source) picture.src = source; else picture.removeAttribute('src'); }
  const name = entry.branch ? `Branch: ${entry.label}` : `Step ${place + 1}: ${entry.label}`;
  if (words.textContent !== entry.label) words.textContent = entry.label;
  button.className = `sg-step${entry.branch ? ' branch' : ''}${entry.late ? ' late' : ''}`;
  button.title = entry.now ? `${name} (shown now)` : entry.late ? `${name} (undone; click to go there)` : name;
  button.setAttribute('aria-label', entry.late ? `${name}, undone` : name);
  button.dataset.to = JSON.stringify(entry.to);
  if (entry.now) button.setAttribute('aria-current', 'step'); else button.removeAttribute('aria-current');
}
strip.addEventListener('click', (event) => {
  const button = event.target.closest('.sg-step');
  if (!button || button.hasAttribute('aria-current')) return;
  finishKeys();
  say(`${button.getAttribute('aria-label')}.`);
  send('goto', JSON.parse(button.dataset.to));
});
strip.addEventListener('keydown', (event) => {
  const buttons = [...strip.children], place = buttons.indexOf(document.activeElement);
  const next = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (next === undefined || place < 0) return;
  event.preventDefault(); event.stopPropagation();
  const button = buttons[clamp(next, [0, buttons.length - 1])];
  buttons[place].tabIndex = -1; button.tabIndex = 0;
  button.focus(); button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
});
