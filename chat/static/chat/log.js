import { notBefore, serviceTime } from "./clock.js";
import { createDay, createMessage, dateOf, dress, identify, setOwn, showBody } from "./message.js";
import { keepPlace } from "./scroll.js";

/** One author's messages within five minutes are shown as one. */
const TOGETHER_MS = 5 * 60_000;
/** A page left open for days keeps only so many; the earlier ones can be loaded again. */
const SHOWN_MAX = 1000;
/** So many changes of messages that are not on the page are kept, for when a history on its way shows them as they were. */
const UNSEEN_MAX = 200;
const NOTICES_MAX = 50;
/** What people do. */
const PEOPLE = 3;

/** The messages on the page: each once, ordered by id, those on their way at the end. */
export class Log {
  #scroller;
  #list;
  #empty;
  #own;
  #offer;
  #shown = new Map();
  #unseen = new Map();
  #lastId = 0;

  /**
   * @param {HTMLElement} scroller the log, with the server's messages in its list
   * @param {{has: (message: object) => boolean}} own which messages are the reader's own
   * @param {(element: HTMLElement) => void} offer told of each stored message that is new on the page, or changed
   */
  constructor(scroller, own, offer) {
    this.#scroller = scroller;
    this.#list = scroller.querySelector("[data-messages]");
    this.#empty = scroller.querySelector("[data-empty]");
    this.#own = own;
    this.#offer = offer;
    for (const element of this.#list.querySelectorAll(".message")) {
      const id = Number(element.dataset.id);
      setOwn(element, own.has({ id, author: element.dataset.author }));
      this.#keep(id, dress(element));
    }
    this.#arrange();
  }

  /** The smallest id on the page, or undefined. */
  get firstId() {
    const first = this.#list.querySelector(".message:not([data-state], [data-notice])");
    return first ? Number(first.dataset.id) : undefined;
  }

  /**
   * @param {number} id
   * @returns {boolean} whether the message is on the page
   */
  has(id) {
    return this.#shown.has(id);
  }

  /**
   * Adds one message, where its id belongs.
   * @param {object} message
   * @returns {boolean} false when it was there already
   */
  add(message) {
    if (this.has(message.id)) return false;
    notBefore(message.date);
    keepPlace(this.#scroller, () => this.#place(createMessage(message, this.#own.has(message)), message.id));
    return true;
  }

  /**
   * Shows a message as it is now: edited, or deleted.
   * @param {{id: number, text?: string, edited?: string, deleted?: boolean}} message
   */
  change(message) {
    const element = this.#shown.get(message.id);
    if (element) {
      keepPlace(this.#scroller, () => showBody(element, message));
      this.#offer(element);
      return;
    }
    this.#unseen.set(message.id, message);
    if (this.#unseen.size > UNSEEN_MAX) this.#unseen.delete(this.#unseen.keys().next().value);
  }

  /**
   * Says in a quiet line what is not kept: that somebody came or went.
   * @param {object} message without an id
   */
  addNotice(message) {
    const element = createMessage({ ...message, id: this.#lastId, date: serviceTime().toISOString() }, false);
    element.dataset.notice = "";
    keepPlace(this.#scroller, () => {
      this.#insert(element, this.#lastId);
      const notices = this.#list.querySelectorAll("[data-notice]");
      const many = notices.length > NOTICES_MAX;
      if (many) notices[0].remove();
      this.#arrange(many ? undefined : element);
    });
  }

  /**
   * Adds earlier messages, without reading them out.
   * @param {object[]} messages
   */
  addEarlier(messages) {
    const fresh = messages.filter((message) => !this.has(message.id)).sort((a, b) => a.id - b.id);
    this.#scroller.setAttribute("aria-live", "off");
    keepPlace(this.#scroller, () => {
      const elements = fresh.map((message) => createMessage({ ...message, ...this.#unseen.get(message.id) }, this.#own.has(message)));
      fresh.forEach((message, index) => this.#keep(message.id, elements[index]));
      this.#list.prepend(...elements);
      this.#arrange();
    });
    setTimeout(() => this.#scroller.setAttribute("aria-live", "polite"), 500);
  }

  /**
   * Shows a message that is on its way, after all others.
   * @param {object} message without an id
   * @returns {HTMLElement}
   */
  addPending(message) {
    const element = createMessage({ id: "", ...message }, true);
    element.dataset.state = "sending";
    this.#list.append(element);
    this.#arrange(element);
    return element;
  }

  /**
   * Turns a message on its way into the stored one, in place, so that it isn't read out twice. It is the reader's own,
   * even if the page took it for somebody else's when it came.
   * @param {HTMLElement} element from addPending
   * @param {object} message
   */
  settle(element, message) {
    if (this.has(message.id)) {
      setOwn(this.#shown.get(message.id), true);
      return this.drop(element);
    }
    delete element.dataset.state;
    identify(element, message);
    keepPlace(this.#scroller, () => this.#place(element, message.id));
  }

  /**
   * Takes a message on its way off the page.
   * @param {HTMLElement} element from addPending
   */
  drop(element) {
    element.remove();
    this.#arrange();
  }

  /** Forgets the earliest messages of a very long page. Returns whether it did. */
  trim() {
    const surplus = this.#shown.size - SHOWN_MAX;
    if (surplus < SHOWN_MAX / 10) return false;
    const ids = [...this.#shown.keys()].sort((a, b) => a - b).slice(0, surplus);
    for (const id of ids) {
      this.#shown.get(id).remove();
      this.#shown.delete(id);
    }
    for (const notice of this.#list.querySelectorAll("[data-notice]")) {
      if (Number(notice.dataset.id) <= ids.at(-1)) notice.remove();
    }
    this.#arrange();
    return true;
  }

  #place(element, id) {
    const moved = this.#insert(element, id);
    this.#keep(id, element);
    this.#arrange(moved ? undefined : element);
  }

  #keep(id, element) {
    this.#shown.set(id, element);
    this.#lastId = Math.max(this.#lastId, id);
    this.#offer(element);
  }

  /** Puts an element where its id belongs, before what is on its way. Returns whether it was elsewhere before. */
  #insert(element, id) {
    let before = null;
    let other = this.#list.lastElementChild;
    for (; other; other = other.previousElementSibling) {
      if (other === element || other.matches(".day")) continue;
      if (!other.dataset.state && Number(other.dataset.id) <= id) break;
      before = other;
    }
    const moved = element.isConnected && nextMessage(element) !== before;
    if (moved || !element.isConnected) this.#list.insertBefore(element, before);
    return moved;
  }

  /** Draws the lines between days and joins an author's messages; all of them, or around one element only. */
  #arrange(around) {
    this.#empty.hidden = this.#list.childElementCount > 0;
    const all = around === undefined;
    if (all) for (const day of this.#list.querySelectorAll(".day")) day.remove();
    const elements = all ? [...this.#list.children] : [around, around && nextMessage(around)];
    for (const element of elements) if (element?.isConnected) this.#joinToPrevious(element);
  }

  #joinToPrevious(element) {
    if (element.previousElementSibling?.matches(".day")) element.previousElementSibling.remove();
    const previous = element.previousElementSibling;
    const date = dateOf(element);
    const sameDay = previous && dateOf(previous).toDateString() === date.toDateString();
    if (!sameDay) element.before(createDay(date));
    const together = sameDay && areAlike(previous, element) && date - dateOf(previous) < TOGETHER_MS;
    element.toggleAttribute("data-continued", together && !previous.matches('[data-state="failed"]'));
  }
}

function areAlike(one, other) {
  const type = one.dataset.type;
  return hasOneByline(one, other) && type === other.dataset.type && Number(type) <= PEOPLE;
}

/** Whether one byline is true of both: by the same author, under the same name. Visitors of one name can be two. */
function hasOneByline(one, other) {
  const isOne = one.dataset.author === other.dataset.author && one.hasAttribute("data-own") === other.hasAttribute("data-own");
  return isOne && one.dataset.from === other.dataset.from;
}

function nextMessage(element) {
  const next = element.nextElementSibling;
  return next?.matches(".day") ? next.nextElementSibling : next;
}
