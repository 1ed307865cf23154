import { between } from "./backoff.js";
import { me } from "./identity.js";
import { forgetTabName, keepName } from "./names.js";

/**
 * What the server says of a page with rooms.
 * @param {HTMLElement} element the one with data-chat
 * @returns {{user: string, textMax: number, editMinutes: number, transport: string|undefined}} `user` is the name under
 *   which the reader writes
 */
export function pageOf({ dataset }) {
  const { user, textMax, editMinutes, transport } = dataset;
  return { user, transport, textMax: Number(textMax), editMinutes: Number(editMinutes) };
}

/**
 * The query of a page's address. It names nobody: people hand their addresses on.
 * @param {{transport: string|undefined}} page
 * @returns {[string, string][]}
 */
export function queryOf({ transport }) {
  return transport ? [["transport", transport]] : [];
}

/**
 * Takes the visitor's name out of the page's address, and keeps it for this tab: a reload is the same visitor's.
 * @param {{user: string}} page
 */
export function keepVisitor({ user }) {
  if (me) return forgetTabName();
  document.querySelector("[data-change-name]")?.addEventListener("click", forgetTabName);
  return keepName(user);
}

/**
 * The events since our token are gone: only a fresh page is whole. Everybody is told at once, so not all reload at once;
 * a page that is told so as soon as it was loaded must not reload for ever without a pause.
 * @param {string} address
 */
export function loadAgain(address) {
  const pause = performance.now() < 10_000 ? between(5000, 15_000) : between(0, 2000);
  setTimeout(() => location.replace(address), pause);
}
