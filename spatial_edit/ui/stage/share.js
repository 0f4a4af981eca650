// Sharing: the address bar, the link, and files to take along.

// The address bar always names the scene on the stage; inside a frame it is only the frame's address.
function address(said) {
  const url = new URL(window.location.href), stored = said.code.startsWith('s:');
  url.searchParams.delete('e'); url.searchParams.delete('s');
  if (said.why !== 'fresh') url.searchParams.set(stored ? 's' : 'e', stored ? said.code.slice(2) : said.code);
  if (url.href !== window.location.href) history.replaceState(history.state, '', url);
}
function link() {
  const base = new URL(props.space_url || window.location.origin + window.location.pathname), stored = scene.code.startsWith('s:');
  base.searchParams.set(stored ? 's' : 'e', stored ? scene.code.slice(2) : scene.code);
  return base.href;
}
async function copyLink() {
  if (!scene.code) return;
  const text = link();
  let done = false;
  try { await navigator.clipboard.writeText(text); done = true; } catch (refused) { done = copyByHand(text); }
  say(done ? 'Link copied.' : 'The browser refused to copy; the link is in the address bar.', !done);
}
function copyByHand(text) {                       // a frame without clipboard permission still allows this
  const area = Object.assign(document.createElement('textarea'), { value: text });
  area.style.cssText = 'position:absolute;opacity:0;height:0';
  element.appendChild(area); area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
async function download(what) {
  if (!scene.code) { say('There is nothing to save yet.', true); return; }
  const file = await server.render_file({ what, code: scene.code });
  if (!file || !file.data) { say((file && file.error) || 'The file could not be made; try again.', true); return; }
  const anchor = Object.assign(document.createElement('a'), { href: file.data, download: file.name });
  document.body.appendChild(anchor); anchor.click(); anchor.remove();
  say(`Saved ${file.name}.`);
}
hooks.receive.push((said) => { address(said); });
