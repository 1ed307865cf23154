import { backoff, between } from "./backoff.js";
import { parse, positionOf } from "./wire.js";

/** The service sends keep-alive every 20 s: silence for longer than two of them means the connection is dead. */
const SILENCE_MS = 50_000;
/** How long an attempt may take until its first event: in its first moments Pushpin can lose a request. */
const CONNECT_MS = 10_000;
/** A stream that ended sooner than this counts as a failure, so that a server that hangs up at once isn't hammered. */
const STEADY_MS = 10_000;
/** Events that have a position in the room's log. Those a page has no use for still move its position. */
const LOGGED = ["message", "message-edited", "message-deleted", "reaction", "room-changed"];

/**
 * @typedef {object} Status
 * @property {"connecting"|"online"|"waiting"|"offline"|"stopped"} state
 * @property {number} [until] with "waiting": when the next attempt starts, in ms since the epoch
 * @property {string} [text] with "stopped": the reason in words
 */

/** One room's events: resumes where it was, delivers each logged event once and in order. */
export class Stream {
  #url;
  #onEvent;
  #onStatus;
  #source = null;
  #token = "";
  #position = NaN;
  #attempt = 0;
  #steady = false;
  #heard = 0;
  #repaired = 0;
  #stopped = true;
  #timers = { retry: 0, silence: 0, steady: 0, repair: 0 };

  /**
   * @param {string} url the events endpoint
   * @param {(event: {type: string, position: number, data: any}) => void} onEvent logged events and `stream-reset`
   * @param {(status: Status) => void} onStatus
   */
  constructor(url, onEvent, onStatus) {
    this.#url = url;
    this.#onEvent = onEvent;
    this.#onStatus = onStatus;
    window.addEventListener("online", () => this.#networkChanged(0, 500));
    window.addEventListener("offline", () => this.#networkChanged(500, 1000));
    document.addEventListener("visibilitychange", () => this.#looked());
    window.addEventListener("pagehide", () => this.#close());
    window.addEventListener("pageshow", (event) => event.persisted && !this.#stopped && this.#connect());
  }

  /**
   * Follows the room from a resume token on.
   * @param {string} token `room-<name>:<n>`, taken before the history that the page shows
   */
  start(token) {
    this.#token = token;
    this.#position = positionOf(token);
    this.#stopped = false;
    this.#connect();
  }

  /** Ends for good, until the next start. */
  stop() {
    this.#stopped = true;
    this.#close();
  }

  #connect() {
    this.#close();
    this.#tell({ state: "connecting" });
    const source = new EventSource(`${this.#url}?lastEventId=${encodeURIComponent(this.#token)}`);
    const on = (type, handle) =>
      source.addEventListener(type, (event) => {
        if (source !== this.#source) return;
        this.#alive();
        handle(event);
      });
    for (const type of LOGGED) on(type, (event) => this.#logged(event));
    on("stream-open", (event) => Number.isNaN(this.#position) && this.#moveTo(event.lastEventId));
    on("keep-alive", () => {});
    on("newest", (event) => this.#newest(event));
    on("stream-reset", () => this.#reset());
    on("stream-error", (event) => this.#refused(event));
    source.onerror = () => source === this.#source && this.#failed();
    this.#source = source;
    this.#watch(CONNECT_MS);
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    this.#steady = false;
    for (const name of Object.keys(this.#timers)) this.#clear(name);
  }

  #logged(event) {
    const position = positionOf(event.lastEventId);
    if (position <= this.#position) return;
    const data = parse(event.data);
    this.#moveTo(event.lastEventId);
    if (data) this.#onEvent({ type: event.type, position, data });
  }

  #moveTo(id) {
    this.#token = id;
    this.#position = positionOf(id);
  }

  /** The room's newest position, from beside the log. When it is ahead of ours, something was lost on the way. */
  #newest(event) {
    const target = positionOf(parse(event.data)?.id ?? "");
    if (!(target > this.#position) || target <= this.#repaired || this.#timers.repair) return;
    const repair = () => {
      this.#timers.repair = 0;
      if (this.#position >= target) return;
      this.#repaired = target;
      this.#connect();
    };
    this.#timers.repair = setTimeout(repair, between(100, 1000));
  }

  #reset() {
    this.stop();
    this.#onEvent({ type: "stream-reset", position: NaN, data: null });
  }

  #refused(event) {
    const problem = parse(event.data);
    if (problem?.status === 429 || problem?.status >= 500) return this.#retry();
    this.stop();
    this.#onStatus({ state: "stopped", text: problem?.text || "The room can't be followed." });
  }

  #alive() {
    this.#heard = Date.now();
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

  /** EventSource resumes a stream that merely ended by itself; it is replaced when it gave up or ends again and again. */
  #failed() {
    if (this.#source.readyState !== EventSource.CONNECTING || !this.#steady) return this.#retry();
    this.#steady = false;
    this.#clear("steady");
    this.#tell({ state: "connecting" });
    this.#watch(CONNECT_MS);
  }

  #retry() {
    const ms = backoff(++this.#attempt);
    this.#close();
    this.#tell({ state: "waiting", until: Date.now() + ms });
    this.#timers.retry = setTimeout(() => this.#connect(), ms);
  }

  #tell(status) {
    this.#onStatus(navigator.onLine ? status : { state: "offline" });
  }

  /**
   * A connection that outlived a change of network may be dead without knowing it: only a new one tells. Also when the
   * browser believes itself offline, since a server on this machine is still there.
   */
  #networkChanged(low, high) {
    if (this.#stopped) return;
    this.#attempt = 0;
    this.#close();
    if (!navigator.onLine) this.#onStatus({ state: "offline" });
    this.#timers.retry = setTimeout(() => this.#connect(), between(low, high));
  }

  /** Timers sleep while a page is hidden, so look again as soon as somebody does. */
  #looked() {
    if (this.#stopped || document.hidden) return;
    if (this.#timers.retry || Date.now() - this.#heard > SILENCE_MS) this.#connect();
  }

  #clear(name) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = 0;
  }
}
