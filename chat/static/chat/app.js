import { between } from "./backoff.js";
import { createComposer } from "./composer.js";
import { createHistory } from "./history.js";
import { Log } from "./log.js";
import { keepName } from "./names.js";
import { Outbox } from "./outbox.js";
import { atEnd, createJump, toEnd } from "./scroll.js";
import { createStatus } from "./status.js";
import { eventsUrl, Stream } from "./stream.js";
import { createUnread } from "./title.js";
import { connect as auto } from "./transports/auto.js";
import { connect as longPoll } from "./transports/long-poll.js";
import { connect as sse } from "./transports/sse.js";
import { connect as websocket } from "./transports/websocket.js";

const page = document.querySelector("[data-chat]");
const { room, user, token, textMax, transport } = page.dataset;
const transports = { sse, "long-poll": longPoll, websocket };
const part = (name) => page.querySelector(`[data-${name}]`);
const address = `/${encodeURIComponent(room)}?${new URLSearchParams({ user, ...(transport && { transport }) })}`;
const base = `/rooms/${encodeURIComponent(room)}/`;

const scroller = part("log");
const log = new Log(scroller, user);
const jump = createJump(scroller, part("jump"));
const unread = createUnread();
const outbox = new Outbox(`${base}messages/`, user, log);

function arrived(message) {
  const reading = !atEnd(scroller);
  if (log.has(message.id) || outbox.meet(message) || !log.add(message)) return;
  unread();
  if (reading) jump();
  else if (log.trim()) part("older").hidden = false;
}

/**
 * The events since our token are gone: only a fresh page is whole. Everybody is told at once, so not all reload at once;
 * a page that is told so as soon as it was loaded must not reload for ever without a pause.
 */
function reload() {
  stream.stop();
  const pause = performance.now() < 10_000 ? between(5000, 15_000) : between(0, 2000);
  setTimeout(() => location.replace(address), pause);
}

const stream = new Stream({
  url: eventsUrl("", room),
  connect: transports[transport] ?? auto,
  onEvent: ({ type, data }) => {
    if (type === "message") arrived(data);
    else if (type === "stream-reset") reload();
  },
  onStatus: createStatus(part("status")),
});

createComposer(part("composer"), Number(textMax), (text) => {
  outbox.send(text);
  toEnd(scroller);
});
createHistory(part("older"), scroller, `${base}messages/`, log);
keepName(user);

// A page of earlier messages is for readers without scripts; following the room from there would leave a hole.
if (new URLSearchParams(location.search).has("before")) {
  location.replace(address);
} else {
  history.replaceState(null, "", address);
  stream.start(token);
}
