import { wordsOf } from "./deliver.js";
import { createDisclosure } from "./disclosure.js";
import { asMe, me } from "./identity.js";

/**
 * The list of a room's members, asked for when somebody opens it; from there one writes to one of them alone.
 * @param {HTMLDetailsElement} details
 * @param {string} url of the members
 */
export function createMembers(details, url) {
  const list = details.querySelector("ul");
  const words = details.querySelector("[data-members-words]");

  async function ask(address, options) {
    const answer = await fetch(address, { ...options, headers: { Accept: "application/json", ...asMe } });
    const data = await answer.json().catch(() => null);
    if (!answer.ok) throw new Error(wordsOf(data, answer.status));
    return { ...data, hasMore: answer.headers.has("Link") };
  }

  async function say(work) {
    try {
      words.textContent = "";
      await work();
    } catch (error) {
      words.textContent = error instanceof TypeError ? "The server can't be reached." : error.message;
    }
  }

  async function load() {
    const { members, hasMore } = await ask(url);
    list.replaceChildren(...members.map(row));
    words.textContent = hasMore ? `The first ${members.length} members.` : members.length ? "" : "Nobody has joined yet.";
  }

  async function write(username) {
    const room = await ask("/accounts/direct/", { method: "POST", body: new URLSearchParams({ username }) });
    location.assign(`/${encodeURIComponent(room.room)}`);
  }

  function row({ id, username, name, role, bot }) {
    const item = document.getElementById("member-template").content.firstElementChild.cloneNode(true);
    item.querySelector("bdi").textContent = name;
    item.querySelector("[data-role]").textContent = [role === "member" ? "" : role, bot ? "bot" : ""].filter(Boolean).join(", ");
    const button = item.querySelector("button");
    button.hidden = !me || id === me;
    button.setAttribute("aria-label", `Write to ${name} alone`);
    button.addEventListener("click", () => say(() => write(username)));
    return item;
  }

  createDisclosure(details, () => say(load));
}
