import { lastName } from "./names.js";

const field = document.querySelector("[data-join]").elements.user;
if (!field.value) {
  field.value = lastName();
  field.select();
}
