// The live blotter: fetches only the rows that changed, puts new ones on top, flashes changed cells once; pausing counts what came meanwhile.
// Also: parents that unfold, the dialog before a cancel, links that keep step with the filters.
import { toast } from "/static/base/toasts.js";

const GAP = 400;
const TOTALS_GAP = 3000;
const MOST = 100;
let wanted = new Set();
let missed = new Set();
let everything = false;
let paused = false;
let timer = 0;
let busy = false;
let totalsAt = 0;
let turns = 0; // how often the person has chosen something else to see
let asked = 0; // the turn in which a refresh of everything was asked for
const loading = new WeakSet(); // rows that are being unfolded
let unfolded = []; // ids of the rows that were unfolded when the table was swapped

const table = () => document.getElementById("blotter-table");
const body = () => document.getElementById("blotter-rows");
const rowOf = (id) => document.getElementById(`r${id}`);

function schedule(after = GAP) {
  if (!timer && !busy && !paused && (everything || wanted.size)) timer = setTimeout(refresh, after);
}

function heard(ids) {
  if (!ids?.length) everything = true;
  for (const id of ids ?? []) wanted.add(id);
  if (wanted.size > MOST) everything = true;
  if (paused) count(ids);
  schedule();
}

async function refresh() {
  timer = 0;
  const place = table();
  if (!place) return;
  busy = true;
  const ids = [...wanted];
  const whole = everything || !body();
  wanted = new Set();
  everything = false;
  try {
    if (whole) await again();
    else await some(place, ids);
  } catch {
    toast({ kind: "fail", text: "The blotter could not be refreshed", note: "What you see may be old" });
  } finally {
    busy = false;
    schedule();
  }
}

async function again() {
  asked = turns;
  const url = new URL(table().dataset.rows, location.href);
  await window.htmx.ajax("GET", `/blotter/${url.search}`, { source: "#blotter", target: "#blotter", swap: "innerHTML" });
  for (const id of unfolded) if (document.getElementById(id)) unfold(document.getElementById(id));
  unfolded = [];
}

async function some(place, ids) {
  const withTotals = Date.now() - totalsAt > TOTALS_GAP;
  const answer = await fetch(`${place.dataset.rows}&ids=${ids.join(",")}${withTotals ? "&totals=1" : ""}`, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
  const fragment = new DOMParser().parseFromString(`<table><tbody>${await answer.text()}</tbody></table>`, "text/html");
  if (withTotals) renew(fragment);
  const fresh = [...fragment.querySelectorAll("tr[data-row]")];
  const found = new Set(fresh.map((row) => row.id));
  for (const id of ids) if (rowOf(id) && !found.has(`r${id}`)) remove(rowOf(id));
  for (const row of fresh.reverse()) put(place, document.adoptNode(row));
}

function renew(fragment) {
  const cell = fragment.querySelector("#blotter-totals-new td");
  if (cell) document.getElementById("blotter-totals").innerHTML = cell.innerHTML;
  fragment.querySelector("#blotter-totals-new")?.remove();
  totalsAt = Date.now();
}

function put(place, row) {
  const old = document.getElementById(row.id);
  if (old) {
    for (const cell of row.querySelectorAll("[data-c]")) {
      const before = old.querySelector(`[data-c="${cell.dataset.c}"]`);
      if (before && before.textContent.trim() !== cell.textContent.trim()) cell.classList.add("flash");
    }
    const unfolded = old.querySelector("[data-expand][aria-expanded=true]");
    if (unfolded) row.querySelector("[data-expand]")?.setAttribute("aria-expanded", "true");
    const hadFocus = old === document.activeElement;
    old.replaceWith(row);
    if (unfolded) unfold(row, true);
    if (hadFocus) row.focus();
  } else if (place.dataset.newest) {
    row.classList.add("flash");
    body().prepend(row);
  } else {
    return;
  }
  window.htmx.process(row);
}

function remove(row) {
  if (row.nextElementSibling?.matches(".detail")) row.nextElementSibling.remove();
  row.remove();
}

function unfold(row, keep = false) {
  const button = row.querySelector("[data-expand]");
  const detail = row.nextElementSibling?.matches(".detail") ? row.nextElementSibling : null;
  if (detail) detail.remove();
  if (detail && !keep) {
    button.setAttribute("aria-expanded", "false");
    return;
  }
  button.setAttribute("aria-expanded", "true");
  if (loading.has(row)) return;
  loading.add(row);
  window.htmx.ajax("GET", button.dataset.expand, { source: button, target: row, swap: "afterend" }).finally(() => loading.delete(row));
}

function count(ids) {
  for (const id of ids ?? []) if (!rowOf(id)) missed.add(id);
  label();
}

function label() {
  const button = document.querySelector("[data-pause]");
  button.setAttribute("aria-pressed", String(paused));
  button.querySelector("span").textContent = paused ? (missed.size ? `Resume, ${missed.size} new` : "Resume") : "Pause";
  button.querySelector("use").setAttribute("href", paused ? "#i-play" : "#i-pause");
}

function toggle() {
  paused = !paused;
  if (!paused) {
    if (missed.size) everything = true;
    missed = new Set();
    schedule(0);
  }
  label();
}

for (const name of ["live:orders", "live:fills"]) document.body.addEventListener(name, (event) => heard(event.detail?.many ? [] : event.detail?.ids));
document.body.addEventListener("live:resync", () => heard([]));

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-expand]");
  if (button) unfold(button.closest("tr"));
  if (event.target.closest("[data-pause]")) toggle();
  if (event.target.closest("#dialog [data-close]")) event.target.closest("dialog").close();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "p" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, textarea, select, dialog")) toggle();
});
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (detail.target?.id === "blotter" && detail.elt.id !== "blotter") turns += 1;
});
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => { // now, not when it was asked for: rows are opened meanwhile
  if (detail.target.id !== "blotter") return;
  if (detail.requestConfig.elt.id === "blotter" && asked !== turns) { // it would bring back what was shown before
    detail.shouldSwap = false;
    everything = true;
    return;
  }
  unfolded = [...document.querySelectorAll("[data-expand][aria-expanded=true]")].map((button) => button.closest("tr").id);
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "dialog") event.detail.target.querySelector("dialog")?.showModal();
  if (event.detail.target.id === "blotter" && table()) {
    const link = document.querySelector("[data-export]");
    link.href = `/blotter/${new URL(table().dataset.rows, location.href).search}&format=csv`;
  }
});
document.body.addEventListener("dialog:done", () => document.querySelector("#dialog dialog")?.close());
