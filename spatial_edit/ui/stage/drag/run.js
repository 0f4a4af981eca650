// A drag that runs: started with the pairs, watched step by step, stopped, kept as one edit or discarded; and its film.
// The server works in a thread of its own; `drag_state` waits there until something is new.

let running = null, asking = null, filmOf = '';    // the run that works; the one that failed and waits for a word; whose film there is
const USUAL_RATE = 0.002;                          // as DragOptions' learning_rate and layout_rate
const PHASES = { coarse: 'coarse move', fine: 'fine' };
const placedAt = new Map();                        // code → where the handles are in its picture, for undo and redo
const pause = (time) => new Promise((done) => setTimeout(done, time));

function dragOptions() {
  const given = Object.fromEntries([...element.querySelectorAll('[data-sd-opt]')].map((field) => [field.dataset.sdOpt, field.value.trim()]).filter(([, value]) => value));
  const { pace, motion_radius: motion, tracking_radius: tracking, steps, picture_every: every, ...words } = given;
  return {
    ...words, ...(Number(pace) !== 1 ? { learning_rate: USUAL_RATE * pace, layout_rate: USUAL_RATE * pace } : {}),
    ...(steps ? { steps: Number(steps) } : {}), ...(every ? { picture_every: Number(every) } : {}),
    ...(motion ? { motion_radius: motion / 100 } : {}), ...(tracking ? { tracking_radius: tracking / 100 } : {}),
  };
}
// What keeps a drag from beginning, in words; '' for nothing.
function notReady() {
  const lacking = pairs.find((pair) => !pair.to);
  if (lacking) selectPair(lacking.id, false);
  return !scene.code ? 'There is no picture yet.' : scene.no_drag ? scene.no_drag
    : !pairs.length ? 'Click on the picture first: what is to move, then where it is to go.'
    : lacking ? `Point ${lacking.id} has no target: click where it is to go.`
    : pairs.every((pair) => pairAway(pair) < 0.001) ? 'Every point is at its target already: move a target to go on.'
    : areaCells && !areaCells.some(Boolean) ? 'The area is empty: paint where the picture may change, or choose the whole picture.' : '';
}
async function startDrag() {
  if (running) { stopDrag(); return; }
  if (refuseBusy()) return;
  finishKeys();
  const why = notReady();
  if (why) { say(why, true); return; }
  const mine = running = { token: '', code: '', known: 0, pictured: -1, first: 0, stop: false, before: pairs.map(({ id, x, y }) => ({ id, x, y })), ids: [] };
  find('.sd-hint').textContent = ''; say('Dragging…');
  if (waiting || outbox.length) await idle();       // the edit that was just made belongs to the picture
  if (running !== mine) return;
  const asked = pairs.filter((pair) => pairAway(pair) > 1e-4);   // one that lies exactly at its target has nothing to say
  mine.code = scene.code; mine.ids = asked.map(({ id }) => id);
  for (const pair of pairs) pair.way = [[pair.x, pair.y]];
  showRun('Beginning…', 0);
  const reply = await server.drag_start({ client, code: mine.code, mask: areaCells ? maskText(areaCells) : '', options: dragOptions(), points: asked.map(({ id, x, y, to }) => ({ id, x, y, to_x: to[0], to_y: to[1] })) });
  if (running !== mine) { if (reply && reply.run) server.drag_state({ run: reply.run, stop: true }); return; }
  if (!reply || !reply.run) { endRun(mine); say((reply && reply.error) || 'The server did not answer; try again.', true); return; }
  mine.token = reply.run;
  watchRun(mine);
}
function stopDrag() {
  if (!running || running.stop) return;
  running.stop = true;
  say('Stopping…');
  if (running.token) server.drag_state({ run: running.token, stop: true, known: running.known, pictured: running.pictured });
}
async function watchRun(mine) {
  for (let silent = 0; running === mine;) {
    const reply = await server.drag_state({ run: mine.token, known: mine.known, pictured: mine.pictured, stop: mine.stop });
    if (running !== mine) return;
    if (!reply) {
      silent += 1;
      if (silent > 8) { backTo(mine); say('The server does not answer; the picture is as before. Try again.', true); return; }
      await pause(250 * silent);
      continue;
    }
    silent = 0;
    if (!reply.state) { backTo(mine); say(reply.error || 'The drag broke off; try again.', true); return; }
    takeNews(mine, reply);
    if (reply.state === 'done' || reply.state === 'failed') { runOver(mine, reply); return; }
    await pause(reply.trail.length ? 25 : 90);
  }
}
// Handles, their ways, the picture and what moves with it follow the server.
function takeNews(mine, reply) {
  for (const places of reply.trail) places.forEach(([x, y], k) => {
    const pair = pairById(mine.ids[k]);
    if (pair) { Object.assign(pair, { x, y }); pair.way.push([x, y]); }
  });
  mine.known = reply.steps;
  if (reply.image) {
    mine.pictured = reply.pictured;
    shown = ++sequence; paint(reply.image, shown, performance.now()); frames += 1;
    const order = scene.elements.map(({ id }) => byId(id));
    if (reply.places && reply.places.length === order.length) order.forEach((item, k) => { if (item) [item.x, item.y] = reply.places[k]; });
    drawSoon();
  }
  const far = reply.distance ?? 0;
  mine.first = Math.max(mine.first, far); mine.number = reply.number ?? 0;
  if (reply.state === 'waiting') showRun('Somebody else drags with this model: waiting for a turn…', 0);
  else showRun(`Step ${mine.number} · ${(100 * far).toFixed(1)} % to go · ${reply.seconds.toFixed(1)} s · ${PHASES[reply.phase] || 'beginning'}`, mine.first ? 1 - far / mine.first : 0);
  drawPairs();
}
function runOver(mine, reply) {
  if (reply.state === 'failed') { backTo(mine); say(reply.error, mine.stop === false); return; }
  filmOf = reply.film ? mine.token : '';
  if (reply.end === 'stopped' && !mine.number) { backTo(mine); say('Stopped before the first step; nothing was changed.'); return; }
  const how = `${mine.number} steps, ${reply.seconds.toFixed(1)} s`;
  if (reply.keeps) { keepRun(mine, reply.end === 'arrived' ? `Arrived: ${how}.` : `Stopped and kept: ${how}.`); return; }
  running = null; asking = mine;
  find('.sd-why').textContent = `${reply.note || 'The drag did not arrive.'} (${how}, ${(100 * (reply.distance ?? 0)).toFixed(1)} % to go)`;
  drawPairs(); say('The drag did not arrive: keep its best state, or discard it.', true);
  find('[data-sd=accept]').focus({ preventScroll: true });
}
function keepRun(mine, words) {
  endRun(mine);
  placedAt.set(mine.code, mine.before);
  keeping.words = words; keeping.places = pairs.map(({ id, x, y }) => ({ id, x, y }));
  say(words);
  send('drag', { run: mine.token });
}
const keeping = { words: '', places: null };         // of the drag whose step is on its way: what to say, and where the handles are
function endRun(mine) {
  if (running === mine) running = null;
  if (asking === mine) asking = null;
  find('.sd-hint').textContent = HINT;
  drawPairs();
}
function backTo(mine) {
  endRun(mine);
  placePairs(mine.before);
  restoreBase();
}
// Everything about a run that does not belong to this picture any more ends.
function giveUpRun() {
  const mine = running || asking;
  if (!mine) return;
  if (mine.token && mine === running) server.drag_state({ run: mine.token, stop: true });
  endRun(mine);
}
function placePairs(places) {
  for (const { id, x, y } of places) { const pair = pairById(id); if (pair) Object.assign(pair, { x, y, way: [] }); }
  drawPairs();
}
function discardRun() { const mine = asking; filmOf = ''; backTo(mine); say('Discarded; the picture is as before.'); stage.focus({ preventScroll: true }); }

hooks.receive.push((said, opened) => {
  root.toggleAttribute('data-drags', Boolean(said.code) && !said.no_drag);
  const mine = running || asking;
  if (mine && mine.code && said.code !== mine.code) { giveUpRun(); if (!opened) say('The drag has ended, for the scene has changed.'); }
  if (keeping.places && !said.error && !opened) {
    placedAt.set(said.code, keeping.places);
    while (placedAt.size > 64) placedAt.delete(placedAt.keys().next().value);
    say([keeping.words, said.message].filter(Boolean).join(' '));
    if (said.key) { kept = { of: said.code, code: said.code, note: said.message, key: said.key }; fill(); }
  } else if (opened) { clearPairs(); filmOf = ''; } else if (placedAt.has(said.code)) placePairs(placedAt.get(said.code));
  keeping.places = null;
});
hooks.draw.push(() => { if (running && tool !== 'drag') stopDrag(); });

// ---- the film ----
async function saveDragFilm(format) {
  const buttons = [...element.querySelectorAll('[data-sd-film]')];
  for (const button of buttons) button.disabled = true;
  say('Making the film…');
  const file = await server.drag_film({ run: filmOf, format, marks: find('[data-sd-marks]').checked });
  for (const button of buttons) button.disabled = false;
  if (!file || !file.data) { say((file && file.error) || 'The film could not be made; try again.', true); return; }
  takeAlong(file.data, file.name);
  say(`Saved ${file.name}.`);
}
