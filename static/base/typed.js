// A part with data-typed may be drawn anew while somebody works in it: what is typed, ticked and chosen stays, and so does the place of the cursor.
// A part that has to fit itself to what came back hears `typed:restored`.
let kept = null;

const isTick = (field) => ["checkbox", "radio"].includes(field.type);
const nameOf = (field) => field.id || `${field.name}|${isTick(field) ? field.value : ""}`;
const fieldsOf = (part) => [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].filter((field) => field.id || field.name);
const isTouched = (field) => (isTick(field) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const part = detail.target;
  if (!part?.id || !part.matches("[data-typed]")) return;
  const at = document.activeElement;
  kept = {
    id: part.id,
    values: new Map(fieldsOf(part).filter(isTouched).map((field) => [nameOf(field), isTick(field) ? field.checked : field.value])),
    at: part.contains(at) && (at.id || at.name) ? nameOf(at) : "",
    marked: [at.selectionStart, at.selectionEnd],
  };
});

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!kept || detail.target.id !== kept.id) return;
  const part = document.getElementById(kept.id);
  const { values, at, marked } = kept;
  kept = null;
  if (!part) return;
  for (const field of fieldsOf(part)) {
    const name = nameOf(field);
    if (values.has(name)) field[isTick(field) ? "checked" : "value"] = values.get(name);
    if (name !== at) continue;
    field.focus();
    if (Number.isInteger(marked[0])) field.setSelectionRange?.(...marked);
  }
  part.dispatchEvent(new CustomEvent("typed:restored", { bubbles: true }));
});
