// The kind of layout "blobs", the tab "Add": a new element with the look of one of the model's rows, in the middle of the
// picture or where it is clicked.

let addSeed = null;                                // whose look a new element has; null: this scene's
let adding = null;                                 // the row that waits for a click in the picture
seeds.add = { own: 'this scene', now: () => addSeed, take(seed) { addSeed = seed; } };

sheets.add = () => {
  const palette = studioPart('.st-palette'), rows = sceneWorld().rows || [], wanted = rows.join('\n');
  studioPart('[data-seed=add]').parentElement.hidden = !rows.length;
  drawSeed('add');
  if (palette.dataset.rows !== wanted) {
    palette.dataset.rows = wanted;
    palette.replaceChildren(...rows.map((name, row) => {
      const button = Object.assign(document.createElement('button'), { type: 'button', className: 'se-add', textContent: name, title: `Add: ${name}` });
      button.dataset.row = row;
      button.style.setProperty('--c', `hsl(${hue(row)} 85% 62%)`);
      return button;
    }));
  }
  for (const button of palette.children) button.setAttribute('aria-pressed', String(Number(button.dataset.row) === adding));
};
// As large as the scene's own of that row, else of a middle size; never just on top of another one.
function addElement(row, x = 0.5, y = 0.5) {
  const like = elements.find((item) => item.row === row), { size, aspect, angle } = like || { size: 0.12, aspect: 1, angle: 0 };
  let [left, top] = [x, y];
  while (left < 0.9 && elements.some((item) => Math.hypot(item.x - left, item.y - top) < 0.02)) { left += 0.04; top += 0.02; }
  say(`Adding ${sceneWorld().rows[row]}…`);
  send('edit', [{ op: 'add', row, x: left, y: top, size, aspect, angle, ...(addSeed === null ? {} : { seed: addSeed }) }]);
}
function waitForClick(row) {
  adding = row;
  useTool(row === null ? 'select' : 'add');
  if (row !== null) say(`Click in the picture where ${sceneWorld().rows[row]} is to be; Escape leaves it.`);
}
tools.add = {
  cursor: 'copy', start() {}, move() {},
  end(x, y) { const row = adding; waitForClick(null); addElement(row, clamp(x, [0, 1]), clamp(y, [0, 1])); },
  cancel() { waitForClick(null); },
};
const leaveAdding = (event) => { if (event.key !== 'Escape' || adding === null) return false; waitForClick(null); say('Nothing was added.'); return true; };
hooks.key.push(leaveAdding);
hooks.use.push(() => { if (adding !== null) waitForClick(null); });
studio.addEventListener('keydown', leaveAdding);
studio.addEventListener('click', (event) => {
  const button = event.target.closest('.st-palette button');
  if (!button || !scene.code) return;
  const row = Number(button.dataset.row);
  if (!studioPart('[data-by-click]').checked) addElement(row);
  else waitForClick(adding === row ? null : row);
});
