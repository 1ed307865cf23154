import { positionsOf } from "./wire.js";

/** Events that wait behind a hole. Above that they are left to the log, which has them all. */
const HELD_MAX = 1000;

/** What a client has of each room: the number of its newest event; and what came too early. */
export class Positions {
  #channels;
  #newest = new Map();
  #held = new Map();
  #checksum = "";

  /**
   * @param {string[]} channels of the stream, in the order in which the service counts them
   */
  constructor(channels) {
    this.#channels = channels;
  }

  /** The position of the whole stream as a token, "" when none is known: what a request names to go on. */
  get token() {
    if (!this.#checksum) return this.full;
    return `@${this.#checksum}.${this.#channels.map((channel) => this.#newest.get(channel)).join(".")}`;
  }

  /** The same with every room named: the token that is good for any set of rooms. */
  get full() {
    return [...this.#newest].map(([channel, position]) => `${channel}:${position}`).join(",");
  }

  /** Whether something waits behind a hole. */
  get hasHole() {
    return [...this.#held.values()].some((held) => held.size);
  }

  /**
   * Starts anew from a token.
   * @param {string} token
   */
  start(token) {
    this.#newest.clear();
    this.#held.clear();
    this.#checksum = "";
    this.learn(token);
  }

  /**
   * Takes the positions of rooms that have none yet: where a stream started that was asked for no position.
   * @param {string} token
   */
  learn(token) {
    for (const [channel, position] of this.#read(token)) {
      if (!this.#newest.has(channel)) this.#newest.set(channel, position);
    }
  }

  /**
   * Goes on elsewhere in rooms that were reset.
   * @param {string[]} channels
   * @param {string} token
   */
  reset(channels, token) {
    const wanted = new Set(channels.map((channel) => channel.toLowerCase()));
    for (const [channel, position] of this.#read(token)) {
      if (!wanted.has(channel)) continue;
      this.#newest.set(channel, position);
      this.#held.delete(channel);
    }
  }

  /**
   * Takes an event from a transport without holes.
   * @param {{id: string}} event
   * @returns {object[]} the event, or nothing when it was there before
   */
  take(event) {
    const all = this.#read(event.id);
    const isNew = all.length > 0 && !(all[0][1] <= this.#newest.get(all[0][0]));
    for (const [channel, position] of all) {
      if (!(position <= this.#newest.get(channel))) this.#newest.set(channel, position);
    }
    return isNew ? [event] : [];
  }

  /**
   * Takes an event from a transport that can lose some: what lies behind a hole is held back until the hole is filled.
   * @param {{id: string}} event
   * @returns {Iterable<object>} what can be delivered now, in order; each counts when it is taken
   */
  *takeInOrder(event) {
    const [[channel, position] = []] = this.#read(event.id);
    if (!channel || position <= this.#newest.get(channel)) return;
    const held = this.#held.get(channel) ?? new Map();
    this.#held.set(channel, held);
    if (held.size < HELD_MAX || position === this.#newest.get(channel) + 1) held.set(position, event);
    for (let next = (this.#newest.get(channel) ?? position - 1) + 1; held.has(next); next += 1) {
      const ready = held.get(next);
      held.delete(next);
      this.#newest.set(channel, next);
      yield ready;
    }
  }

  /**
   * Whether an id names a position that is still missing here.
   * @param {string} id
   * @returns {boolean}
   */
  isBehind(id) {
    return this.#read(id).some(([channel, position]) => position > this.#newest.get(channel));
  }

  #read(token) {
    const short = /@(\w+)\.([\d.]+)$/.exec(token);
    if (short?.[2].split(".").length === this.#channels.length) this.#checksum = short[1];
    return positionsOf(token, this.#channels);
  }
}
