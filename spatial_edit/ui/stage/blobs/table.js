// The kind of layout "blobs", the tab "Numbers": every element's values as a table to type in. The same values as the
// sliders', for the keyboard and for screen readers. Rows stand by number, so that none moves while it is edited.

const COLUMNS = ['x', 'y', 'size', 'aspect', 'angle', 'opacity', 'depth'];
const tableRows = new Map();                       // id -> {row, head, cells}, changed in place: the focus stays
const valueOf = (dial, item) => (dial.cell || dial.read)(item).toFixed(dial.digits ?? 1).replace(/^-(0(\.0+)?)$/, '$1');

function tableRow(item) {
  const row = document.createElement('tr'), name = document.createElement('th'), head = Object.assign(document.createElement('button'), { type: 'button' }), cells = {};
  name.scope = 'row'; name.append(head); row.append(name);
  head.dataset.line = item.id;
  for (const column of COLUMNS) {
    const cell = document.createElement('td'), input = Object.assign(document.createElement('input'), { type: 'number', step: dials[column].step, inputMode: 'decimal' });
    Object.assign(input.dataset, { line: item.id, column });
    cell.append(input); row.append(cell);
    cells[column] = input;
  }
  return { row, head, cells };
}
sheets.numbers = () => {
  const body = studioPart('.st-table tbody'), sorted = [...elements].sort((p, q) => p.id - q.id), ids = new Set(elements.map((item) => item.id));
  for (const [id, { row }] of tableRows) if (!ids.has(id)) { row.remove(); tableRows.delete(id); }
  sorted.forEach((item, place) => {
    if (!tableRows.has(item.id)) tableRows.set(item.id, tableRow(item));
    const { row, head, cells } = tableRows.get(item.id), title = kind.title(item);
    if (body.children[place] !== row) body.insertBefore(row, body.children[place] || null);
    if (head.textContent !== title) {
      head.textContent = title;
      for (const column of COLUMNS) cells[column].setAttribute('aria-label', `${dials[column].label} of ${title}`);
    }
    head.style.setProperty('--c', kind.colour(item));
    head.setAttribute('aria-pressed', String(picked.has(item.id)));
    row.classList.toggle('on', picked.has(item.id));
    row.classList.toggle('ghost', item.hidden);
    for (const column of COLUMNS) drawCell(cells[column], dials[column], item);
  });
};
function drawCell(input, dial, item) {
  [input.min, input.max] = dial.range;
  input.disabled = item.locked;
  if (!typedIn(input)) { input.value = valueOf(dial, item); input.dataset.shown = input.value; }
}
studio.addEventListener('change', (event) => {
  const input = event.target;
  if (!input.matches('[data-column]')) return;
  const item = byId(Number(input.dataset.line)), dial = dials[input.dataset.column], value = input.valueAsNumber, [low, high] = dial.range;
  if (!item || !(value >= low && value <= high)) {
    if (item) say(`${dial.label} of ${kind.title(item)} must be a number from ${low} to ${high}.`, true);
    input.value = input.dataset.shown;
    return;
  }
  input.dataset.shown = input.value;
  alter(() => dial.write(byId(item.id), dial.from ? dial.from(value) : value));
});
studio.addEventListener('focusin', (event) => { if (event.target.dataset.line && Number(event.target.dataset.line) !== selected) pick(Number(event.target.dataset.line)); });
studio.addEventListener('keydown', (event) => {
  const input = event.target;
  if (input.matches('[data-column]') && event.key === 'Escape') { input.value = input.dataset.shown; input.select(); }
});
