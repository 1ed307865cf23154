import { createActions } from "./actions.js";
import { createComposer, moveDraft } from "./composer.js";
import { createHere } from "./here.js";
import { createHistory } from "./history.js";
import { me } from "./identity.js";
import { Log } from "./log.js";
import { whatBecameOf } from "./moved.js";
import { Outbox } from "./outbox.js";
import { createOwn } from "./own.js";
import { atEnd, createJump, toEnd } from "./scroll.js";

const ARCHIVED = "This room is archived: it can be read, but nobody posts in it.";
const LINES = { enter: [4, "came in"], leave: [5, "left"] };

/** One room on the page: its header, its log and its form. */
export class Room {
  #section;
  #log;
  #outbox;
  #composer;
  #jump;
  #scroller;
  #here;
  #onMessage;
  #onTitle;
  #onClose;
  #onMoved;

  /**
   * @param {HTMLElement} section with data-room and data-token, as the server made it
   * @param {object} page
   * @param {string} page.user the name under which the reader writes
   * @param {number} page.textMax
   * @param {number} page.editMinutes
   * @param {boolean} page.focus whether to begin in this room's form
   * @param {(room: Room) => void} page.onMessage told of each message that arrives
   * @param {(room: Room) => void} page.onTitle told of a new title
   * @param {(room: Room) => void} [page.onClose] told that the room can't be read any more
   * @param {(room: Room, name: string) => void} page.onMoved told its owner's page under which name it goes on
   */
  constructor(section, { user, textMax, editMinutes, focus, onMessage, onTitle, onClose = () => {}, onMoved }) {
    const { room, roomTitle, token, moderator, archived } = section.dataset;
    const base = `/rooms/${encodeURIComponent(room)}/`;
    this.#section = section;
    Object.assign(this, { name: room, token, title: roomTitle });
    this.#onMessage = onMessage;
    this.#onTitle = onTitle;
    this.#onClose = onClose;
    this.#onMoved = onMoved;
    this.#scroller = this.#part("log");
    const offer = createActions(this.#scroller, {
      ...{ base, me, editMinutes, isModerator: moderator !== undefined },
      change: (message) => this.#change(message),
    });
    const own = createOwn(`${base}messages/`);
    this.#log = new Log(this.#scroller, own, offer);
    this.#jump = createJump(this.#scroller, this.#part("jump"));
    const onForeign = (message) => this.#arrived(message);
    this.#outbox = new Outbox(`${base}messages/`, { name: user, own, log: this.#log, onForeign });
    this.#composer = createComposer(this.#part("composer"), textMax, (...words) => this.#send(...words), focus);
    createHistory(this.#part("older"), this.#scroller, `${base}messages/`, this.#log);
    const here = this.#part("here");
    if (here) this.#here = createHere(here, `${base}people/`);
    if (archived !== undefined) this.#composer.close(ARCHIVED);
  }

  /** The name as events know it. */
  get key() {
    return this.name.toLowerCase();
  }

  /** The room's part of the page. */
  get section() {
    return this.#section;
  }

  /**
   * Shows what happened.
   * @param {{type: string, data: any}} event
   */
  take({ type, data }) {
    if (type === "message") this.#arrived(data);
    else if (type === "message-edited") this.#change(data);
    else if (type === "message-deleted") this.#change({ id: data.id, deleted: true });
    else if (type === "room-changed") this.#changed(data);
    else if (type === "presence") this.#here?.changed(data.count);
    else if (type in LINES) this.#log.addNotice({ from: data.name, type: LINES[type][0], text: LINES[type][1] });
  }

  /**
   * Says that the room can't be read any more. What was read stays; nothing more comes, and nothing can be written.
   * @param {string} words why
   */
  close(words) {
    this.#composer.close(`You can't read this room any more. ${words}`);
    this.#section.dataset.lost = "";
    this.#here?.close();
    this.#onClose(this);
    this.#lookFurther();
  }

  async #lookFurther() {
    const found = await whatBecameOf(this.name, this.title, me !== "");
    if (!found) return;
    if (found.room) moveDraft(this.name, found.room);
    this.#composer.close(found.words, found);
    if (found.isOwner) this.#onMoved(this, found.room);
  }

  /** The reader left: nothing asks about the room any more. */
  leave() {
    this.#here?.close();
  }

  #arrived(message) {
    const reading = !atEnd(this.#scroller);
    if (this.#log.has(message.id) || this.#outbox.meet(message) || !this.#log.add(message)) return;
    this.#onMessage(this);
    if (reading) this.#jump();
    else if (this.#log.trim()) this.#part("older").hidden = false;
  }

  #change(message) {
    if (message.deleted) this.#outbox.forget(message.id);
    this.#log.change(message);
  }

  #changed({ title, topic, visibility, archived }) {
    this.title = title;
    this.#part("title").textContent = title;
    this.#part("topic").textContent = topic;
    this.#part("topic").hidden = !topic;
    this.#section.dataset.visibility = visibility;
    if (archived) this.#composer.close(ARCHIVED);
    else this.#composer.open();
    this.#onTitle(this);
  }

  #send(text, type) {
    this.#outbox.send(text, type);
    toEnd(this.#scroller);
  }

  #part(name) {
    return this.#section.querySelector(`[data-${name}]`);
  }
}
