// Scene files come back: dropped on the editor or chosen with a button. The server checks them and answers with a code.

const MOST_FILE_BYTES = 6000000, dropSign = find('.sg-drop'), fileField = find('.sg-file');
let dropping = 0;
const carriesFiles = (event) => Boolean(event.dataTransfer && [...event.dataTransfer.types].includes('Files'));
function readBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(',')[1] || '');
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
async function openFile(file) {
  if (!file || !scene.code) return;
  if (file.size > MOST_FILE_BYTES) { say('This file has more than 6 MB: it is no scene of ours.', true); return; }
  say('Opening the file…');
  let data = '';
  try { data = await readBase64(file); } catch (unread) { say('The browser could not read this file.', true); return; }
  const reply = await server.open_scene_file({ data });
  if (!reply || !reply.code) { say((reply && reply.error) || 'The file could not be opened; try again.', true); return; }
  finishKeys();
  send('open', { code: reply.code });
}
function showDrop(on) { dropSign.hidden = !on; if (!on) dropping = 0; }
root.addEventListener('dragenter', (event) => { if (carriesFiles(event)) { event.preventDefault(); dropping += 1; showDrop(true); } });
root.addEventListener('dragover', (event) => { if (carriesFiles(event)) { event.preventDefault(); event.dataTransfer.dropEffect = 'copy'; } });
root.addEventListener('dragleave', (event) => { if (carriesFiles(event)) { dropping -= 1; if (dropping <= 0) showDrop(false); } });
root.addEventListener('drop', (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault(); showDrop(false);
  const files = [...event.dataTransfer.files];
  if (files.length > 1) say('One file at a time: drop a single scene.', true);
  else openFile(files[0]);
});
fileField.addEventListener('change', () => { openFile(fileField.files[0]); fileField.value = ''; });
