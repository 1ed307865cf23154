/** A longer address stays plain text: whoever reads a message waits for the browser to read its addresses, too. */
const LINK_MAX = 2000;
const URLS = /\bhttps?:\/\/[^\s<>"]+/giu;
/** Marks that more often end the sentence around an address than the address. */
const ENDS = ".,:;!?'…";

/** Where an address ends without the marks behind it; a closing bracket is such a mark only without its opening. */
function endOf(url) {
  let surplus = 0; // closing brackets beyond the opening ones
  for (const char of url) surplus += (char === ")") - (char === "(");
  for (let end = url.length; ; end -= 1) {
    const last = url[end - 1];
    if (last === ")" && surplus > 0) surplus -= 1;
    else if (!ENDS.includes(last)) return end;
  }
}

function link(url) {
  if (url.length > LINK_MAX || !URL.canParse?.(url)) return document.createTextNode(url);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer nofollow";
  anchor.textContent = url;
  return anchor;
}

/**
 * Shows text as text, with its http and https addresses as links. Each character is looked at a fixed number of times,
 * whatever the text: everybody in the room shows what anybody posts.
 * @param {HTMLElement} element its content is replaced
 * @param {string} text
 */
export function showText(element, text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(URLS)) {
    const url = found[0].slice(0, endOf(found[0]));
    nodes.push(text.slice(from, found.index), link(url));
    from = found.index + url.length;
  }
  element.replaceChildren(...nodes, text.slice(from));
}
