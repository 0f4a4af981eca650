// The kind of layout "blobs": a seed as a control, wherever an appearance or a layout comes from another seed. To the one
// before, the next, a typed one, or any; an emptied field is the scene's own again.

const seeds = {};                                  // name -> {own: word for none, now(): seed or null, take(seed or null)}
let askedSeeds = {};                                    // seeds that were sent and not yet answered: a quick second press goes on from them
hooks.receive.push(() => { askedSeeds = {}; });
const MOST_SEEDS = 2 ** 32;
const anySeed = () => Math.floor(Math.random() * 1e6);
const DICE = '<svg viewBox="0 0 20 20" aria-hidden="true"><rect x="3" y="3" width="14" height="14" rx="3.5"/><path d="M7 7h.01M13 13h.01M13 7h.01M7 13h.01M10 10h.01"/></svg>';

const iconButton = (words, label, data) => {
  const button = Object.assign(document.createElement('button'), { type: 'button', textContent: words, title: label });
  button.setAttribute('aria-label', label);
  Object.assign(button.dataset, data);
  return button;
};
for (const box of studioParts('[data-seed]')) {
  const name = box.dataset.seed, field = Object.assign(document.createElement('input'), { type: 'text', inputMode: 'numeric', maxLength: 10, autocomplete: 'off' });
  field.setAttribute('aria-label', `Seed of the ${name}`);
  const dice = iconButton('', 'Any seed', { die: '1' });
  dice.innerHTML = DICE;                           // a constant
  box.append(iconButton('‹', 'Previous seed', { by: '-1' }), field, iconButton('›', 'Next seed', { by: '1' }), dice);
}
const seedNow = (name) => (name in askedSeeds ? askedSeeds[name] : seeds[name].now());
function takeSeed(name, seed) { finishKeys(); askedSeeds[name] = seed; seeds[name].take(seed); draw(); }
function stepSeed(name, by) {
  const from = seedNow(name) ?? sceneWorld().seed ?? 0;
  takeSeed(name, by ? (from + by + MOST_SEEDS) % MOST_SEEDS : anySeed());
}
function drawSeed(name, frozen = false) {
  const box = studioPart(`[data-seed=${name}]`), field = box.querySelector('input');
  showValue(field, seedNow(name) ?? '');
  field.placeholder = seeds[name].own;
  for (const control of box.children) control.disabled = frozen;
}
studio.addEventListener('change', (event) => {
  const box = event.target.closest('[data-seed]'), words = event.target.value.trim();
  if (!box) return;
  if (!/^\d*$/.test(words) || Number(words) >= MOST_SEEDS) {
    say(`A seed is a whole number from 0 to ${MOST_SEEDS - 1}.`, true);
    event.target.value = event.target.dataset.shown || '';
    return;
  }
  event.target.dataset.shown = event.target.value;
  const seed = words === '' ? null : Number(words);
  if (seed !== seedNow(box.dataset.seed)) takeSeed(box.dataset.seed, seed);
});
