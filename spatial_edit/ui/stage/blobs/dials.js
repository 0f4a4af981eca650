// The kind of layout "blobs": what the sliders of the panel and the cells of the table read and write, in the units that
// people see. One list for both, so that they never differ.

const studio = find('.se-studio');
const studioPart = (selector) => studio.querySelector(selector), studioParts = (selector) => [...studio.querySelectorAll(selector)];
const sceneWorld = () => scene.world || {};         // what the scene has besides elements, as the server last said
const RIGHT_ANGLE = Math.PI / 2;
const percent = (value, digits = 0) => `${(100 * value).toFixed(digits)} %`;
const opacityOf = (item) => item.opacity ?? 1;     // older servers send none
// A depth as people count it: 1 is the nearest, as in the list.
const depthOf = (item) => elements.length - elements.indexOf(item);
function sink(item, place) {
  const to = elements.length - clamp(Math.round(place), [1, elements.length]);
  elements = elements.filter((other) => other !== item);
  elements.splice(to, 0, item);
}
// The element that a person took to another depth, as an operation; the order of the others tells where it went.
function depthSteps(before) {
  const now = elements.map((item) => item.id), was = before.elements.map((item) => item.id).filter((id) => now.includes(id));
  const alike = (skip) => was.filter((id) => id !== skip).join() === now.filter((id) => id !== skip).join();
  const target = was.join() === now.join() ? null : [selected, ...now].find(alike) ?? null;
  return target === null ? [] : [{ op: 'reorder', target, to: now.indexOf(target) }];
}
// read and write are in the slider's own unit (log for what is felt as a factor), cell and from in the table's.
const dials = {
  x: { label: 'x', range: [-19, 119], step: 0.1, read: (item) => 100 * item.x, write(item, v) { item.x = clamp(v / 100, CENTRE); }, words: (item) => percent(item.x, 1) },
  y: { label: 'y', range: [-19, 119], step: 0.1, read: (item) => 100 * item.y, write(item, v) { item.y = clamp(v / 100, CENTRE); }, words: (item) => percent(item.y, 1) },
  size: {
    label: 'size', range: [1, 95], step: 0.1, read: (item) => Math.log(item.size), write(item, v) { item.size = clamp(Math.exp(v), SIZE); }, words: (item) => percent(item.size, 1),
    cell: (item) => 100 * item.size, from: (v) => Math.log(v / 100),
  },
  aspect: {
    label: 'aspect', range: ASPECT, step: 0.01, digits: 2, read: (item) => Math.log(item.aspect), write(item, v) { item.aspect = clamp(Math.exp(v), ASPECT); },
    words: (item) => `${item.aspect.toFixed(2)} : 1`, cell: (item) => item.aspect, from: (v) => Math.log(v),
  },
  angle: {
    label: 'angle', range: [-180, 180], step: 0.5, read: (item) => upright(item.angle) / RIGHT_ANGLE * 90, write(item, v) { item.angle = v / 90 * RIGHT_ANGLE; },
    words: (item) => `${(upright(item.angle) / RIGHT_ANGLE * 90).toFixed(0).replace(/^-0$/, '0')}°`,
  },
  opacity: {
    label: 'opacity', range: [0, 100], step: 1, digits: 0, read: (item) => 100 * opacityOf(item), words: (item) => percent(opacityOf(item)),
    write(item, v) { item.opacity = Math.round(v) / 100; },
  },
  depth: {
    label: 'depth', get range() { return [1, elements.length]; }, step: 1, digits: 0, read: depthOf, write: sink,
    words: (item) => `${depthOf(item)} of ${elements.length}`,
  },
  share: {
    label: 'mix', range: [0, 100], step: 1, read: (item) => 100 * (item.source?.share ?? 0), words: (item) => percent(item.source?.share ?? 0),
    write(item, v) { if (item.source) item.source.share = Math.round(v) / 100; },
  },
};

// A slider's output is no part of its name.
for (const row of studioParts('.se-row:has(input[type=range])')) {
  row.querySelector('input').setAttribute('aria-label', row.querySelector('span').textContent);
}

// One edit for a slider that is dialHeld, however long; the keys of a slider that is not dialHeld make one edit a burst.
let dialHeld = false;
const slideDial = (make) => alter(make, dialHeld ? 120000 : 450);
studio.addEventListener('pointerdown', (event) => { dialHeld = event.target.matches('input[type=range]'); });
const letGoDial = () => { if (dialHeld) { dialHeld = false; setTimeout(finishKeys); } };  // after the slider's own `change`
for (const name of ['pointerup', 'pointercancel']) studio.addEventListener(name, letGoDial);
// What the selection's sliders change: everything that is selected and not locked.
const freeOnes = () => chosen().filter((item) => !item.locked);
function turnDial(name, value) {
  const ids = freeOnes().map((item) => item.id);
  if (ids.length) slideDial(() => { for (const id of ids) dials[name].write(byId(id), value); });
}
