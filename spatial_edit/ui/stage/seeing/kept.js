// What the browser keeps of every step of the history: its code, its picture, and a thumbnail. The server's history names a
// step by a key (a hash of its code) and a label; the code and the picture came with the step when it was made.

const KEPT_PICTURES = 80, KEPT_STEPS = 400, THUMB = 128;
const keptSteps = new Map();                      // key → { code, image, thumb }, oldest use first
let trail = { steps: [], present: 0, branches: [] };
let openedKey = '';                               // of the scene as it was opened
const keptOf = (key) => keptSteps.get(key);
const presentKey = () => (trail.steps[trail.present] || {}).key || '';

function keepStep(key, said) {
  const step = { code: said.code, image: said.image, thumb: (keptOf(key) || {}).thumb || '' };
  keptSteps.delete(key); keptSteps.set(key, step);
  const keys = [...keptSteps.keys()];
  for (const old of keys.slice(0, Math.max(0, keys.length - KEPT_PICTURES))) if (old !== openedKey) keptOf(old).image = '';
  for (const old of keys.slice(0, Math.max(0, keys.length - KEPT_STEPS))) if (old !== openedKey) keptSteps.delete(old);
  if (!step.thumb) makeThumb(step);
}
function makeThumb(step) {
  const picture = new Image();
  picture.onload = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: THUMB, height: THUMB });
    const pencil = canvas.getContext('2d');
    pencil.imageSmoothingQuality = 'high';
    pencil.drawImage(picture, 0, 0, THUMB, THUMB);
    step.thumb = canvas.toDataURL('image/jpeg', 0.82);
    drawStrip();
  };
  picture.src = step.image;
}
// The picture of a step; one that was let go is drawn again by the server.
async function pictureOf(key) {
  const step = keptOf(key);
  if (!step) return '';
  if (!step.image) { const file = await server.render_file({ what: 'picture', code: step.code }); step.image = (file && file.data) || ''; }
  return step.image;
}
hooks.receive.push((said, opened) => {
  if (!said.history) return;
  trail = said.history;
  if (!presentKey()) return;
  if (opened) openedKey = presentKey();
  if (!said.error) keepStep(presentKey(), said);
  drawStrip();
});
