import { wordsOf } from "./deliver.js";
import { hasFocus } from "./focus.js";
import { asMe } from "./identity.js";

const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/**
 * The list of the strangers one blocked, asked for when somebody opens it: under what name one met each, and since when.
 * @param {HTMLDetailsElement} details
 * @returns {{grew: () => void}} to call when somebody else was blocked
 */
export function createBlocks(details) {
  const list = details.querySelector("ul");
  const words = details.querySelector("[data-blocks-words]");

  async function ask(method, path, what) {
    const answer = await fetch(`/strangers/block/${path}`, { method, headers: { Accept: "application/json", ...asMe } }).catch(() => null);
    const data = await answer?.json().catch(() => null);
    words.textContent = answer ? (answer.ok ? what : wordsOf(data, answer.status)) : "The server can't be reached. Try again.";
    return answer?.ok ? (data ?? {}) : null;
  }

  async function load(what = "") {
    const { blocks } = (await ask("GET", "", what)) ?? {};
    if (!blocks) return;
    list.replaceChildren(...blocks.map(row));
    if (!blocks.length) words.textContent = `${what} You block nobody.`;
  }

  function row({ id, name, date }) {
    const item = document.getElementById("block-template").content.firstElementChild.cloneNode(true);
    const [button, time] = [item.querySelector("button"), item.querySelector("time")];
    item.querySelector("bdi").textContent = name ?? "A stranger";
    time.dateTime = date;
    const when = WHEN.format(new Date(date));
    time.textContent = when;
    button.setAttribute("aria-label", `Unblock ${name ?? "a stranger"}, blocked ${when}`);
    button.addEventListener("click", () => unblock(id, button));
    return item;
  }

  async function unblock(id, button) {
    button.disabled = true;
    if (await ask("DELETE", `${id}/`, "Unblocked: you may meet again.")) {
      await load("Unblocked: you may meet again.");
      if (hasFocus(details)) (list.querySelector("button") ?? details.querySelector("summary")).focus();
    } else button.disabled = false;
  }

  details.addEventListener("toggle", () => details.open && load());
  return {
    grew() {
      details.hidden = false;
      if (details.open) load();
    },
  };
}
