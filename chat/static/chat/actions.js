import { learnFrom, serviceTime } from "./clock.js";
import { wordsOf } from "./deliver.js";
import { createEditor } from "./editor.js";
import { hasFocus } from "./focus.js";
import { asMe, identity } from "./identity.js";
import { createKept } from "./kept.js";
import { dateOf, nameOf, textOf } from "./message.js";

/** The name of a message, in a sentence: no translator changes it. */
function named(element) {
  const name = document.createElement("bdi");
  name.translate = false;
  name.textContent = nameOf(element);
  return name;
}

/** What people write: lines of the service can't be changed. */
const PEOPLE = 3;
const MUTES = [["10 minutes", 10], ["1 hour", 60], ["1 day", 1440]];

/**
 * What one may do with a message: edit and delete one's own, and, as a moderator, delete any, mute and ban its author.
 * The service decides; the page offers only what has a chance.
 * @param {HTMLElement} scroller the log
 * @param {object} options
 * @param {string} options.base `/rooms/<room>/`
 * @param {string} options.me the reader's id as an author, "" for a visitor, who can change nothing
 * @param {boolean} options.isModerator
 * @param {number} options.editMinutes
 * @param {(message: object) => void} options.change told of the message as it is now
 * @returns {(element: HTMLElement) => void} see Log
 */
export function createActions(scroller, { base, me, isModerator, editMinutes, change }) {
  const isMine = (element) => me !== "" && element.dataset.author === me;
  // The rule of the service, by its clock. A message of its future is of a clock that was set back.
  const isInTime = (element) => Math.abs(serviceTime() - dateOf(element)) < editMinutes * 60_000;
  const idOf = (element) => Number(element.dataset.id);
  const buttonOf = (element) => element.querySelector(".more");

  function offer(element) {
    const isOffered = !element.hasAttribute("data-deleted") && Number(element.dataset.type) <= PEOPLE;
    buttonOf(element).hidden = !isOffered || !(isModerator || isMine(element));
    if (!isOffered) {
      close(element);
      keptOf(element).text = "";
    } else if (isMine(element) && isInTime(element) && keptOf(element).text) goOn(element);
  }

  function choicesOf(element) {
    const isOpen = isMine(element) && isInTime(element);
    return [
      ...(isOpen ? [["Edit", () => edit(element)]] : []),
      ...(isOpen || isModerator ? [["Delete", () => askDelete(element)]] : []),
      ...(isModerator && !isMine(element) ? [["Mute…", () => askMute(element)], ["Ban…", () => askBan(element)]] : []),
    ];
  }

  function open(element) {
    const choices = choicesOf(element);
    show(element, choices.length ? "" : "It is too late to change this message.", choices);
  }

  /** The row below the message: words, then buttons; the focus goes to the first. */
  function show(element, words, choices, isRefusal = false) {
    const isHere = hasFocus(element);
    element.querySelector(".actions")?.remove();
    const row = document.getElementById("actions-template").content.firstElementChild.cloneNode(true);
    const line = row.querySelector("[data-words]");
    line.hidden = !words.length;
    line.toggleAttribute("data-refusal", isRefusal);
    const buttons = [...choices, ["Cancel", () => leave(element)]].map(([label, work]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet-button";
      button.textContent = choices.length || label !== "Cancel" ? label : "Close";
      button.addEventListener("click", work);
      return button;
    });
    row.append(...buttons);
    element.append(row);
    line.append(...[words].flat()); // after it is on the page, so that it is read out
    buttonOf(element).setAttribute("aria-expanded", "true");
    if (!isHere) return;
    buttons[0].focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function close(element) {
    element.querySelector(".actions")?.remove();
    buttonOf(element).setAttribute("aria-expanded", "false");
  }

  function leave(element) {
    close(element);
    buttonOf(element).focus({ preventScroll: true });
  }

  const keptOf = (element) => createKept(`edit of ${base}messages/${idOf(element)}/`, me);

  const saveOf = (element) => (text) => ask("PATCH", `messages/${idOf(element)}/`, { text }, change);

  function edit(element) {
    close(element);
    createEditor(element, textOf(element), keptOf(element), saveOf(element));
  }

  /** What was being written when the page went goes on, without taking the focus. */
  function goOn(element) {
    if (element.dataset.editing === undefined) createEditor(element, textOf(element), keptOf(element), saveOf(element), false);
  }

  function askDelete(element) {
    show(element, "Delete this message for everybody?", [["Delete", () => finish(element, remove(element))]]);
  }

  function remove(element) {
    const id = idOf(element);
    return ask("DELETE", `messages/${id}/`, undefined, () => change({ id, deleted: true }));
  }

  function askMute(element) {
    const work = (minutes) => () => finish(element, restrict(element, "mute", minutes), "Muted.");
    show(element, ["For how long may ", named(element), " not post here?"], MUTES.map(([label, minutes]) => [label, work(minutes)]));
  }

  function askBan(element) {
    const work = () => finish(element, restrict(element, "ban"), "Banned. The settings of the room undo it.");
    show(element, ["Ban ", named(element), " from this room?"], [["Ban", work]]);
  }

  function restrict(element, kind, minutes) {
    return ask("POST", "restrictions/", { kind, message_id: idOf(element), ...(minutes && { minutes }) });
  }

  async function finish(element, work, words = "") {
    const refusal = await work;
    if (refusal || words) show(element, refusal || words, [], Boolean(refusal));
  }

  /** Asks the service. Returns why not, in words, or "". */
  async function ask(method, path, body, done = () => {}) {
    const json = { Accept: "application/json", ...asMe, ...(body && { "Content-Type": "application/json" }) };
    try {
      const answer = learnFrom(await fetch(base + path, { method, headers: json, body: body && JSON.stringify(body) }));
      const data = answer.status === 204 ? null : await answer.json().catch(() => null);
      if (answer.status === 401 || data?.code === "PERSON_CHANGED") identity.check();
      if (!answer.ok) return wordsOf(data, answer.status);
      done(data);
      return "";
    } catch {
      return "The server can't be reached. Try again.";
    }
  }

  scroller.addEventListener("click", ({ target }) => {
    const button = target.closest(".more");
    if (!button) return;
    const element = button.closest(".message");
    if (button.getAttribute("aria-expanded") === "true") close(element);
    else open(element);
  });
  scroller.addEventListener("keydown", (event) => {
    const element = event.target.closest(".actions")?.closest(".message");
    if (event.key === "Escape" && element) leave(element);
  });
  return offer;
}
