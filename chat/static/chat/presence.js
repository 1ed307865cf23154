import { backoff } from "./backoff.js";

/** How long a stream may be without its first event: then the network holds streams back, and polls do. */
const FIRST_MS = 10_000;

/**
 * Holds the connection by which a signed-in person is present in rooms. Many tabs of a browser hold one for each room:
 * they agree by the Web Locks API. Where there is none (plain http to another machine) each tab holds its own.
 */
export class Presence {
  #polls;
  #rooms = new Map();
  #held = new Set();
  #connection = null;
  #attempt = 0;
  #timer = 0;

  /**
   * @param {object} [options]
   * @param {boolean} [options.polls] whether to ask by long-polling, as where a network lets no stream through
   */
  constructor({ polls = false } = {}) {
    this.#polls = polls;
  }

  /**
   * Become present in a room.
   * @param {string} room
   */
  enter(room) {
    if (this.#rooms.has(room)) return;
    const left = new AbortController();
    this.#rooms.set(room, left);
    const hold = () =>
      new Promise((release) => {
        this.#change(() => this.#held.add(room));
        left.signal.addEventListener("abort", release);
      });
    if (!navigator.locks) hold();
    else navigator.locks.request(`corkboard presence ${room}`, { signal: left.signal }, hold).catch(() => {});
  }

  /**
   * Not be present there any more, as far as this tab is concerned.
   * @param {string} room
   */
  leave(room) {
    this.#rooms.get(room)?.abort();
    this.#rooms.delete(room);
    this.#change(() => this.#held.delete(room));
  }

  /** Several rooms that come at once share the one connection. */
  #change(change) {
    change();
    this.#open(50);
  }

  #open(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#connection?.close();
      this.#connection = null;
      if (this.#held.size) this.#connection = this.#polls ? this.#poll() : this.#stream();
    }, ms);
  }

  #retry() {
    this.#open(backoff(++this.#attempt));
  }

  #stream() {
    const source = new EventSource(this.#address());
    const first = setTimeout(() => {
      this.#polls = true;
      this.#open(0);
    }, FIRST_MS);
    const close = () => {
      clearTimeout(first);
      source.close();
    };
    source.addEventListener("stream-open", () => {
      clearTimeout(first);
      this.#attempt = 0;
    });
    // Signed out, or the room is closed to us: nothing to come back for.
    source.addEventListener("stream-error", close);
    // An end is the usual thing, and the browser comes back by itself. It gives up at an error status.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      close();
      this.#retry();
    };
    return { close };
  }

  #poll() {
    const given = new AbortController();
    const ask = async () => {
      for (;;) {
        const answer = await fetch(this.#address(), { headers: { Accept: "application/json" }, signal: given.signal });
        if (answer.status >= 500) throw new Error(`status ${answer.status}`);
        if (!answer.ok) return;
        await answer.text();
        this.#attempt = 0;
      }
    };
    ask().catch(() => given.signal.aborted || this.#retry());
    return { close: () => given.abort() };
  }

  #address() {
    return `/presence/?${new URLSearchParams([...this.#held].sort().map((room) => ["channel", `room-${room}`]))}`;
  }
}

// The chat page of somebody who is signed in loads this module as a script of its own.
const page = document.querySelector("[data-chat][data-present]");
if (page) new Presence({ polls: page.dataset.transport === "long-poll" }).enter(page.dataset.room);
