import { between } from "../backoff.js";
import { headersOf, problemOf } from "./sink.js";

/** How long the service may hold a request, in seconds. Proxies that end a silent request at 30 s are common. */
const WAIT_SECONDS = 20;
/** An empty answer that comes sooner than this, in ms, came from something else than the end of the wait. */
const PAUSE_MS = 1000;

/**
 * Long-polling: one request after the other, each held until something comes.
 *
 * The first one names no position, so it is answered at once: with the newest position, and the proof that the service
 * can be reached.
 * @type {Connect}
 */
export function connect(request, sink) {
  const given = new AbortController();

  async function follow() {
    for (let token = ""; !given.signal.aborted; token = request.positions.token) {
      const asked = performance.now();
      const answer = await ask(request, token, given.signal);
      if (!answer.ok) return sink.refused(await problemOf(answer));
      const batch = await answer.json();
      if (token) take(batch, sink);
      else sink.opened(batch["last-event-id"]);
      if (token && !batch.events.length && performance.now() - asked < PAUSE_MS) await pause();
    }
    return undefined;
  }

  follow().catch(() => given.signal.aborted || sink.ended());
  return { close: () => given.abort() };
}

/**
 * What the service answers at once to a request for events.
 * @param {{url: URL, bearer?: string}} request
 * @param {number} ms that it may take
 * @returns {Promise<Response|null>} null when there is no answer
 */
export async function askNow(request, ms) {
  return ask(request, "", AbortSignal.timeout(ms)).catch(() => null);
}

function ask({ url, bearer }, token, signal) {
  const headers = { ...headersOf("application/json", bearer, token), Prefer: `wait=${WAIT_SECONDS}` };
  return fetch(url, { headers, signal, cache: "no-store", credentials: bearer ? "omit" : "same-origin" });
}

function take(batch, sink) {
  for (const event of batch.events) sink.event(event);
  if (batch.reset) sink.reset(batch.channels, batch["last-event-id"]);
  sink.heard();
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, between(PAUSE_MS, 2 * PAUSE_MS)));
}
