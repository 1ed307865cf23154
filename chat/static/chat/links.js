const URLS = /\bhttps?:\/\/[^\s<>"]+/giu;

/** Marks that more often end the sentence around an address than the address; a closing bracket only without its opening. */
function trimmed(url) {
  let end = url.replace(/[.,:;!?'…]+$/u, "");
  while (end.endsWith(")") && end.split(")").length > end.split("(").length) {
    end = end.slice(0, -1).replace(/[.,:;!?'…]+$/u, "");
  }
  return end;
}

function link(url) {
  if (!URL.canParse?.(url)) return document.createTextNode(url);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer nofollow";
  anchor.textContent = url;
  return anchor;
}

/**
 * Shows text as text, with its http and https addresses as links.
 * @param {HTMLElement} element its content is replaced
 * @param {string} text
 */
export function showText(element, text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(URLS)) {
    const url = trimmed(found[0]);
    nodes.push(text.slice(from, found.index), link(url));
    from = found.index + url.length;
  }
  element.replaceChildren(...nodes, text.slice(from));
}
