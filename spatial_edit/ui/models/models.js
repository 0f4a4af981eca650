// The table of models. `value` is {rows: [{name, title, family, layout, resolution, licence, training_data, source, format, sha256,
// score, added, draws}], removable}; every text may be a stranger's, so it is set as text. Removing asks once more, in place.

const body = element.querySelector('tbody');
let asking = '';                                  // the name of the model that is to be removed, if the answer is yes

const make = (name, text = '', className = '') => Object.assign(document.createElement(name), { textContent: text, className });
function cell(label, ...parts) {
  const node = document.createElement('td');
  node.dataset.label = label;
  const lines = parts.filter((part) => part instanceof Node ? part.textContent : part);
  node.append(...lines.map((part) => part instanceof Node ? part : make('span', part)));
  if (!lines.length) node.append(make('span', '–', 'md-none'));
  if (!lines.length || lines.length === 1 && lines[0] === 'not stated') node.classList.add('md-unsaid');
  return node;
}
function button(text, label, className, run) {
  const node = make('button', text, className);
  node.type = 'button'; node.setAttribute('aria-label', label);
  node.addEventListener('click', run);
  return node;
}
function hashOf(row) {
  const node = make('code', row.sha256 ? `${row.added ? 'sha256' : 'weights'} ${row.sha256.slice(0, 12)}${row.sha256.length > 12 ? '…' : ''}` : '');
  node.title = row.sha256;
  return node;
}
function actions(row) {
  const node = cell('', ''), name = row.added ? row.name : row.title || row.name;   // added ones share titles
  node.className = 'md-acts';
  node.replaceChildren();
  if (row.draws) node.append(button('Open', `Open ${name} in the editor`, 'md-button', () => trigger('open_model', { name: row.name })));
  if (row.added && props.value.removable && asking !== row.name) node.append(button('Remove…', `Remove ${name}`, 'md-button md-remove', () => { asking = row.name; draw(); element.querySelector('.md-yes').focus(); }));
  return node;
}
// A line below the model's own: what is lost, and the two answers.
function question(row) {
  const node = make('tr', '', 'md-question'), inside = document.createElement('td'), keep = () => { asking = ''; draw(); focus(row.name); };
  inside.colSpan = 7;
  inside.append(make('span', `Remove ${row.name}? Its files are deleted, and links to its pictures stop working.`),
    button('Keep', `Keep ${row.name}`, 'md-button', keep),
    button('Remove', `Yes, remove ${row.name}`, 'md-button md-yes', () => { asking = ''; trigger('remove_model', { name: row.name }); draw(); }));
  inside.addEventListener('keydown', (event) => { if (event.key === 'Escape') keep(); });
  node.append(inside);
  return node;
}
function focus(name) {
  const row = [...body.children].find((one) => one.dataset.name === name), last = row && row.querySelector('.md-acts button:last-child');
  if (last) last.focus();
}
function line(row) {
  const node = document.createElement('tr'), head = make('th');
  head.scope = 'row';
  head.append(make('b', row.title), make('code', row.name));
  node.dataset.name = row.name;
  const size = row.layout ? `${row.resolution} px` : 'no pictures of its own';
  node.append(head, cell('Kind', make('b', row.family), row.layout ? `layout: ${row.layout}` : '', size), cell('Licence', row.licence), cell('Trained on', row.training_data),
    cell('Comes from', row.source, row.format, hashOf(row)), cell('Measured', ...row.score), actions(row));
  return node;
}
function draw() {
  const rows = (props.value && props.value.rows) || [];
  if (!rows.some((row) => row.name === asking)) asking = '';
  body.replaceChildren(...rows.flatMap((row) => row.name === asking ? [line(row), question(row)] : [line(row)]));
}
watch('value', draw);
draw();
