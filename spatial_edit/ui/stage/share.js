// Sharing: the address bar, the link, the snippets that embed the editor, and files to take along.
// Three places hold the editor: a page of its own, a frame (a Space is one), and <gradio-app> in somebody else's page.
// The box beside the canvas that shows link and snippets (share/box.html) is looked up each time: Gradio draws it anew.

const HUB = 'https://huggingface.co';
let kept = { of: '', code: '', note: '', key: '' };        // the answer for the long or stored code `of`

const host = () => element.closest('gradio-app[src], gradio-app[space]');
const box = () => document.querySelector('#sharing .ss');
const longest = () => Number(box() && box().dataset.limit) || 2000;       // characters of a code; what is longer goes to the store
const shared = () => (kept.of === scene.code ? kept.code : scene.code);

function naming(url, code) {
  url.searchParams.delete('e'); url.searchParams.delete('s');
  if (code) url.searchParams.set(code.startsWith('s:') ? 's' : 'e', code.startsWith('s:') ? code.slice(2) : code);
  return url;
}
// Where the app itself answers, for snippets; `link` leads to where people read it.
function appAddress() {
  const home = box() ? box().dataset.home : '', outer = host();
  if (home) return new URL(home);
  if (outer && outer.getAttribute('src')) return new URL(outer.getAttribute('src'), document.baseURI);
  return new URL(window.location.origin + window.location.pathname);
}
function link(code = shared()) {
  if (props.space_url) return naming(new URL(props.space_url), code).href;
  // <gradio-app> reads the address of the page that it stands in, so the link is that page's.
  const here = new URL(window.location.href);
  return naming(host() && here.protocol.startsWith('http') ? here : appAddress(), code).href;
}
// The address bar always names the scene on the stage; inside a frame it is the frame's, and the Hub is told.
function address() {
  const code = scene.why === 'fresh' ? '' : shared(), url = naming(new URL(window.location.href), code);
  if (url.href === window.location.href) return;
  try { history.replaceState(history.state, '', url); } catch (refused) { return; }   // a sandboxed frame has no address
  if (props.space_url && window.parent !== window) window.parent.postMessage({ queryString: url.search.slice(1), hash: '' }, HUB);
}

// ---- what is copied ----
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
function snippets() {
  const app = escaped(appAddress().href.replace(/\/$/, '')), framed = escaped(naming(appAddress(), shared()).href);
  const version = box() ? box().dataset.gradio : '';
  return {
    link: link(),
    frame: `<iframe src="${framed}" title="Spatial Edit" allow="clipboard-write" style="width:100%;height:960px;border:0"></iframe>`,
    component: `<script type="module" src="https://gradio.s3-us-west-2.amazonaws.com/${version}/gradio.js"></script>\n<gradio-app src="${app}"></gradio-app>`,
  };
}
function fill() {
  if (!box() || !scene.code) return;
  for (const [name, text] of Object.entries(snippets())) box().querySelector(`[data-share=${name}]`).value = text;
  const key = kept.of === scene.code ? kept.key : '';
  box().querySelector('.ss-key').hidden = !key;
  box().querySelector('.ss-key code').textContent = key;
}
function tellBoth(text, bad) {     // the button stands far from the status line on a phone
  say(text, bad);
  if (!box()) return;
  const line = box().querySelector('.ss-said');
  line.textContent = text; line.classList.toggle('bad', bad);
}
async function copyText(text) {
  const policy = document.permissionsPolicy || document.featurePolicy;      // asked first: a refusal is an error in the console
  if (navigator.clipboard && !(policy && policy.allowsFeature && !policy.allowsFeature('clipboard-write')))
    try { await navigator.clipboard.writeText(text); return true; } catch (refused) { /* the older way may still do */ }
  return copyByHand(text);
}
function copyByHand(text) {                       // a frame without clipboard permission still allows this
  const before = document.activeElement, area = Object.assign(document.createElement('textarea'), { value: text, readOnly: true });
  area.style.cssText = 'position:fixed;top:0;opacity:0;height:0';
  element.appendChild(area); area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (before && before.focus) before.focus({ preventScroll: true });
  return done;
}
// Copies one of the snippets; when the browser refuses, shows it, marked, for the person to copy.
async function copySnippet(name, note = '') {
  fill();
  const done = await copyText(snippets()[name]), what = name === 'link' ? 'Link' : 'Snippet';
  if (!done && box()) {
    box().querySelector('details').open = true;
    const field = box().querySelector(`[data-share=${name}]`);
    field.focus(); field.select();
  }
  const refused = `The browser refused to copy: the ${what.toLowerCase()} is marked in the box, press Ctrl+C.`;
  tellBoth(`${done ? `${what} copied.` : refused} ${note}`.trim(), !done);
}
const idle = async () => { for (let turn = 0; turn < 60 && (waiting || outbox.length); turn += 1) await new Promise((done) => setTimeout(done, 50)); };
async function copyLink(name = 'link') {
  if (!scene.code) { tellBoth('There is no scene to share yet.', true); return; }
  finishKeys();
  await idle();                                   // the edit that was just made belongs to the link
  const code = scene.code;
  if (kept.of !== code && (code.length > longest() || code.startsWith('s:'))) {
    const reply = await server.share_scene({ code });
    if (!reply || !reply.code) { tellBoth((reply && reply.error) || 'The server did not answer; nothing was copied. Try again.', true); return; }
    kept = { of: code, code: reply.code, note: reply.note, key: reply.key };
    address();
  }
  await copySnippet(name, kept.of === code ? kept.note : '');
}
document.addEventListener('click', function pressed(event) {
  if (!element.isConnected) { document.removeEventListener('click', pressed); return; }
  const button = event.target.closest('#sharing [data-copy]');
  if (button) copyLink(button.dataset.copy);
});

async function download(what) {
  if (!scene.code) { say('There is nothing to save yet.', true); return; }
  const file = await server.render_file({ what, code: scene.code });
  if (!file || !file.data) { say((file && file.error) || 'The file could not be made; try again.', true); return; }
  const anchor = Object.assign(document.createElement('a'), { href: file.data, download: file.name });
  document.body.appendChild(anchor); anchor.click(); anchor.remove();
  say(`Saved ${file.name}.`);
}
hooks.receive.push((said, opened) => {
  const entry = new URL(window.location.href).searchParams.get('s');
  if (opened && said.why === 'open' && entry && said.code.length > longest())     // a short link was followed: it stays
    kept = { of: said.code, code: `s:${entry}`, note: '', key: '' };
  address(); fill();
});
