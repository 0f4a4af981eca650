// What happens in the page, seen from outside: pointer events, frames and the state that every frame shows.
// Runs before the page's own scripts. The page says in spatialEdit.shown = {seq, time} which state its decoded
// picture shows and when the pointer event behind it happened.
(() => {
  const fresh = () => ({ frames: [], moves: 0, moved: 0, pressed: 0, released: 0, final: null });
  const watch = { ...fresh(), painted: null, usable: null, start: () => Object.assign(watch, fresh()) };
  window.benchWatch = watch;
  addEventListener('pointerdown', (event) => { watch.pressed = event.timeStamp; }, true);
  addEventListener('pointermove', (event) => {
    if (watch.pressed && !watch.released) Object.assign(watch, { moved: event.timeStamp, moves: watch.moves + 1 });
  }, true);
  addEventListener('pointerup', (event) => { watch.released = event.timeStamp; }, true);
  // Distinct pictures get numbers: two states that look the same, as while a blob rests on a guide, count once.
  let loaded = 0;
  const numbers = new Map();
  document.addEventListener('load', ({ target }) => {
    if (!target.matches || !target.matches('.se-img')) return;
    if (!numbers.has(target.src)) numbers.set(target.src, numbers.size);
    loaded = numbers.get(target.src);
  }, true);
  // A picture that was decoded before a frame's callbacks is painted at the end of that frame: it is on the screen
  // at the next one. So each frame looks at what the one before it saw.
  let decoded = null;
  const frame = () => {
    const now = performance.now();
    watch.painted = decoded;
    decoded = window.spatialEdit && window.spatialEdit.shown ? { ...window.spatialEdit.shown, picture: loaded } : null;
    const { painted, pressed, released, moved } = watch;
    if (watch.usable === null && pressed && document.querySelector('.se-shape.on')) watch.usable = now;
    if (painted && pressed && painted.time > pressed) {
      if (!released) watch.frames.push({ picture: painted.picture, age: now - painted.time });
      else if (watch.final === null && painted.time >= moved) watch.final = now - released;
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})();
