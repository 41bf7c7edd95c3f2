// The dashboard: layout of one's choice, as many rows after a refresh as before, a flash where a figure changed, arrows between headings.
const wrap = document.getElementById("accounts-layout");
const KEY = "accounts-layout";
const narrow = matchMedia("(max-width: 40rem)");

const kept = () => { try { return localStorage.getItem(KEY) || ""; } catch { return ""; } };

const chosen = () => wrap.dataset.layout || kept();

function lay() {
  const asked = chosen() || (narrow.matches ? "cards" : "table");
  wrap.classList.toggle("as-cards", asked === "cards");
  for (const button of document.querySelectorAll("[data-layout-choice]")) button.setAttribute("aria-pressed", String(button.dataset.layoutChoice === asked));
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-layout-choice]")?.dataset.layoutChoice;
  if (!choice) return;
  delete wrap.dataset.layout;
  try { localStorage.setItem(KEY, choice); } catch { /* a browser that keeps nothing */ }
  lay();
});
narrow.addEventListener("change", lay);

// A view keeps cards that somebody chose; a phone's own cards are no choice.
document.addEventListener("submit", (event) => {
  const field = event.target.querySelector("#views [name=layout]");
  if (field) field.value = chosen() === "cards" ? "cards" : "";
});

// Rows by account, each as the texts of its cells; the figures above by their own names.
function written() {
  const found = new Map();
  for (const row of document.querySelectorAll("#accounts tr[data-row]")) found.set(row.dataset.row, [...row.cells].map((cell) => cell.textContent));
  for (const figure of document.querySelectorAll("#accounts [data-live]")) found.set(figure.dataset.live, [figure.textContent]);
  return found;
}

// The cards below follow the filter, not every refresh.
const stated = () => new URLSearchParams(new FormData(document.getElementById("account-state"))).toString() + (document.querySelector("main [name=q]")?.value || "");
let shown = stated();

let before = null;
document.body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id === "accounts") event.detail.parameters.shown = document.querySelectorAll("#accounts tr[data-row]").length;
});
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig?.elt?.id !== "accounts") return;
  // What is typed, opened or read is not taken away by a refresh that nobody asked for.
  if (document.querySelector("#accounts [popover]:popover-open, #account-actions [popover]:popover-open, #accounts .group a:focus")) event.detail.shouldSwap = false;
  before = { cells: written(), row: document.activeElement?.closest?.("tr[data-row]")?.dataset.row };
});
document.body.addEventListener("htmx:afterSettle", () => {
  lay();
  if (shown !== stated()) {
    shown = stated();
    window.htmx.trigger("#accounts-below", "filtered");
  }
  if (!before) return;
  const { cells: old, row: held } = before;
  before = null;
  for (const row of document.querySelectorAll("#accounts tr[data-row]")) {
    const texts = old.get(row.dataset.row);
    if (texts) [...row.cells].forEach((cell, at) => { if (at > 1 && cell.textContent !== texts[at]) cell.classList.add("flash"); });
  }
  for (const figure of document.querySelectorAll("#accounts [data-live]")) if (old.has(figure.dataset.live) && old.get(figure.dataset.live)[0] !== figure.textContent) figure.classList.add("flash");
  if (held) document.querySelector(`#accounts tr[data-row="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
});
document.addEventListener("animationend", (event) => event.target.classList.remove("flash"));

// Left and right go from heading to heading; Enter sorts.
document.addEventListener("keydown", (event) => {
  const heading = event.target.closest?.("[data-column]");
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!heading || !step) return;
  const all = [...document.querySelectorAll("#accounts [data-column]")];
  all[(all.indexOf(heading) + step + all.length) % all.length].focus();
  event.preventDefault();
});

lay();
