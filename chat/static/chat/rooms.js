/** Suggests the name of a room from its title, until somebody writes one. */
const form = document.querySelector("[data-make-room]");

function suggested(title) {
  const plain = title.normalize("NFKD").replace(/[^\u0000-\u007f]/g, "").toLowerCase();
  return plain.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 64);
}

if (form) {
  const { title, name } = form.elements;
  let isOwn = name.value !== "";
  const isPrivate = () => form.elements.visibility.value === "private";
  const show = () => {
    if (!isOwn) name.value = isPrivate() ? "" : suggested(title.value);
    name.disabled = isPrivate();
  };
  title.addEventListener("input", show);
  name.addEventListener("input", () => (isOwn = name.value !== ""));
  form.addEventListener("change", show);
  show();
}
