/** Copies what is shown once: the link of an invite, a token. */
const button = document.querySelector("[data-copy]");
const field = document.querySelector("[data-copy-text]");

if (button) {
  button.hidden = false;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    field.select();
    // Plain http has no clipboard, but the old way.
    const isDone = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
    button.textContent = isDone || document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  });
}
