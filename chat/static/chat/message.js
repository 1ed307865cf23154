import { closeEditor } from "./editor.js";
import { foldLong, unfold } from "./fold.js";
import { showText } from "./links.js";

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SEGMENTS = "Segmenter" in Intl ? new Intl.Segmenter() : null;
const PINS = 8;

/**
 * @typedef {object} Message
 * @property {number} id
 * @property {string} from
 * @property {string|null} [author] the id of who said it, null for a visitor
 * @property {string} date ISO 8601, UTC
 * @property {string} text
 * @property {number} [type]
 * @property {boolean} [verified]
 * @property {boolean} [bot] whether a bot said it
 * @property {string} [edited] when it was edited, ISO 8601
 * @property {boolean} [deleted] then there is no text
 */

/**
 * A message's element, from the page's template.
 * @param {Message} message
 * @param {boolean} isOwn whether it is the reader's own
 * @returns {HTMLElement}
 */
export function createMessage(message, isOwn) {
  const element = document.getElementById("message-template").content.firstElementChild.cloneNode(true);
  element.querySelector("time").dateTime = message.date;
  setOwn(element, isOwn);
  identify(element, message);
  return dress(element, message);
}

/**
 * Marks a message as the reader's own, or not. What one wrote oneself is not translated.
 * @param {HTMLElement} element
 * @param {boolean} isOwn
 */
export function setOwn(element, isOwn) {
  element.toggleAttribute("data-own", isOwn);
  const text = element.querySelector(".text");
  if (isOwn) text.translate = false;
  else text.removeAttribute("translate");
}

/**
 * Marks an element as the message that the service stored.
 * @param {HTMLElement} element
 * @param {Message} message
 */
export function identify(element, message) {
  element.dataset.id = message.id;
  element.dataset.from = message.from;
  element.dataset.author = message.author ?? "";
  element.dataset.type = message.type ?? 0;
  element.dataset.verified = message.verified ?? false;
  element.querySelector(".bot").hidden = !message.bot;
  element.querySelector(".visitor").hidden = message.verified ?? true; // of what is not stored yet nobody knows
  const time = element.querySelector("time");
  if (time.dateTime !== message.date) showTime(time, message.date);
  showName(element);
}

/**
 * Adds what only a script can: the reader's own time zone, links, the author's colour.
 * @param {HTMLElement} element as the template or the server made it
 * @param {{text: string, edited?: string, deleted?: boolean}} [body] of the message; without it what the element shows
 * @returns {HTMLElement} the same
 */
export function dress(element, body = bodyOf(element)) {
  showName(element);
  showBody(element, body);
  const time = element.querySelector("time");
  showTime(time, time.dateTime);
  return element;
}

function showName(element) {
  const name = nameOf(element);
  element.querySelector(".author").textContent = name;
  element.dataset.pin = pinOf(name);
  element.querySelector(".pin").textContent = initialOf(name);
}

/**
 * Shows a message's text as it is now. Of a deleted one nothing stays on the page.
 * @param {HTMLElement} element
 * @param {{text: string, edited?: string, deleted?: boolean}} body
 */
export function showBody(element, { text, edited, deleted }) {
  unfold(element);
  if (deleted) closeEditor(element);
  const shown = element.querySelector(".text");
  element.dataset.text = deleted ? "" : text;
  showText(shown, element.dataset.text);
  shown.hidden = Boolean(deleted);
  element.toggleAttribute("data-deleted", Boolean(deleted));
  element.querySelector(".deleted").hidden = !deleted;
  const mark = element.querySelector(".edited");
  mark.hidden = !edited || Boolean(deleted);
  if (!mark.hidden) showTime(mark.querySelector("time"), edited);
  foldLong(element);
}

/**
 * @param {HTMLElement} element a message
 * @returns {string} as it was written: what is shown may be translated
 */
export function textOf({ dataset }) {
  return dataset.text;
}

function bodyOf(element) {
  const mark = element.querySelector(".edited");
  const edited = mark.hidden ? undefined : mark.querySelector("time").dateTime;
  return { text: textOf(element), edited, deleted: element.hasAttribute("data-deleted") };
}

/**
 * @param {HTMLElement} element a message
 * @returns {string} the name that it was written under, to be shown. Who wrote it is told by data-author
 */
export function nameOf({ dataset }) {
  return dataset.from;
}

/**
 * @param {HTMLElement} element a message
 * @returns {Date}
 */
export function dateOf(element) {
  return new Date(element.querySelector("time").dateTime);
}

/**
 * A line between two days.
 * @param {Date} date
 * @returns {HTMLElement}
 */
export function createDay(date) {
  const element = document.getElementById("day-template").content.firstElementChild.cloneNode(true);
  const time = element.querySelector("time");
  const month = String(date.getMonth() + 1).padStart(2, "0");
  time.dateTime = `${date.getFullYear()}-${month}-${String(date.getDate()).padStart(2, "0")}`;
  time.textContent = DAY.format(date);
  return element;
}

function showTime(time, iso) {
  const date = new Date(iso);
  time.dateTime = iso;
  time.textContent = TIME.format(date);
  time.title = FULL.format(date);
}

function initialOf(name) {
  const first = SEGMENTS ? SEGMENTS.segment(name)[Symbol.iterator]().next().value?.segment : [...name][0];
  return (first ?? "").toLocaleUpperCase();
}

function pinOf(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % PINS;
}
