import { hasFocus } from "./focus.js";

/**
 * Puts a form in the place of a message's text. Enter saves, Escape leaves the text as it was.
 * @param {HTMLElement} element a message
 * @param {string} text as it was written
 * @param {{text: string}} kept what was being written before, and is again
 * @param {(text: string) => Promise<string>} save returns why not, in words, or ""
 * @param {boolean} [focus] whether to go there
 */
export function createEditor(element, text, kept, save, focus = true) {
  closeEditor(element);
  const form = document.getElementById("edit-template").content.firstElementChild.cloneNode(true);
  const field = form.elements.text;
  const error = form.querySelector(".form-error");

  async function submit() {
    const next = field.value.trimEnd();
    if (!next.trim() || form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    const refusal = next === text ? "" : await save(next);
    form.ariaBusy = "false";
    error.hidden = !refusal;
    error.textContent = refusal;
    if (!refusal) leave();
  }

  function leave() {
    const isHere = hasFocus(form);
    kept.text = "";
    closeEditor(element);
    if (isHere) element.querySelector(".more").focus({ preventScroll: true });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.querySelector("[data-cancel]").addEventListener("click", leave);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return leave();
    const isPlainEnter = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (!isPlainEnter || event.target !== field) return undefined;
    event.preventDefault();
    return submit();
  });
  field.addEventListener("input", () => (kept.text = field.value === text ? "" : field.value));
  element.querySelector(".note").append(form);
  element.dataset.editing = "";
  field.value = kept.text || text;
  if (!focus) return;
  field.focus({ preventScroll: true });
  form.scrollIntoView({ block: "nearest" });
}

/**
 * Takes the form away, with what was written in it.
 * @param {HTMLElement} element a message
 */
export function closeEditor(element) {
  element.querySelector(".edit")?.remove();
  delete element.dataset.editing;
}
