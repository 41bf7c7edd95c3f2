// One decision's story: told anew when its orders move (what is unfolded stays unfolded), printed with what is unfolded, canceled after a question.
const GAP = 1000;
const holder = document.getElementById("story");
let timer = 0;
let last = 0;

function soon() {
  if (timer || !holder) return;
  timer = setTimeout(refresh, Math.max(0, last + GAP - Date.now()));
}

async function refresh() {
  timer = 0;
  last = Date.now();
  const open = [...holder.querySelectorAll("details.unfold[open]")].map((one) => one.id);
  if (holder.contains(document.activeElement) && document.activeElement.closest(".unfold .inset")) return;
  await window.htmx.ajax("GET", holder.dataset.url, { source: "#story", target: "#story", swap: "innerHTML" });
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
}

document.body.addEventListener("live:journeys", (event) => {
  const ids = event.detail?.ids ?? [];
  if (event.detail?.many || !ids.length || ids.includes(holder?.dataset.journey)) soon();
});
for (const name of ["live:orders", "live:fills", "live:resync"]) document.body.addEventListener(name, soon);
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "dialog") event.detail.target.querySelector("dialog")?.showModal();
});
document.body.addEventListener("dialog:done", () => { document.querySelector("#dialog dialog")?.close(); soon(); });
document.addEventListener("click", (event) => {
  if (event.target.closest("#dialog [data-close]")) event.target.closest("dialog").close();
  if (event.target.closest("[data-print]")) print();
});
