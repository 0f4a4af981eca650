// The kind of layout "blobs", the tab "Scene": what changes everything at once. Shown when it is let go, one edit each.

// The seed that every freeOnes element's look is taken from, and how much of it: as far as they agree.
function appearanceNow() {
  const items = elements.filter((item) => !item.locked), source = items.length && items[0].source;
  return source && source.seed !== null && items.every((item) => item.source && item.source.seed === source.seed) ? source : null;
}
const ownOr = (seed, share) => (seed === null ? { seed } : { seed, share });
seeds.appearance = {
  own: 'own', now: () => { const source = appearanceNow(); return source ? source.seed : null; },
  take(seed) { say('Another appearance, the same layout…'); send('edit', [{ op: 'appearance', ...ownOr(seed, amounts.appearance.now()) }]); },
};
seeds.background = {
  own: 'own', now: () => (sceneWorld().backdrop ? sceneWorld().backdrop.seed : null),
  take(seed) { say('Another background…'); send('edit', [{ op: 'background', ...ownOr(seed, amounts.background.now()) }]); },
};
let laidBy = null;                                 // the seed of the last new layout: the next one goes on from it
seeds.relayout = {
  own: 'seed', now: () => laidBy,
  take(seed) { laidBy = seed; if (seed !== null) { say('Another layout, the same appearance…'); send('edit', [{ op: 'relayout', seed }]); } },
};
hooks.receive.push((said, opened) => { if (opened) { laidBy = null; for (const name in amounts) delete amounts[name].set; } });

// The sliders of this tab: `set` is what a person chose while nothing is there yet that it could be read from.
const amounts = {
  appearance: {
    now: () => appearanceNow()?.share ?? amounts.appearance.set ?? 1,
    send(share) { const source = appearanceNow(); if (source) send('edit', [{ op: 'appearance', seed: source.seed, share }]); },
  },
  background: {
    now: () => sceneWorld().backdrop?.share ?? amounts.background.set ?? 1,
    send(share) { const source = sceneWorld().backdrop; if (source) send('edit', [{ op: 'background', seed: source.seed, share }]); },
  },
  truncate: { now: () => sceneWorld().truncation ?? 0, words: (value) => value.toFixed(2), send(amount) { say('Another truncation…'); send('edit', [{ op: 'truncate', amount }]); } },
  morph: { now: () => amounts.morph.set ?? 0.5, send() {} },
};
let amountTimer = 0;                                     // keys on a slider: one edit when they pause
const amountOf = (event) => { const row = event.target.closest('[data-amount]'); return row && { row, name: row.dataset.amount, value: Number(event.target.value) / 100 }; };
const amountWords = (name, value) => (amounts[name].words || percent)(value);
studio.addEventListener('input', (event) => {
  const found = amountOf(event);
  if (!found) return;
  found.row.querySelector('output').textContent = amountWords(found.name, found.value);
  amounts[found.name].set = found.value;
});
studio.addEventListener('change', (event) => {
  const found = amountOf(event);
  if (found) { clearTimeout(amountTimer); amountTimer = setTimeout(() => { amountTimer = 0; finishKeys(); amounts[found.name].send(found.value); draw(); }, 300); }
});
function drawAmount(row) {
  const name = row.dataset.amount, input = row.querySelector('input'), value = amounts[name].now();
  if (input.matches(':active') || amountTimer) return;
  input.value = Math.round(100 * value);
  row.querySelector('output').textContent = amountWords(name, value);
  input.setAttribute('aria-valuetext', amountWords(name, value));
}
sheets.scene = () => {
  for (const name of ['appearance', 'background', 'relayout']) drawSeed(name);
  for (const row of studioParts('[data-amount]')) drawAmount(row);
  studioPart('[data-amount=truncate] input').disabled = Boolean(sceneWorld().from_photo);
  studioPart('.st-photo').hidden = !sceneWorld().from_photo;
  const paints = sceneWorld().paints || [], surfaces = sceneWorld().surfaces || [];
  studioPart('.st-coats').hidden = !able('surface') || paints.length < 5;
  for (const input of studioParts('[data-coat]')) showValue(input, surfaces[input.dataset.coat] || paints[input.dataset.coat] || '#888888');
  studioPart('[data-do=own-surfaces]').disabled = !surfaces.some(Boolean);
};
const COATS = ['floor', 'ceiling', 'back', 'left', 'right'];
studio.addEventListener('change', (event) => {
  if (!event.target.matches('[data-coat]')) return;
  const surface = COATS[event.target.dataset.coat];
  finishKeys(); say(`Another colour: ${surface}…`);
  send('edit', [{ op: 'surface', surface, colour: event.target.value }]);
});
studioDeeds['own-surfaces'] = () => { send('edit', COATS.filter((name, i) => sceneWorld().surfaces[i]).map((surface) => ({ op: 'surface', surface, colour: null }))); };
studioDeeds.complete = () => {
  const keep = elements.filter((item) => item.locked || picked.has(item.id)).map((item) => item.id);
  if (!keep.length) { say('Select or lock what is to stay first.', true); return; }
  say('Laying out the rest…');
  send('edit', [{ op: 'complete', keep, seed: anySeed() }]);
};
// A link carries its code as ?e= or ?s=; what is no link is taken for a code.
function codeOf(text) {
  const words = text.trim(), at = words.indexOf('?');
  if (at < 0) return words;
  const query = new URLSearchParams(words.slice(at + 1).split('#')[0]);
  return query.get('e') || (query.get('s') ? `s:${query.get('s')}` : '');
}
studioDeeds.morph = () => {
  const code = codeOf(studioPart('[data-goal]').value);
  if (!code) { say('Paste the link or the edit code of another scene first.', true); studioPart('[data-goal]').focus(); return; }
  say('Going towards the other scene…');
  send('edit', [{ op: 'morph', code, share: amounts.morph.now() }]);
};
