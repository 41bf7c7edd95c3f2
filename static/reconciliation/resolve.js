// Adjust or waive: one form at a time.
function show(card) {
  const how = card.querySelector("input[name=how]:checked")?.value;
  for (const form of card.querySelectorAll("form[data-how]")) form.hidden = form.dataset.how !== how;
}
document.addEventListener("change", (event) => { const card = event.target.matches("input[name=how]") && event.target.closest("[data-resolve]"); if (card) show(card); });
document.body.addEventListener("htmx:afterSettle", () => document.querySelectorAll("[data-resolve]").forEach(show));
document.querySelectorAll("[data-resolve]").forEach(show);
