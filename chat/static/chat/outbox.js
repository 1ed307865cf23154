import { serviceTime } from "./clock.js";
import { deliver, newKey } from "./deliver.js";
import { actingAs, identity, me } from "./identity.js";

/** Refusals of a post that is not the reader's any more, since they were signed out. */
const AWAY = ["USER_HAS_TO_LOGIN", "PERSON_CHANGED"];

/** The reader's messages on their way: sent one after another, so that they arrive in the order they were written. */
export class Outbox {
  #url;
  #name;
  #own;
  #log;
  #giveBack;
  #onForeign;
  #storageKey;
  #entries = [];
  #alike = [];
  #busy = false;

  /**
   * @param {string} url where messages are posted
   * @param {object} options
   * @param {string} options.name the reader's name
   * @param {object} options.own which messages are the reader's own, see createOwn
   * @param {object} options.log the Log on the page
   * @param {(message: object) => void} [options.onForeign] takes a message that looked like one of these and is none
   * @param {(text: string, words: string) => void} [options.giveBack] takes what nobody is left to read, and why
   */
  constructor(url, { name, own, log, onForeign, giveBack }) {
    this.#url = url;
    this.#name = name;
    this.#own = own;
    this.#log = log;
    this.#onForeign = onForeign;
    this.#giveBack = giveBack;
    this.#storageKey = `corkboard outbox ${url} ${me || `${actingAs} ${name}`}`;
    for (const { key, text, type, date } of this.#stored()) this.#enter({ key, text, type, date });
    this.#work();
  }

  /**
   * Sends a message.
   * @param {string} text
   * @param {string} [type] of the message: a moderator's can be another than "0"
   */
  send(text, type = "0") {
    this.#enter({ key: newKey(), text, type, date: serviceTime().toISOString() });
    this.#work();
  }

  /**
   * Meets a message from the stream. Often it is here before the answer to its post: the stored one takes its place.
   * A visitor's has no author, so who posted it is known when the answer comes, a moment later.
   * @param {object} message
   * @returns {boolean} whether it was one of these, or may be
   */
  meet(message) {
    const entry = this.#entries.find((one) => one.element && !one.failed && same(one.text, message.text));
    if (!entry) return false;
    if (!me) return this.#wait(entry, message);
    if (!this.#own.has(message)) return false;
    this.#log.settle(entry.element, message);
    entry.delivery.remove();
    entry.element = null;
    entry.id = message.id;
    return true;
  }

  #wait(entry, message) {
    if (message.author || message.from !== this.#name || !entry.isOnWay) return false;
    this.#alike.push(message);
    return true;
  }

  /** The answer is here, or does not come for a while: what looked like this message shows now whose it is. */
  #arrived(entry) {
    entry.isOnWay = false;
    for (const message of this.#alike.splice(0)) this.#onForeign(message);
  }

  /**
   * Forgets a message that was stored, whatever the answer to its post will be: it was deleted.
   * @param {number} id
   */
  forget(id) {
    const entry = this.#entries.find((one) => one.id === id);
    if (entry) this.#leave(entry, null);
  }

  /** Gives back what failed: it would stay in a log that is over. */
  giveUp() {
    this.#return(this.#entries.filter((entry) => entry.failed), "");
  }

  #return(entries, words) {
    if (!entries.length) return;
    for (const entry of entries) this.#leave(entry, null);
    this.#giveBack(entries.map(({ text }) => text).join("\n"), words);
  }

  #enter(entry) {
    this.#entries.push(entry);
    this.#store();
    this.#show(entry);
  }

  #show(entry) {
    const { text, type, date } = entry;
    entry.element = this.#log.addPending({ from: this.#name, author: this.#own.id, text, type, date });
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
    const message = { key: entry.key, from: this.#name, text: entry.text, type: entry.type };
    const onWait = (words) => {
      say(entry, "waiting", words);
      this.#arrived(entry);
    };
    entry.isOnWay = true;
    say(entry, "sending", "Sending…");
    try {
      const stored = await deliver(this.#url, message, onWait);
      this.#own.posted(stored.id);
      this.#leave(entry, stored);
    } catch (error) {
      if (AWAY.includes(error.code) && (await identity.check())) return this.#stay(entry);
      if (!this.#entries.includes(entry)) return; // forgotten meanwhile
      // It was stored before, and changed since: the log has it as it is now.
      if (error.code === "IDEMPOTENCY_KEY_REUSED") return this.#leave(entry, null);
      if (error.code === "PARTNER_MISSING" && this.#giveBack) return this.#return([...this.#entries], error.message);
      entry.failed = true;
      if (!entry.element) this.#show(entry);
      say(entry, "failed", `Not sent. ${error.message}`);
    } finally {
      this.#arrived(entry);
    }
    return undefined;
  }

  /** What was written stays the reader's, and is sent when they are back. */
  #stay(entry) {
    if (!entry.element) this.#show(entry);
    say(entry, "away", identity.other ? "Not sent: somebody else is signed in here now." : "Not sent: you are signed out.");
    return identity.back();
  }

  #retry(entry) {
    entry.failed = false;
    say(entry, "sending", "Sending…");
    this.#work();
  }

  #leave(entry, message) {
    this.#entries = this.#entries.filter((one) => one !== entry);
    this.#store();
    if (!entry.element) return;
    entry.delivery.remove();
    if (message) this.#log.settle(entry.element, message);
    else this.#log.drop(entry.element);
  }

  /** Kept over a reload, with their keys: what was stored already is not stored again. */
  #store() {
    const plain = this.#entries.map(({ key, text, type, date }) => ({ key, text, type, date }));
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
  entry.delivery.querySelector("[data-retry]").hidden = state !== "failed";
  entry.delivery.querySelector("[data-discard]").hidden = state !== "failed" && state !== "away";
}

function same(mine, stored) {
  return mine.trim() === stored.trim();
}
