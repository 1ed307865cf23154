import { deliver, newKey } from "./deliver.js";

/** The reader's messages on their way: sent one after another, so that they arrive in the order they were written. */
export class Outbox {
  #url;
  #user;
  #log;
  #storageKey;
  #entries = [];
  #busy = false;

  /**
   * @param {string} url where messages are posted
   * @param {string} user the reader's name
   * @param {object} log the Log on the page
   */
  constructor(url, user, log) {
    this.#url = url;
    this.#user = user;
    this.#log = log;
    this.#storageKey = `corkboard outbox ${url} ${user}`;
    for (const { key, text, date } of this.#stored()) this.#enter({ key, text, date });
    this.#work();
  }

  /**
   * Sends a message.
   * @param {string} text
   */
  send(text) {
    this.#enter({ key: newKey(), text, date: new Date().toISOString() });
    this.#work();
  }

  /**
   * Meets a message from the stream. Often it is here before the answer to its post: the stored one takes its place.
   * @param {object} message
   * @returns {boolean} whether it was one of these
   */
  meet(message) {
    if (message.from !== this.#user) return false;
    const entry = this.#entries.find((one) => one.element && !one.failed && same(one.text, message.text));
    if (!entry) return false;
    this.#log.settle(entry.element, message);
    entry.delivery.remove();
    entry.element = null;
    return true;
  }

  #enter(entry) {
    this.#entries.push(entry);
    this.#store();
    this.#show(entry);
  }

  #show(entry) {
    entry.element = this.#log.addPending({ from: this.#user, text: entry.text, date: entry.date });
    entry.delivery = document.getElementById("delivery-template").content.firstElementChild.cloneNode(true);
    entry.delivery.querySelector("[data-retry]").addEventListener("click", () => this.#retry(entry));
    entry.delivery.querySelector("[data-discard]").addEventListener("click", () => this.#leave(entry, null));
    entry.element.append(entry.delivery);
    say(entry, "sending", "Sending…");
  }

  async #work() {
    if (this.#busy) return;
    this.#busy = true;
    for (let entry; (entry = this.#entries.find((one) => !one.failed)); ) await this.#deliver(entry);
    this.#busy = false;
  }

  async #deliver(entry) {
    const message = { key: entry.key, from: this.#user, text: entry.text };
    try {
      this.#leave(entry, await deliver(this.#url, message, (words) => say(entry, "waiting", words)));
    } catch (error) {
      entry.failed = true;
      if (!entry.element) this.#show(entry);
      say(entry, "failed", `Not sent. ${error.message}`);
    }
  }

  #retry(entry) {
    entry.failed = false;
    say(entry, "sending", "Sending…");
    this.#work();
  }

  #leave(entry, message) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#store();
    if (!entry.element) return;
    entry.delivery.remove();
    if (message) this.#log.settle(entry.element, message);
    else this.#log.drop(entry.element);
  }

  /** Kept over a reload, with their keys: what was stored already is not stored again. */
  #store() {
    const plain = this.#entries.map(({ key, text, date }) => ({ key, text, date }));
    try {
      if (plain.length) sessionStorage.setItem(this.#storageKey, JSON.stringify(plain));
      else sessionStorage.removeItem(this.#storageKey);
    } catch {
      // No storage, or it is full: the message is still on its way.
    }
  }

  #stored() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#storageKey)) ?? [];
    } catch {
      return [];
    }
  }
}

function say(entry, state, words) {
  if (!entry.element) return;
  entry.element.dataset.state = state;
  entry.delivery.querySelector("[data-delivery-text]").textContent = words;
  for (const button of entry.delivery.querySelectorAll("button")) button.hidden = state !== "failed";
}

function same(mine, stored) {
  return mine.trim() === stored.trim();
}
