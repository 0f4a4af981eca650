// The kind of models without a layout: a whole picture, and nothing on it to move. What stays is looking closer, comparing,
// the history, links and files.

plainKind({
  name: 'bare', still: true,
  title: () => '', describe: () => '', steps: () => [],
  nodes: () => ({}), paint: () => '', under: () => [], move() {}, key: () => null,
  spot: () => ({ x: 0, y: 0, room: 0, shown: false }),
});
const STILL = 'There is nothing to move in this picture: its model has no layout.';
// The keys of tools and elements say so; those that move the focus, the picture or the history go on as everywhere.
hooks.key.push((event) => {
  if (!kind.still || !/^(?:[dfhlmnp]|delete|backspace|arrow.*)$/.test(event.key.toLowerCase())) return false;
  say(scene.no_drag ? STILL : 'This model has no layout: press G to drag points of its pictures.');
  return true;
});
// What another kind had over its picture is gone, else there would be no way back.
hooks.use.push(() => {
  if (!kind.still) return;
  view = 'both';
  openPanel('');
  if (seen === 'opacity' || seen === 'depth') setSeen('');
});
