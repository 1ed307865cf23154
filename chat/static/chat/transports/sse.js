import { parse } from "../wire.js";
import { readEvents } from "./event-reader.js";
import { ASIDE, headersOf, pass, problemOf } from "./sink.js";

/** An EventSource hears only types that it knows by name. The ids of the others come with the next one. */
const TYPES = [
  ...["message", "message-edited", "message-deleted", "reaction", "room-changed", "stranger"],
  ...["stream-open", "stream-reset", "stream-error", "newest", "keep-alive"],
  ...ASIDE,
];

/**
 * Server-sent events: by EventSource, or by fetch when there is a bearer token, since an EventSource can send none.
 * @type {Connect}
 */
export function connect(request, sink) {
  return request.bearer ? byFetch(request, sink) : byEventSource(request, sink);
}

function byEventSource({ url, positions }, sink) {
  const address = new URL(url);
  if (positions.token) address.searchParams.set("lastEventId", positions.token);
  const source = new EventSource(address);
  for (const type of TYPES) {
    source.addEventListener(type, (event) => pass(sink, { id: event.lastEventId, type, data: parse(event.data) }));
  }
  // Left to itself it would come back at the address it was made with, and give up for good at an error status.
  source.onerror = () => {
    source.close();
    sink.ended();
  };
  return { close: () => source.close() };
}

function byFetch({ url, bearer, positions }, sink) {
  const given = new AbortController();
  const headers = headersOf("text/event-stream", bearer, positions.token);

  async function follow() {
    const answer = await fetch(url, { headers, signal: given.signal, cache: "no-store", credentials: "omit" });
    if (!answer.ok) return sink.refused(await problemOf(answer));
    await readEvents(answer.body, (event) => pass(sink, { ...event, data: parse(event.data) }));
    return sink.ended();
  }

  follow().catch(() => given.signal.aborted || sink.ended());
  return { close: () => given.abort() };
}
