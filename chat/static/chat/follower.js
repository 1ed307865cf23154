import { backoff } from "./backoff.js";
import { identity } from "./identity.js";
import { createStatus } from "./status.js";
import { eventsUrl, Stream } from "./stream.js";
import { connect as auto } from "./transports/auto.js";
import { connect as longPoll } from "./transports/long-poll.js";
import { connect as sse } from "./transports/sse.js";
import { connect as websocket } from "./transports/websocket.js";
import { wordsOf } from "./deliver.js";

const TRANSPORTS = { sse, "long-poll": longPoll, websocket };
/** A refusal can be older than what it is about, as when somebody is back by then. So often in a row it is not. */
const REFUSALS_MAX = 4;
const SIGNED_OUT = { state: "away", text: "Signed out" };

/** Follows all rooms of a page on one connection, and gives each what is its own. */
export class Follower {
  #rooms = new Map();
  #stream = null;
  #connect;
  #show;
  #status = { state: "connecting" };
  #refusals = 0;
  #reload;

  /**
   * @param {object} options
   * @param {string} [options.transport] by name; without it one that works
   * @param {HTMLElement} options.status where to say how the connection is
   * @param {() => void} options.reload called when only a fresh page is whole
   */
  constructor({ transport, status, reload }) {
    this.#connect = TRANSPORTS[transport] ?? auto;
    const show = createStatus(status);
    const say = () => show(identity.isAway ? SIGNED_OUT : this.#status);
    identity.onChange(say);
    this.#show = (next) => {
      this.#status = next;
      if (next.state === "online") this.#refusals = 0;
      say();
    };
    this.#reload = reload;
  }

  /**
   * Follows these rooms too, each from its token on.
   * @param {...Room} rooms
   */
  add(...rooms) {
    for (const room of rooms) this.#rooms.set(room.key, room);
    this.#follow(rooms.map((room) => room.token).join(","));
  }

  /**
   * Follows a room no longer.
   * @param {Room} room
   */
  remove(room) {
    if (this.#rooms.delete(room.key)) this.#follow();
  }

  /** Ends for good. */
  stop() {
    this.#stream?.stop();
  }

  #follow(token) {
    const url = eventsUrl("", ...[...this.#rooms.values()].map((room) => room.name));
    if (!this.#rooms.size) {
      this.stop();
      this.#stream = null; // whoever comes back to a room starts at its new token
    } else if (this.#stream) this.#stream.move(url, token);
    else this.#open(url, token);
  }

  #open(url, token) {
    this.#stream = new Stream({
      url,
      connect: this.#connect,
      onEvent: (event) => this.#take(event),
      onStatus: (status) => (status.state === "stopped" ? this.#refused(status) : this.#show(status)),
    });
    this.#stream.start(token);
  }

  #take(event) {
    if (event.type === "stream-reset") this.#reload();
    else this.#rooms.get(String(event.data.room).toLowerCase())?.take(event);
  }

  /**
   * The refusal of one room ends the stream of all: find out which, and go on with the others. Nothing is lost to who
   * is only signed out: when they are back, all goes on where it was.
   */
  async #refused(status) {
    if (await identity.check()) {
      this.#show(status);
      await identity.back();
      return this.#goOn();
    }
    const rooms = [...this.#rooms.values()];
    const reasons = await Promise.all(rooms.map(reasonOf));
    const lost = rooms.filter((room, index) => reasons[index] && this.#rooms.delete(room.key));
    for (const room of lost) room.close(reasons[rooms.indexOf(room)]);
    if (lost.length && this.#rooms.size) return this.#follow();
    if (!lost.length && ++this.#refusals < REFUSALS_MAX) return setTimeout(() => this.#goOn(), backoff(this.#refusals));
    return this.#show(lost.length ? { ...status, text: "No longer connected." } : status); // why, the room says itself
  }

  #goOn() {
    this.#stream?.start(this.#stream.token);
  }
}

/** Why a room can't be read, in words; "" when it can, or when nobody says so. */
async function reasonOf({ name }) {
  const headers = { Accept: "application/json" };
  const answer = await fetch(`/rooms/${encodeURIComponent(name)}/messages/?limit=1`, { headers }).catch(() => null);
  if (!answer || answer.ok || answer.status === 429 || answer.status >= 500) return "";
  return wordsOf(await answer.json().catch(() => null), answer.status);
}
