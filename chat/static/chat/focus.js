/**
 * Whether the focus is in an element, or nowhere. When an answer comes, it moves only then: whoever writes elsewhere by now
 * must not lose their place, nor press there what they type.
 * @param {Element} element
 * @returns {boolean}
 */
export function hasFocus(element) {
  const active = document.activeElement;
  return !active || active === document.body || element.contains(active);
}
