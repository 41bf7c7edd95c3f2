// The bar below the positions. What is ticked and typed outlives a redrawing by base/typed.js.

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

document.body.addEventListener("typed:restored", () => {
  const form = document.getElementById("picks");
  if (form) figureOf(form);
});
