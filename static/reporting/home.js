// Arranging the home page: drag a card, or use its buttons; every change is kept at once. Undo is one click on the toast's word away: the default.
import { toast } from "../base/toasts.js";

const board = document.getElementById("widgets");
const cards = () => [...board.querySelectorAll("[data-widget]")];
const csrf = () => JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
const COLUMNS = 3;
let dragged;

async function keep() {
  const layout = cards().map((card) => ({ name: card.dataset.widget, width: Number(card.dataset.width) }));
  const body = new URLSearchParams({ layout: JSON.stringify(layout) });
  const answer = await fetch(board.dataset.keep, { method: "POST", body, headers: { "X-CSRFToken": csrf() } });
  if (!answer.ok) toast({ kind: "fail", text: "Your page could not be kept", note: `Error ${answer.status}` });
  return answer.ok;
}

const isOpen = () => board.classList.contains("widgets--open");

// The widths as reporting.core.home.filled shows them; while somebody arranges, those they chose.
function lay() {
  const all = cards();
  const chosen = all.map((card) => Number(card.dataset.width));
  const shown = [...chosen];
  let used = 0;
  if (!isOpen()) chosen.forEach((width, place) => {
    if (used + width > COLUMNS) { shown[place - 1] += COLUMNS - used; used = 0; }
    used += width;
    if (place === chosen.length - 1) shown[place] += COLUMNS - used;
  });
  all.forEach((card, place) => {
    card.classList.remove("widget--1", "widget--2", "widget--3");
    card.classList.add(`widget--${shown[place]}`);
  });
}

function resize(card, step) {
  card.dataset.width = String(Math.min(Math.max(Number(card.dataset.width) + step, 1), COLUMNS));
}

function move(card, step) {
  const other = step < 0 ? card.previousElementSibling : card.nextElementSibling;
  if (!other) return;
  if (step < 0) other.before(card);
  else other.after(card);
}

function arranging(on) {
  const button = document.querySelector("[data-arrange]");
  button.setAttribute("aria-pressed", String(on));
  board.classList.toggle("widgets--open", on);
  lay();
  cards().forEach((card) => { card.draggable = on; card.querySelector(".widget__tools").hidden = !on; });
}

// What is taken off the page is offered again at once, and the focus goes on to what stands next.
async function remove(card) {
  const next = card.nextElementSibling || card.previousElementSibling;
  card.remove();
  (next?.querySelector("[data-remove]") || document.querySelector("[popovertarget=more-widgets]")).focus();
  document.getElementById("no-widgets").hidden = cards().length > 0;
  lay();
  if (await keep()) window.htmx.ajax("GET", location.pathname, { target: "#more-widgets", select: "#more-widgets > *", swap: "innerHTML" });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const card = button.closest("[data-widget]");
  if ("arrange" in button.dataset) return arranging(button.getAttribute("aria-pressed") !== "true");
  if (button.dataset.add) {
    const fresh = document.createElement("section");
    fresh.dataset.widget = button.dataset.add;
    fresh.dataset.width = button.dataset.width;
    board.append(fresh);
    if (await keep()) location.reload();
    return;
  }
  if (!card) return;
  if ("remove" in button.dataset) return remove(card);
  if (button.dataset.move) move(card, Number(button.dataset.move));
  else if (button.dataset.size) resize(card, Number(button.dataset.size));
  else return;
  lay();
  button.focus();
  await keep();
});

board.addEventListener("dragstart", (event) => { dragged = event.target.closest("[data-widget]"); dragged?.classList.add("widget--dragged"); });
board.addEventListener("dragover", (event) => {
  const over = event.target.closest("[data-widget]");
  if (!dragged || !over || over === dragged) return;
  event.preventDefault();
  const all = cards();
  if (all.indexOf(dragged) < all.indexOf(over)) over.after(dragged);
  else over.before(dragged);
});
board.addEventListener("dragend", () => { dragged?.classList.remove("widget--dragged"); dragged = undefined; keep(); });
