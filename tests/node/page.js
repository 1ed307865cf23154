/**
 * What a browser gives to scripts, for tests that need no browser: a clock that goes when a test says so, a network
 * that answers as told, storage, and a document that can be hidden.
 */

const SCRIPTS = new URL("../../chat/static/chat/", import.meta.url);
const real = { setTimeout, setImmediate };
let fresh = 0;

/**
 * A module of the page.
 * @param {string} name its path below chat/static/chat/
 */
export const load = (name) => import(new URL(name, SCRIPTS).href);

/** The same with its own state, as on a page that was just loaded. */
export const loadFresh = (name) => import(new URL(`${name}?${++fresh}`, SCRIPTS).href);

/** Lets all that waits for a promise go on. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => real.setImmediate(resolve));
}

function set(name, value) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

class Storage {
  #items = new Map();

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    this.#items.set(key, String(value));
  }

  removeItem(key) {
    this.#items.delete(key);
  }
}

/** The Web Locks of a browser, which all its tabs share: each is had by one at a time, in the order they asked. */
class Locks {
  #held = new Set();
  #waiting = [];

  request(name, { signal }, use) {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      this.#waiting.push({ name, signal, use: () => Promise.resolve(use()).then(resolve) });
      this.#give();
    });
  }

  #give() {
    const next = this.#waiting.find(({ name }) => !this.#held.has(name));
    if (!next) return;
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    if (next.signal.aborted) return this.#give();
    this.#held.add(next.name);
    next.use().finally(() => (this.#held.delete(next.name), this.#give()));
  }
}

/** Makes `globalThis` a page of http://chat.test/. Each test has one of its own. */
export class Page {
  now = Date.UTC(2026, 10, 26);
  /** What the page complained of: errors that it did not handle. */
  errors = [];
  #timers = new Map();
  #count = 0;
  #events = new EventTarget();

  constructor() {
    const document = new EventTarget();
    document.hidden = false;
    document.querySelector = () => null;
    this.document = document;
    set("document", document);
    set("window", globalThis);
    set("location", new URL("http://chat.test/default"));
    set("navigator", { onLine: true, locks: new Locks() });
    set("sessionStorage", new Storage());
    set("localStorage", new Storage());
    set("BroadcastChannel", undefined); // Node's keeps a process from ending
    set("addEventListener", this.#events.addEventListener.bind(this.#events));
    set("reportError", (error) => this.errors.push(error));
    set("setTimeout", (work, ms = 0) => this.#wait(work, ms, 0));
    set("setInterval", (work, ms) => this.#wait(work, ms, ms));
    set("clearTimeout", (id) => this.#timers.delete(id));
    set("clearInterval", (id) => this.#timers.delete(id));
    Date.now = () => this.now;
    performance.now = () => this.now;
    Math.random = () => this.random;
  }

  /** What Math.random() answers: 0 for the shortest pauses, close to 1 for the longest. */
  random = 0.5;

  #wait(work, ms, every) {
    this.#count += 1;
    this.#timers.set(this.#count, { at: this.now + Math.max(0, ms), work, every });
    return this.#count;
  }

  /** Lets so many milliseconds pass, timer by timer. */
  async pass(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, one], [, other]) => one.at - other.at);
      if (!next) break;
      const [id, timer] = next;
      this.now = timer.at;
      if (timer.every) timer.at += timer.every;
      else this.#timers.delete(id);
      timer.work();
      await settle();
    }
    this.now = end;
  }

  /** An event of the window: "online", "offline", "pagehide", "pageshow", "storage". */
  async happen(type, fields = {}) {
    if (type === "online" || type === "offline") globalThis.navigator.onLine = type === "online";
    this.#events.dispatchEvent(Object.assign(new Event(type), fields));
    await settle();
  }

  /** The page is hidden, or looked at again. */
  async hide(hidden = true) {
    this.document.hidden = hidden;
    this.document.dispatchEvent(new Event("visibilitychange"));
    await settle();
  }

  /**
   * Lets `fetch` answer by a function, which gets the request and may throw. Aborted requests end as in a browser.
   * @param {(request: {url: string, method: string, headers: Headers, body: any, at: number}) => any} answer a Response,
   *   or a promise of one; one that never comes stands for a server that hangs
   * @returns {object[]} the requests, as they come
   */
  answer(answer) {
    const requests = [];
    set("fetch", (url, { method = "GET", headers = {}, body, signal } = {}) => {
      const request = { url: String(url), method, headers: new Headers(headers), body, signal, at: this.now };
      requests.push(request);
      return new Promise((resolve, reject) => {
        const abort = () => reject(new DOMException("aborted", "AbortError"));
        if (signal?.aborted) return abort();
        signal?.addEventListener("abort", abort);
        return Promise.resolve()
          .then(() => answer(request))
          .then(resolve, reject);
      });
    });
    // Node's own would go by the real clock.
    AbortSignal.timeout = (ms) => {
      const given = new AbortController();
      setTimeout(() => given.abort(), ms);
      return given.signal;
    };
    return requests;
  }
}

/** An answer in JSON. */
export function json(document, status = 200, headers = {}) {
  return new Response(JSON.stringify(document), { status, headers: { "Content-Type": "application/json", ...headers } });
}

/** A promise that is kept when a test says so: `later.resolve(value)`. */
export function later() {
  let resolve;
  const promise = new Promise((keep) => (resolve = keep));
  return { promise, resolve };
}

/** EventSource as a test plays it: `sources` are those that were opened. */
export function playEventSource() {
  const sources = [];
  class Source extends EventTarget {
    static CLOSED = 2;
    readyState = 0;

    constructor(url) {
      super();
      this.url = String(url);
      sources.push(this);
    }

    get isClosed() {
      return this.readyState === Source.CLOSED;
    }

    close() {
      this.readyState = Source.CLOSED;
    }

    say(type, data, id = "") {
      this.dispatchEvent(Object.assign(new Event(type), { data: JSON.stringify(data), lastEventId: id }));
    }

    fail() {
      this.onerror?.(new Event("error"));
    }
  }
  set("EventSource", Source);
  return sources;
}

/** WebSocket likewise: `frames` are what the page has sent. */
export function playWebSocket() {
  const sockets = [];
  class Socket {
    static OPEN = 1;
    readyState = 0;
    frames = [];

    constructor(url) {
      this.url = String(url);
      sockets.push(this);
    }

    send(text) {
      this.frames.push(JSON.parse(text));
    }

    say(frame) {
      this.readyState = Socket.OPEN;
      this.onmessage?.({ data: JSON.stringify(frame) });
    }

    close() {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.();
    }
  }
  set("WebSocket", Socket);
  return sockets;
}

new Page(); // for what modules look at when they are loaded
