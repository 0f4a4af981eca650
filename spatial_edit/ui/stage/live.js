// Live pictures while a gesture runs: the newest state wins, a few requests are on their way, late replies are dropped.

let inFlight = 0, stale = false, sequence = 0, shown = 0, frames = 0;
// When the pointer event behind the state on the stage happened; behind the server's last answer; and what the decoded
// picture shows: its number and the time of its pointer event. All for measurements (spatialEdit.shown).
let moment = 0, settled = 0, pictured = { seq: 0, time: 0 };
img.decoding = 'sync';                            // a loaded picture is decoded when the next frame is painted
function paint(source, seq, time) {
  img.onload = () => { pictured = { seq, time }; };
  img.src = source;
}

// How many requests are on their way at once: one where the server is near, since more would only wait for each other;
// up to three where the network takes long, enough for PERIOD between two pictures if the server can.
const PERIOD = 33, MOST = 3, REMEMBERED = 8;
let trips = [], effort = 0;                       // the last trips without the server's work; that work; in ms
function learn(trip, work) {
  trips = [...trips, trip - work].slice(-REMEMBERED);
  effort = work;
}
// The quickest trip of the last few is the network's own; a busy page makes the others longer, and more requests too.
// A state that is older than this when an answer comes waits for the next pointer event: its picture would be shown with
// the same frame, one event older. Where none comes, it is asked for after NEXT. In ms.
const FRESH = 5, NEXT = 18;
const depth = () => clamp(trips.length ? Math.ceil(Math.min(...trips) / Math.max(effort, PERIOD)) : props.depth || 1, [1, MOST]);

const client = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join('');
async function pump(last = false) {
  if (props.live_mode !== 'live' || !scene.code) return;
  if (inFlight >= depth() && !last) { stale = true; return; }
  inFlight += 1;
  try {
    do {
      stale = false;
      const sent = performance.now(), time = moment, request = { client, seq: ++sequence, code: scene.code, ...kind.payload() };
      const reply = await server.render_live(request);
      if (!reply) { say('No live preview just now; the picture follows when you let go.'); break; }
      const trip = performance.now() - sent;
      if (reply.image) learn(trip, reply.ms || 0);
      if (reply.image && reply.seq > shown && (drag !== null || waiting)) {
        shown = reply.seq; paint(reply.image, reply.seq, time); frames += 1;
        putText(stat, `live · ${Math.round(trip)} ms`);
      }
    } while (stale && performance.now() - moment < FRESH && inFlight <= depth() && (drag !== null || waiting));
  } finally { inFlight -= 1; }
  if (stale) setTimeout(() => { if (stale) pump(); }, NEXT);
}
// The state that a gesture ends with does not wait for older ones; asked for before the edit, it is drawn before it.
function pumpLast() { if (stale) pump(true); }
