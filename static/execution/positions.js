// The table is drawn anew when positions change: what somebody has ticked and typed stays, and so does the place of the cursor.
const TYPED = ["percent", "level", "wish", "figure"];
let kept = null;

// The figure says what it is; Enter in it previews levels, not a closing.
function figureOf(form) {
  const { wish, figure } = form.elements;
  if (!wish || !figure) return;
  figure.disabled = wish.value === "remove";
  figure.placeholder = { price: "price", offset: "−0.50", remove: "" }[wish.value];
}

document.body.addEventListener("change", ({ target }) => {
  if (target.name === "wish" && target.form?.id === "picks") figureOf(target.form);
});

document.body.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.closest?.("#levels") || event.target.id === "levels-look") return;
  event.preventDefault();
  document.getElementById("levels-look").click();
});

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const form = detail.target.id === "positions" && document.getElementById("picks");
  if (!form) return;
  const at = document.activeElement;
  kept = {
    picks: new Set([...form.querySelectorAll("[name=pick]:checked")].map((box) => box.value)),
    typed: Object.fromEntries(TYPED.map((name) => [name, form.elements[name]?.value])),
    at: form.contains(at) && at.name ? [at.name, at.value] : null,
  };
});

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const form = detail.target.id === "positions" && document.getElementById("picks");
  if (!form || !kept) return;
  for (const box of form.querySelectorAll("[name=pick]")) box.checked = kept.picks.has(box.value);
  for (const name of TYPED) if (form.elements[name] && kept.typed[name] !== undefined) form.elements[name].value = kept.typed[name];
  figureOf(form);
  if (kept.at) [...form.elements].find((one) => one.name === kept.at[0] && (TYPED.includes(one.name) || one.value === kept.at[1]))?.focus();
  kept = null;
});
