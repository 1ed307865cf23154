import { backoff, between } from "./backoff.js";
import { identity } from "./identity.js";
import { lease } from "./lease.js";
import { watchNetwork } from "./network.js";

/** How long a stream may be without its first event: then the network holds streams back, and polls do. */
const FIRST_MS = 10_000;
/** The service says something every 20 s at least: silence for longer than two of these means a dead connection. */
const SILENCE_MS = 50_000;

/**
 * Holds the connection by which a signed-in person is present in rooms. The tabs of a browser agree which of them holds
 * it for a room, by the Web Locks API or by a lease: over HTTP/1.1 a browser has six connections for all of them.
 */
export class Presence {
  #onlyPolls;
  #polls;
  #rooms = new Map();
  #held = new Set();
  #connection = null;
  #attempt = 0;
  #timer = 0;
  #silence = 0;

  /**
   * @param {object} [options]
   * @param {boolean} [options.polls] whether to ask by long-polling, as where a network lets no stream through
   */
  constructor({ polls = false } = {}) {
    this.#onlyPolls = this.#polls = polls;
    identity.onChange(() => (identity.isAway ? this.#close() : this.#open(between(0, 500))));
    watchNetwork(new AbortController().signal, {
      changed: () => this.#open(between(0, 500)),
      looked: () => {},
      left: () => this.#close(),
      returned: () => this.#open(0),
    });
  }

  /**
   * Become present in a room.
   * @param {string} room
   */
  enter(room) {
    if (this.#rooms.has(room)) return;
    const left = new AbortController();
    this.#rooms.set(room, left);
    const name = `corkboard presence ${room}`;
    const held = () => this.#change(() => this.#held.add(room));
    const lost = () => this.#change(() => this.#held.delete(room));
    if (!navigator.locks) return lease(name, left.signal, { held, lost });
    const hold = () => new Promise((release) => (left.signal.addEventListener("abort", release), held()));
    navigator.locks.request(name, { signal: left.signal }, hold).catch(() => {}); // left before its turn came
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
      this.#close();
      if (!this.#held.size) return;
      this.#heard();
      this.#connection = this.#polls ? this.#poll() : this.#stream();
    }, ms);
  }

  #close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#connection?.close();
    this.#connection = null;
  }

  #heard() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#open(0), SILENCE_MS);
  }

  #retry() {
    this.#polls = this.#onlyPolls; // it was the service that was away, not the network that holds streams back
    this.#open(backoff(++this.#attempt));
  }

  /** Signed out, or a room is closed to us: nothing to come back for, until we are back, or a room is left or entered. */
  #refused() {
    this.#close();
    identity.check();
  }

  #stream() {
    const source = new EventSource(this.#address());
    const first = setTimeout(() => {
      this.#polls = true;
      this.#open(0);
    }, FIRST_MS);
    source.addEventListener("stream-open", () => {
      clearTimeout(first);
      this.#attempt = 0;
      this.#heard();
    });
    source.addEventListener("keep-alive", () => this.#heard());
    source.addEventListener("stream-error", () => this.#refused());
    // An end is the usual thing, and the browser comes back by itself. It gives up at an error status.
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(first);
      this.#retry();
    };
    const close = () => {
      clearTimeout(first);
      source.close();
    };
    return { close };
  }

  #poll() {
    const given = new AbortController();
    const ask = async () => {
      for (;;) {
        const answer = await fetch(this.#address(), { headers: { Accept: "application/json" }, signal: given.signal });
        if (answer.status >= 500) throw new Error(`status ${answer.status}`);
        if (!answer.ok) return this.#refused();
        await answer.text();
        this.#attempt = 0;
        this.#heard();
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
const page = document.querySelector("[data-chat][data-present][data-room]");
if (page) new Presence({ polls: page.dataset.transport === "long-poll" }).enter(page.dataset.room);
