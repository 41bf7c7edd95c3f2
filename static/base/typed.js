// A part with data-typed may be drawn anew while somebody writes in it: what is typed stays, and so does the place of the cursor.
let typed = null;

const part = (target) => target?.id && target.matches("[data-typed]") && target;

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const place = part(detail.target);
  if (!place) return;
  const at = document.activeElement;
  const fields = [...place.querySelectorAll("input[id]:not([type=hidden]), textarea[id]")].filter((one) => one.value !== one.defaultValue);
  typed = {
    id: place.id,
    values: fields.map((one) => [one.id, one.value]),
    at: place.contains(at) && at.id ? [at.id, at.selectionStart, at.selectionEnd] : null,
  };
});

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!typed || (detail.target.id !== typed.id && detail.elt?.id !== typed.id)) return;
  for (const [id, value] of typed.values) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  if (typed.at) {
    const field = document.getElementById(typed.at[0]);
    field?.focus();
    if (typed.at[1] !== null) field?.setSelectionRange?.(typed.at[1], typed.at[2]);
  }
  typed = null;
});
