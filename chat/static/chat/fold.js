import { holdStill } from "./scroll.js";

const LONG_CHARS = 1500;
const LONG_LINES = 18;

/**
 * Folds a very long message, so that it doesn't push everything else away, and offers to show it all.
 * @param {HTMLElement} element a message
 */
export function foldLong(element) {
  const { text } = element.dataset;
  if (text.length <= LONG_CHARS && text.split("\n").length <= LONG_LINES) return;
  const note = element.querySelector(".note");
  const button = document.getElementById("unfold-template").content.firstElementChild.cloneNode(true);
  note.dataset.folded = "";
  note.append(button);
  button.addEventListener("click", () => holdStill(element.closest("[data-log]"), element, () => unfold(element)));
}

/**
 * Shows a message whole.
 * @param {HTMLElement} element
 */
export function unfold(element) {
  const note = element.querySelector(".note");
  delete note.dataset.folded;
  note.querySelector("[data-unfold]")?.remove();
}
