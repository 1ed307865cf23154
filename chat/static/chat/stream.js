import { backoff, between } from "./backoff.js";
import { watchNetwork } from "./network.js";
import { Positions } from "./positions.js";
import { stopwatch } from "./stopwatch.js";
import { channelsOf } from "./wire.js";
export { eventsUrl } from "./wire.js";

/** The service says something every 20 s at least: silence for longer than two of these means a dead connection. */
const SILENCE_MS = 50_000;
/** How long an attempt may take until something comes: in its first moments Pushpin can lose a request. */
const CONNECT_MS = 10_000;
/** A connection that ended sooner than this counts as a failure, so that a server that hangs up at once isn't hammered. */
const STEADY_MS = 10_000;

/** The events of rooms, by any transport: resumes where it was, delivers each logged event once and in order. */
export class Stream {
  #request;
  #connect;
  #onEvent;
  #onStatus;
  #connection = null;
  #attempt = 0;
  #steady = false;
  #sinceHeard = () => Infinity;
  #missing = [];
  #repaired = [];
  #listening = null;
  #timers = { retry: 0, silence: 0, steady: 0, repair: 0 };

  /**
   * @param {object} options
   * @param {string} options.url the events endpoint, see eventsUrl
   * @param {Connect} options.connect of a module in transports/ (its type is in transports/sink.js)
   * @param {string} [options.bearer] a token of an account, for pages of other sites
   * @param {(event: {type: string, id: string, data: any}) => void} options.onEvent logged events; `stream-reset` with
   *   `data.channels`: load their history again; and, with an empty id, `enter`, `leave` and `presence` as they
   *   happen
   * @param {(status: {state: string, ms?: number, text?: string}) => void} [options.onStatus] see docs/javascript.md
   */
  constructor({ url, connect, bearer, onEvent, onStatus = () => {} }) {
    this.#request = { bearer, ...aim(url) };
    this.#connect = connect;
    this.#onEvent = onEvent;
    this.#onStatus = onStatus;
  }

  /** The position now: a start from here, by any transport, misses nothing. */
  get token() {
    return this.#request.positions.token;
  }

  /**
   * Follows the rooms from a resume token on.
   * @param {string} [token] `last-event-id` of a history, taken before it was shown; without it from now on
   */
  start(token = "") {
    this.stop();
    this.#request.positions.start(token);
    this.#listening = new AbortController();
    watchNetwork(this.#listening.signal, {
      changed: (isOnline) => this.#networkChanged(...(isOnline ? [0, 500] : [500, 1000])),
      looked: () => this.#looked(),
      left: () => this.#close(),
      returned: () => this.#open(),
    });
    this.#open();
  }

  /**
   * Follows other rooms, on a new connection: those it followed go on where they are.
   * @param {string} url see eventsUrl
   * @param {string} [token] where to start in rooms that are new; without one from now on
   */
  move(url, token = "") {
    const from = [this.#request.positions.full, token].filter(Boolean).join(",");
    this.stop();
    Object.assign(this.#request, aim(url));
    this.start(from);
  }

  /** Ends for good, until the next start. */
  stop() {
    this.#listening?.abort();
    this.#listening = null;
    this.#close();
  }

  #open() {
    this.#close();
    this.#tell({ state: "connecting" });
    const current = {};
    // What a connection says after it was given up is not heard.
    const say = (handle) => (...words) => this.#connection?.of === current && handle(...words);
    const alive = (handle) => say((...words) => (this.#alive(), say(handle)(...words)));
    const connection = this.#connect(this.#request, {
      heard: alive(() => {}),
      opened: alive((token) => this.#request.positions.learn(token)),
      event: alive((event) => this.#event(event)),
      newest: alive((id) => this.#newest(id)),
      aside: alive(({ type, data }) => data && this.#deliver({ type, id: "", data })),
      reset: alive((channels, token) => this.#reset(channels, token)),
      refused: say((problem) => this.#refused(problem)),
      ended: say(() => this.#ended()),
    });
    this.#connection = { of: current, ...connection };
    this.#watch(CONNECT_MS);
  }

  #close() {
    const connection = this.#connection;
    this.#connection = null;
    this.#steady = false;
    this.#missing = [];
    for (const name of Object.keys(this.#timers)) this.#clear(name);
    connection?.close();
  }

  #event(event) {
    const { positions } = this.#request;
    const { sync, of } = this.#connection;
    for (const ready of sync ? positions.takeInOrder(event) : positions.take(event)) {
      this.#deliver(ready);
      if (this.#connection?.of !== of) return; // stopped by the handler: the token names what it was given, and no more
    }
    if (sync && positions.hasHole) sync();
  }

  /** A handler that fails must not lose the events after this one. */
  #deliver(event) {
    try {
      this.#onEvent(event);
    } catch (error) {
      reportError(error);
    }
  }

  /** A room's newest id, from beside the log. When it is ahead of ours, something was lost on the way. */
  #newest(id) {
    const { positions } = this.#request;
    if (!positions.isBehind(id) || this.#repaired.includes(id)) return;
    this.#missing.push(id);
    this.#timers.repair ||= setTimeout(() => this.#repair(), between(100, 1000));
  }

  /** What one room lacked can have come meanwhile, and what another lacks not. */
  #repair() {
    this.#timers.repair = 0;
    const { positions } = this.#request;
    const missing = this.#missing.filter((id) => positions.isBehind(id));
    this.#missing = [];
    if (!missing.length) return;
    this.#repaired = missing;
    if (this.#connection.sync) this.#connection.sync();
    else this.#open();
  }

  #reset(channels, token) {
    this.#request.positions.reset(channels, token);
    this.#deliver({ type: "stream-reset", id: token, data: { channels } });
  }

  #refused(problem) {
    if (!problem?.status || problem.status === 429 || problem.status >= 500) return this.#retry();
    this.stop();
    this.#onStatus({ state: "stopped", text: problem.text || problem.detail || "The room can't be followed." });
  }

  #alive() {
    this.#sinceHeard = stopwatch();
    this.#watch(SILENCE_MS);
    this.#timers.steady ||= setTimeout(() => {
      this.#steady = true;
      this.#attempt = 0;
    }, STEADY_MS);
    this.#onStatus({ state: "online" });
  }

  #watch(ms) {
    this.#clear("silence");
    this.#timers.silence = setTimeout(() => this.#retry(), ms);
  }

  /** A connection that was good comes back soon and without a word, as an EventSource does. */
  #ended() {
    if (!this.#steady) return this.#retry();
    this.#close();
    this.#tell({ state: "connecting" });
    this.#timers.retry = setTimeout(() => this.#open(), between(1000, 3000));
  }

  #retry() {
    const ms = backoff(++this.#attempt);
    this.#close();
    this.#tell({ state: "waiting", ms });
    this.#timers.retry = setTimeout(() => this.#open(), ms);
  }

  #tell(status) {
    this.#onStatus(navigator.onLine === false ? { state: "offline" } : status);
  }

  /**
   * A connection that outlived a change of network may be dead without knowing it: only a new one tells. Also when the
   * browser believes itself offline, since a server on this machine is still there.
   */
  #networkChanged(low, high) {
    this.#attempt = 0;
    this.#close();
    this.#tell({ state: "connecting" });
    this.#timers.retry = setTimeout(() => this.#open(), between(low, high));
  }

  /** Timers sleep while a page is hidden, so look again as soon as somebody does. */
  #looked() {
    if (this.#timers.retry || this.#sinceHeard() > SILENCE_MS) this.#open();
  }

  #clear(name) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = 0;
  }
}

function aim(url) {
  const address = new URL(url, globalThis.location?.href);
  return { url: address, positions: new Positions(channelsOf(address)) };
}
