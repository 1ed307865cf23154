/** Copies what is shown once: the link of an invite, a token, a secret. Each button copies the field beside it. */
for (const button of document.querySelectorAll("[data-copy]")) {
  const field = button.parentElement.querySelector("[data-copy-text]");
  button.hidden = false;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    field.select();
    // Plain http has no clipboard, but the old way.
    const isDone = await navigator.clipboard?.writeText(field.value).then(() => true, () => false);
    button.textContent = isDone || document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  });
}
