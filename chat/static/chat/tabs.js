/**
 * The rooms as buttons: where the screen is narrow, one room is shown at a time.
 * @param {HTMLElement} list
 * @param {HTMLElement} columns the element around the rooms
 * @returns {{add: (room: object) => void, remove: (room: object) => void, show: (room: object) => void,
 *   count: (room: object) => void, rename: (room: object) => void}}
 */
export function createTabs(list, columns) {
  const tabs = new Map();
  let current = null;

  function show(room) {
    current = room;
    for (const [other, tab] of tabs) {
      const isCurrent = other === room;
      tab.button.setAttribute("aria-pressed", String(isCurrent));
      other.section.toggleAttribute("data-current", isCurrent);
      if (isCurrent) label(room, 0);
    }
    room.section.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function label(room, unread) {
    const tab = tabs.get(room);
    tab.unread = unread;
    tab.button.replaceChildren(name(room.title));
    if (!unread) return;
    const count = Object.assign(document.createElement("span"), { className: "unread", textContent: unread });
    const rest = Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: " unread" });
    tab.button.append(" ", count, rest);
  }

  function add(room) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet-button";
    button.addEventListener("click", () => show(room));
    list.append(button);
    tabs.set(room, { button, unread: 0 });
    label(room, 0);
    if (!current) show(room);
    else button.setAttribute("aria-pressed", "false");
  }

  function remove(room) {
    tabs.get(room).button.remove();
    tabs.delete(room);
    if (current !== room) return;
    current = null;
    const [next] = tabs.keys();
    if (next) show(next);
  }

  function count(room) {
    const isSeen = room === current || getComputedStyle(room.section).display !== "none";
    if (!isSeen) label(room, tabs.get(room).unread + 1);
  }

  columns.dataset.tabbed = "";
  return { add, remove, show, count, rename: (room) => label(room, tabs.get(room).unread) };
}

function name(title) {
  const element = document.createElement("bdi");
  element.translate = false;
  element.textContent = title;
  return element;
}
