// What became of the last request, as text: file names and errors may hold anything.
const box = element.querySelector('.oc'), words = box.querySelector('p'), notes = box.querySelector('ul');
function say() {
  const said = props.value || {};
  box.hidden = !said.words;
  box.dataset.state = said.state || '';
  if (words.textContent !== said.words) words.textContent = said.words || '';
  box.querySelector('small').textContent = said.state === 'busy' ? `${said.seconds} s` : '';   // not spoken every second
  if (said.words && box.offsetParent) box.scrollIntoView({ block: 'nearest' });
  notes.replaceChildren(...(said.notes || []).map((note) => Object.assign(document.createElement('li'), { textContent: note })));
}
watch('value', say);
say();
