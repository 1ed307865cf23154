/**
 * Whether the focus is in an element, or nowhere, or on what is around it, where Safari puts it when a button is clicked.
 * When an answer comes, it moves only then: whoever writes elsewhere by now must not lose their place, nor press there what
 * they type.
 * @param {Element} element
 * @returns {boolean}
 */
export function hasFocus(element) {
  const active = document.activeElement;
  return !active || active.contains(element) || element.contains(active);
}
