import { lastName, tabName } from "./names.js";

const query = new URLSearchParams(location.search);
const name = tabName();

/** The door, as soon as there is one: this runs before anything is shown. */
function suggest() {
  const field = document.querySelector("[data-join]").elements.user;
  if (field.value) return;
  field.value = lastName();
  field.select();
}

// Who came in in this tab before is let in again, under the same name. A name that was refused stands in the address.
if (name && !query.has("user")) {
  query.set("user", name);
  location.replace(`${location.pathname}?${query}`);
} else suggest();
