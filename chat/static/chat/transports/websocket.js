import { between } from "../backoff.js";
import { parse } from "../wire.js";
import { askNow } from "./long-poll.js";
import { pass, problemOf } from "./sink.js";

/** Between two looks whether something was missed, in ms. */
const LOOK_MS = [20_000, 30_000];
/** So many looks without an answer mean that frames get lost; a restart of the service takes less. */
const LATE = 2;
/** Between a sync that the service could not answer and the next, in ms. */
const AGAIN_MS = [1000, 3000];
const REASON_MS = 3000;

/**
 * A WebSocket: joins the rooms of its address. Nothing is repaired on the way, so it asks `sync` from its positions:
 * when it has opened, when the stream finds a hole, and now and then.
 *
 * A browser's WebSocket can send no bearer token. What it sends is far below the 16 KiB that a frame may have: only
 * `sync`; messages are posted by REST.
 * @type {Connect}
 */
export function connect({ url, bearer, positions }, sink) {
  if (bearer) throw new TypeError("A browser's WebSocket can't send a bearer token: use sse.js or long-poll.js.");
  const socket = new WebSocket(addressOf(url));
  let count = 0;
  let pending = "";
  let again = false;
  let late = 0;
  let timer = 0;
  let opened = false;
  let closed = false;

  function sync() {
    if (socket.readyState !== WebSocket.OPEN || !positions.full) return;
    again = Boolean(pending); // the answer on its way may be older than what is missing now
    if (pending) return;
    pending = `sync ${++count}`;
    socket.send(JSON.stringify({ command: "sync", id: pending, "last-event-id": positions.full }));
  }

  function look(range) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (pending && ++late >= LATE) return sink.ended();
      sync();
      return look(LOOK_MS);
    }, between(...range));
  }

  function answered(frame) {
    sink.heard();
    if (frame.to !== pending) return;
    pending = "";
    late = 0;
    if (frame.more || again) sync();
  }

  function refused(frame) {
    const mine = frame.to === pending;
    if (!mine || frame.status < 500) return sink.refused(frame);
    pending = "";
    return look(AGAIN_MS);
  }

  socket.onmessage = ({ data }) => {
    const frame = { id: "", ...parse(data) };
    if (frame.type === "reply") answered(frame);
    else if (frame.type === "error") refused(frame);
    else pass(sink, frame);
    if (frame.type !== "stream-open") return;
    opened = true;
    sync();
    look(LOOK_MS);
  };
  socket.onclose = async () => {
    clearTimeout(timer);
    if (closed) return;
    // A page can't see why a handshake was refused. A GET of the same address is refused for the same reason.
    const answer = opened ? null : await askNow({ url }, REASON_MS);
    if (answer && !answer.ok) sink.refused(await problemOf(answer));
    else sink.ended();
  };

  function close() {
    closed = true;
    clearTimeout(timer);
    socket.close();
  }

  return { close, sync };
}

function addressOf(url) {
  const address = new URL(url);
  address.protocol = url.protocol.replace("http", "ws");
  return address;
}
