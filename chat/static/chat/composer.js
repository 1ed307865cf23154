import { actingAs, me } from "./identity.js";
import { createKept } from "./kept.js";

/** The counter shows when less than this share of the limit is left. */
const NEAR_LIMIT = 0.1;

/**
 * The form in which the reader writes.
 * @param {HTMLFormElement} form
 * @param {number} max the limit of a message, in characters
 * @param {(text: string, type?: string) => void} onSend
 * @param {boolean} [focus] whether to begin there
 * @returns {{close: (words: string, link?: {href?: string, title?: string}) => void, open: () => void,
 *   restore: (text: string) => void}} whether one may write, and why not; and a text that could not be sent goes back,
 *   before what was written since
 */
export function createComposer(form, max, onSend, focus = true) {
  const field = form.elements.text;
  const count = form.querySelector("[data-count]");
  const draft = draftAt(form.action);
  // Cutting off a pasted text silently would be worse than saying that it is too long.
  field.removeAttribute("maxlength");

  function changed() {
    const left = max - [...field.value].length;
    count.hidden = left > max * NEAR_LIMIT;
    count.textContent = left < 0 ? `${-left} characters too many` : `${left} characters left`;
    count.toggleAttribute("data-over", left < 0);
    field.setAttribute("aria-invalid", String(left < 0));
    fit(field);
    draft.text = field.value;
  }

  function submit() {
    const text = field.value.replace(/\r\n?/g, "\n").trimEnd();
    field.focus();
    if (!text.trim() || [...text].length > max) return;
    form.querySelector(".form-error").hidden = true;
    field.value = "";
    changed();
    onSend(text, form.elements.type?.value);
    if (form.elements.type) form.elements.type.value = "0";
  }

  function close(words, { href, title } = {}) {
    form.toggleAttribute("data-closed", Boolean(words));
    form.querySelector("fieldset").disabled = Boolean(words);
    const line = form.querySelector("[data-closed-words]");
    line.textContent = words;
    if (!href) return;
    const link = document.createElement("a");
    Object.assign(link, { href, textContent: title });
    line.append(" ", link);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  field.addEventListener("keydown", (event) => {
    // 229: Safari ends a composition with an Enter that is not marked as composing.
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || event.altKey || composing) return;
    event.preventDefault();
    submit();
  });
  field.addEventListener("input", changed);
  // The button must not take the focus: on a phone that would close the keyboard.
  form.querySelector(".send").addEventListener("pointerdown", (event) => event.preventDefault());
  field.value ||= draft.text;
  changed();
  if (focus && matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
  function restore(text) {
    field.value = field.value ? `${text}\n${field.value}` : text;
    changed();
  }

  return { close, open: () => close(""), restore };
}

/**
 * Lets what was being written in one room wait in another one: it goes on under another name.
 * @param {string} from the name of a room
 * @param {string} to
 */
export function moveDraft(from, to) {
  const [old, next] = [from, to].map((name) => draftAt(new URL(`/rooms/${encodeURIComponent(name)}/messages/`, location.href)));
  if (old.text) next.text = old.text;
  old.text = "";
}

/** Of the reader; what they wrote as a visitor before they signed in is still theirs. */
function draftAt(action) {
  const [draft, visitors] = [actingAs, "visitor"].map((whose) => createKept(`draft ${action}`, whose));
  if (me && visitors.text) {
    draft.text ||= visitors.text;
    visitors.text = "";
  }
  return draft;
}

/** For browsers without field-sizing: as high as the text. */
function fit(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.blockSize = "auto";
  field.style.blockSize = `${field.scrollHeight}px`;
}
