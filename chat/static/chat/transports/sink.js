/**
 * A transport is a module that exports `connect`. It tells the sink nothing before it has returned.
 * @callback Connect
 * @param {{url: URL, bearer?: string, positions: Positions}} request `positions` says where to go on
 * @param {Sink} sink
 * @returns {{close: () => void, sync?: () => void}} `sync` asks for what is missing. A transport that has it can lose
 *   events on the way; all others deliver them in order and whole.
 */

/**
 * What a transport tells the stream. Each call but the last two means that the connection lives.
 * @typedef {object} Sink
 * @property {() => void} heard something came
 * @property {(token: string) => void} opened the position at which the service starts
 * @property {(event: {id: string, type: string, data: any}) => void} event
 * @property {(id: string) => void} newest the newest id of a room
 * @property {(notice: {type: string, data: any}) => void} aside what is said beside the log, of ASIDE
 * @property {(channels: string[], token: string) => void} reset
 * @property {(problem: {status?: number, text?: string, detail?: string}) => void} refused
 * @property {() => void} ended
 */

/** What goes on in a room beside its log: without an id, so it moves no position and is never repeated. */
export const ASIDE = ["enter", "leave", "presence"];

/**
 * Gives one event of the wire to the sink: server-sent events and frames of a socket mean the same.
 * @param {Sink} sink
 * @param {{id: string, type: string, data: any}} event
 */
export function pass(sink, { id, type, data }) {
  if (type === "stream-open") sink.opened(id);
  else if (type === "stream-reset") sink.reset(data?.channels ?? [], id);
  else if (type === "stream-error") sink.refused(data);
  else if (type === "newest") sink.newest(data?.id ?? "");
  else if (ASIDE.includes(type)) sink.aside({ type, data });
  else if (type !== "keep-alive" && id && data) sink.event({ id, type, data });
  else sink.heard();
}

/**
 * The headers of a request that can have some.
 * @param {string} accept
 * @param {string} [bearer]
 * @param {string} [token] the position to go on from
 * @returns {Record<string, string>}
 */
export function headersOf(accept, bearer, token) {
  return {
    Accept: accept,
    ...(bearer && { Authorization: `Bearer ${bearer}` }),
    ...(token && { "Last-Event-ID": token }),
  };
}

/**
 * A refusal in words, from an answer with an error status.
 * @param {Response} answer
 * @returns {Promise<{status: number, detail?: string}>}
 */
export async function problemOf(answer) {
  return { ...(await answer.json().catch(() => null)), status: answer.status };
}
