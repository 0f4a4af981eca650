// The kind of layout "blobs", the tab "Display": how strong the outlines are, and whether names stand in the picture.

function showOutlines(value) {
  if (typeof setOverlay === 'function') setOverlay(value);
  else root.style.setProperty('--se-overlay', String(value));
}
sheets.show = () => {
  const value = Number(getComputedStyle(root).getPropertyValue('--se-overlay') || 1), row = studioPart('[data-overlay]'), input = row.querySelector('input');
  if (!input.matches(':active')) input.value = Math.round(100 * value);
  row.querySelector('output').textContent = percent(value);
  input.setAttribute('aria-valuetext', percent(value));
  studioPart('[data-labels]').checked = root.dataset.labels !== 'off';
};
studio.addEventListener('input', (event) => {
  if (event.target.closest('[data-overlay]')) showOutlines(Number(event.target.value) / 100);
  else if (event.target.matches('[data-labels]')) root.dataset.labels = event.target.checked ? 'on' : 'off';
  else return;
  drawSoon();
});
