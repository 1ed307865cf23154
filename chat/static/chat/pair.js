import { createActions } from "./actions.js";
import { createHistory, hasOlder } from "./history.js";
import { Log } from "./log.js";
import { createOwn } from "./own.js";
import { Outbox } from "./outbox.js";
import { atEnd, createJump, toEnd } from "./scroll.js";

const LEFT = 5;

/** The room of two strangers on the page: its log, and what the reader writes. The form is the page's. */
export class Pair {
  #base;
  #stage;
  #scroller;
  #log;
  #outbox;
  #jump;
  #onMessage;

  /**
   * @param {{room: string, name: string, id: string, partner: string}} pair as the service says it
   * @param {object} page
   * @param {number} page.editMinutes
   * @param {() => void} page.onMessage told of each message that arrives
   * @param {(text: string, words: string) => void} page.giveBack takes what can't be sent any more, and why
   */
  constructor({ room, name, id, partner }, { editMinutes, onMessage, giveBack }) {
    Object.assign(this, { name: room, partner, token: "" });
    this.#base = `/rooms/${encodeURIComponent(room)}/`;
    this.#onMessage = onMessage;
    this.#stage = document.getElementById("stage-template").content.firstElementChild.cloneNode(true);
    this.#scroller = this.#part("log");
    this.#scroller.setAttribute("aria-label", `Messages with ${partner}`);
    const offer = createActions(this.#scroller, {
      ...{ base: this.#base, me: id, editMinutes, isModerator: false },
      change: (message) => this.#change(message),
    });
    const own = createOwn(`${this.#base}messages/`, id);
    this.#log = new Log(this.#scroller, own, offer);
    this.#jump = createJump(this.#scroller, this.#part("jump"));
    this.#outbox = new Outbox(`${this.#base}messages/`, { name, own, log: this.#log, giveBack });
  }

  /** The name as events know it. */
  get key() {
    return this.name.toLowerCase();
  }

  /** The element to put on the page. */
  get stage() {
    return this.#stage;
  }

  /**
   * Reads what was said, with the token that a stream starts from.
   * @returns {Promise<boolean>} false when the room is there no more
   */
  async load() {
    const answer = await fetch(`${this.#base}messages/`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return false;
    const { messages, "last-event-id": token } = await answer.json();
    this.token = token;
    this.#log.addEarlier(messages);
    const older = this.#part("older");
    older.hidden = !hasOlder(answer);
    createHistory(older, this.#scroller, `${this.#base}messages/`, this.#log);
    toEnd(this.#scroller);
    return true;
  }

  /**
   * Shows what happened.
   * @param {{type: string, data: any}} event
   */
  take({ type, data }) {
    if (type === "message") this.#arrived(data);
    else if (type === "message-edited") this.#change(data);
    else if (type === "message-deleted") this.#change({ id: data.id, deleted: true });
  }

  /** The room can't be followed any more: the page hears why in the reader's own room. */
  close() {}

  /**
   * @param {string} text
   */
  send(text) {
    this.#outbox.send(text);
    toEnd(this.#scroller);
  }

  /** Says that the partner left, and gives back what was not sent. */
  end() {
    this.#log.addNotice({ from: this.partner, type: LEFT, text: "left" });
    this.#outbox.giveUp();
  }

  #arrived(message) {
    const reading = !atEnd(this.#scroller);
    if (this.#log.has(message.id) || this.#outbox.meet(message) || !this.#log.add(message)) return;
    this.#onMessage();
    if (reading) this.#jump();
    else if (this.#log.trim()) this.#part("older").hidden = false;
  }

  #change(message) {
    if (message.deleted) this.#outbox.forget(message.id);
    this.#log.change(message);
  }

  #part(name) {
    return this.#stage.querySelector(`[data-${name}]`);
  }
}
