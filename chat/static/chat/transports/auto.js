import * as longPoll from "./long-poll.js";
import * as sse from "./sse.js";

const KEY = "corkboard transport";
/** How long a stream may be without its first event, and how long it must last to count as good. */
const FIRST_MS = 5000;
const REACH_MS = 3000;
/** That often in a row a stream must fail while the service can be reached. Once can be an accident. */
const MISSES = 2;
let misses = 0;

/**
 * Server-sent events; or long-polling where a network holds streams back or cuts them off. That is remembered until the
 * tab is closed or the network changes.
 * @type {Connect}
 */
export function connect(request, sink) {
  if (isBlocked()) return longPoll.connect(request, sink);
  let isHeard = false;
  let isGood = false;
  let isClosed = false;

  function judge() {
    isGood = isHeard;
    if (isGood) misses = 0;
    else missed();
  }

  async function missed() {
    clearTimeout(timer);
    connection.close();
    // Where nothing is answered at all, streams are not the trouble.
    const answer = await longPoll.askNow(request, REACH_MS);
    if (isClosed) return;
    if (answer?.ok) misses += 1;
    if (misses < MISSES) return sink.ended();
    remember();
    connection = longPoll.connect(request, sink);
  }

  function heard(handle) {
    return (...words) => {
      isHeard = true;
      handle(...words);
    };
  }

  const timer = setTimeout(judge, FIRST_MS);
  let connection = sse.connect(request, {
    heard: heard(sink.heard),
    opened: heard(sink.opened),
    event: heard(sink.event),
    newest: heard(sink.newest),
    aside: heard(sink.aside),
    reset: heard(sink.reset),
    refused: sink.refused,
    ended: () => (isGood ? sink.ended() : missed()),
  });

  function close() {
    isClosed = true;
    clearTimeout(timer);
    connection.close();
  }

  return { close };
}

// Another network may let streams through.
globalThis.addEventListener?.("online", () => {
  misses = 0;
  store((storage) => storage.removeItem(KEY));
});

function isBlocked() {
  return misses >= MISSES || store((storage) => storage.getItem(KEY)) === "long-poll";
}

function remember() {
  store((storage) => storage.setItem(KEY, "long-poll"));
}

function store(use) {
  try {
    return use(sessionStorage);
  } catch {
    return null; // without storage the next page finds out again
  }
}
