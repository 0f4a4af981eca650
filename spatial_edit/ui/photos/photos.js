// The list of photos: a card each, changed in place while the batch runs; the chosen one is compared with its
// reconstruction. `value` is {batch, running, photos: [{key, name, state, share, psnr, seconds, notes, reason}]};
// names of files are the visitor's, so they are set as text. Pictures are asked for when a card is seen, once.

const find = (selector) => element.querySelector(selector);
const list = find('.ph-list'), detail = find('.ph-detail'), compare = find('.ph-compare'), slider = find('.ph-slider'), sort = find('.ph-sort');
const cards = new Map(), pictures = new Map();     // number of a photo → its nodes; 'number what' → promise of a data URL
let said = { batch: '', photos: [] }, chosen = null, shown = '';

const make = (name, className, parent) => { const node = document.createElement(name); node.className = className; parent.appendChild(node); return node; };
const decibels = (photo) => `${photo.psnr.toFixed(1)} dB`;
const words = {
  waiting: () => 'Waiting',
  working: (photo) => `Working · ${Math.round(photo.share * 100)} %`,
  done: decibels,
  failed: () => 'Failed',
};

function picture(key, what) {
  const name = `${key} ${what}`, batch = said.batch;
  if (!pictures.has(name)) {
    pictures.set(name, server.photo_picture({ batch, key, what }).then((reply) => {
      if (!reply || !reply.data) { pictures.delete(name); return ''; }
      return reply.data;
    }));
  }
  return pictures.get(name);
}
async function fill(node, key, what) {
  const data = await picture(key, what);
  if (data && node.isConnected) node.src = data;
}
const watcher = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) if (isIntersecting) { watcher.unobserve(target); fill(target.querySelector('img'), Number(target.dataset.key), 'pair'); }
}, { rootMargin: '200px' });

function cardOf(photo) {
  if (cards.has(photo.key)) return cards.get(photo.key);
  const item = document.createElement('li'), button = make('button', 'ph-card', item);
  button.type = 'button'; button.dataset.key = photo.key;
  const frame = make('span', 'ph-frame', button), img = make('img', '', frame), reason = make('span', 'ph-reason', frame);
  img.alt = ''; img.draggable = false;
  const card = { item, button, img, reason, name: make('b', '', button), state: make('span', 'ph-state', button), bar: make('i', 'ph-share', button), was: '' };
  card.name.textContent = photo.name; card.name.title = photo.name;
  cards.set(photo.key, card);
  return card;
}
function drawCard(photo) {
  const card = cardOf(photo), text = words[photo.state](photo);
  card.button.className = `ph-card ${photo.state}${photo.key === chosen ? ' on' : ''}`;
  card.button.setAttribute('aria-pressed', String(photo.key === chosen));
  card.button.setAttribute('aria-disabled', String(photo.state !== 'done'));
  if (card.state.textContent !== text) card.state.textContent = text;
  card.reason.textContent = photo.reason ? photo.reason[0].toUpperCase() + photo.reason.slice(1) : '';
  card.bar.style.transform = `scaleX(${photo.state === 'working' ? photo.share : 0})`;
  if (photo.state === 'done' && card.was !== 'done') watcher.observe(card.button);
  card.was = photo.state;
  return card;
}

// ---- order ----
const ranks = { done: 0, working: 1, waiting: 2, failed: 3 };
const byLikeness = (sign) => (p, q) => ranks[p.state] - ranks[q.state] || (p.state === 'done' ? sign * (p.psnr - q.psnr) : 0) || p.key - q.key;
const orders = { order: (p, q) => p.key - q.key, best: byLikeness(-1), worst: byLikeness(1), name: (p, q) => p.name.localeCompare(q.name, undefined, { numeric: true }) || p.key - q.key };
function draw() {
  const photos = [...said.photos].sort(orders[sort.value]), keys = new Set(photos.map((photo) => photo.key)), focused = document.activeElement;
  for (const [key, card] of cards) if (!keys.has(key)) { card.item.remove(); cards.delete(key); }
  photos.forEach((photo, place) => {
    const { item } = drawCard(photo);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] || null);
  });
  if (focused && list.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });
  find('.ph-none').hidden = photos.length > 0;
  find('.ph-some').hidden = !photos.length;
  const over = photos.reduce((sum, photo) => sum + ({ done: 1, failed: 1, working: photo.share, waiting: 0 })[photo.state], 0), percent = Math.round(100 * over / Math.max(1, photos.length));
  find('.ph-bar').setAttribute('aria-valuenow', percent);
  find('.ph-bar i').style.transform = `scaleX(${percent / 100})`;
  find('.ph-bar').style.visibility = said.running || percent < 100 ? '' : 'hidden';
}

// ---- the chosen photo ----
function showChosen() {
  const photo = said.photos.find((one) => one.key === chosen && one.state === 'done');
  detail.hidden = !photo;
  if (!photo || shown === `${said.batch} ${chosen}`) return;
  shown = `${said.batch} ${chosen}`;
  find('.ph-facts h3').textContent = photo.name;
  find('.ph-figures').textContent = `Likeness ${decibels(photo)} · parsed in ${photo.seconds.toFixed(1)} s`;
  find('.ph-notes').replaceChildren(...photo.notes.map((note) => Object.assign(document.createElement('li'), { textContent: note })));
  find('.ph-switch').hidden = !photo.mapped;
  if (!photo.mapped) show('compare');
  for (const [name, what, alt] of [['original', 'original', 'Photo'], ['result', 'result', 'Reconstruction of'], ...photo.mapped ? [['map', 'map', 'Layout of']] : []]) {
    const img = find(`.ph-${name}`);
    img.removeAttribute('src'); img.alt = `${alt} ${photo.name}`;
    fillChosen(img, what, chosen);
  }
}
async function fillChosen(img, what, key) {
  const data = await picture(key, what);
  if (data && key === chosen) img.src = data;       // not those of a photo chosen before
}
function choose(key) {
  const photo = said.photos.find((one) => one.key === key);
  if (!photo || photo.state !== 'done') return;
  const again = chosen === key;
  chosen = key;
  draw(); showChosen();
  if (!again) trigger('choose_photo', { key });
}
function slide() {
  compare.style.setProperty('--cut', `${slider.value}%`);
  slider.setAttribute('aria-valuetext', `${slider.value} % photo`);
}
function show(what) {
  for (const button of element.querySelectorAll('[data-show]')) button.setAttribute('aria-checked', String(button.dataset.show === what));
  find('.ph-map').hidden = what !== 'map';
  compare.classList.toggle('mapped', what === 'map');
}
slider.addEventListener('input', slide);
sort.addEventListener('change', draw);
element.addEventListener('click', (event) => {
  const card = event.target.closest('.ph-card'), view = event.target.closest('[data-show]');
  if (card) { choose(Number(card.dataset.key)); if (chosen === Number(card.dataset.key)) detail.scrollIntoView({ block: 'nearest', behavior: window.matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' }); }
  else if (view) show(view.dataset.show);
  else if (event.target.closest('.ph-open') && chosen !== null) trigger('open_photo', { key: chosen });
});

function receive() {
  const value = props.value;
  if (!value || !Array.isArray(value.photos)) return;
  if (value.batch !== said.batch) { chosen = null; shown = ''; pictures.clear(); for (const card of cards.values()) card.item.remove(); cards.clear(); }
  said = value;
  const first = said.photos.find((photo) => photo.state === 'done');
  if (!said.photos.some((photo) => photo.key === chosen && photo.state === 'done')) { chosen = null; if (first) choose(first.key); }
  draw(); showChosen();
}
watch('value', receive);
slide(); show('compare'); receive();
