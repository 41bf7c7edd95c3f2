// Rows of exposure that open onto the accounts behind them: a second click closes them, they stay open when the page's figures come anew (their
// own figures are asked for again), and an address that ends with a row's name (#drill-23) opens it.
const OPEN = "[data-drill][aria-expanded=true]";
const behind = (button) => button.closest("tbody").nextElementSibling;

const kept = new Map(); // id of an open row's button → what stood behind it, while a part is swapped

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-drill]");
  if (!button) return;
  if (button.getAttribute("aria-expanded") === "true") {
    event.stopPropagation(); // before htmx asks for it
    htmx.trigger(button, "htmx:abort"); // an answer under way would open it again
    button.setAttribute("aria-expanded", "false");
    behind(button).replaceChildren();
  } else button.setAttribute("aria-expanded", "true");
}, true);

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!detail.shouldSwap) return; // refused or failed: nothing goes, so nothing is to come back
  for (const button of detail.target.querySelectorAll(OPEN)) kept.set(button.id, [...behind(button).childNodes]);
});

document.body.addEventListener("htmx:afterSwap", () => {
  for (const [id, rows] of kept) {
    const button = document.getElementById(id);
    if (button?.getAttribute("aria-expanded") === "false") behind(button).replaceChildren(...rows);
  }
});

// Only when its own part has settled does htmx hear a click on what came; other parts settle in between.
document.body.addEventListener("htmx:afterSettle", ({ target }) => {
  for (const id of [...kept.keys()]) {
    const button = document.getElementById(id);
    if (button && !target.contains(button)) continue;
    kept.delete(id);
    if (button?.getAttribute("aria-expanded") === "false") button.click();
  }
});

addEventListener("DOMContentLoaded", () => {
  const named = location.hash.startsWith("#drill-") && document.getElementById(location.hash.slice(1));
  if (!named) return;
  named.scrollIntoView({ block: "center" });
  named.click();
});
