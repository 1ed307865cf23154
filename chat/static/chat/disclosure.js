/**
 * A list that opens from the header: Escape and a click elsewhere close it.
 * @param {HTMLDetailsElement} details
 * @param {() => void} onOpen
 * @param {AbortSignal} [signal] given when the list is no longer on the page
 */
export function createDisclosure(details, onOpen, signal) {
  details.addEventListener("toggle", () => details.open && onOpen());
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    details.open = false;
    details.querySelector("summary").focus();
  });
  const away = ({ target }) => {
    if (!details.contains(target)) details.open = false;
  };
  document.addEventListener("click", away, { signal });
}
