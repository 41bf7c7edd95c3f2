// The portal follows by itself: what changed is told by live.js, the page's part is read again at most once a PACE, and put in only where it differs,
// so that nothing a person reads or has opened moves for nothing. An account that is no longer theirs, or not here any more, leads to what is.
const START = "/portal/";
const PACE = 2000;
const SOON = 100;

const told = (html) => new DOMParser().parseFromString(html, "text/html").getElementById("live")?.outerHTML ?? "";

let shown = document.getElementById("live").outerHTML; // before the charts have drawn into it
let timer = 0;
let asked = 0;
let busy = false;
let again = false; // something was told while an answer was under way

function soon() {
  if (busy) again = true;
  else timer ||= setTimeout(ask, Math.max(SOON, asked + PACE - performance.now()));
}

async function ask() {
  timer = 0;
  busy = true;
  again = false;
  asked = performance.now();
  try {
    await window.htmx.ajax("GET", location.pathname + location.search, { source: "#live", target: "#live", select: "#live", swap: "outerHTML" });
  } catch {
    // not answered: the lamp says so, and its next word is to read everything again
  } finally {
    busy = false;
    if (again) soon();
  }
}

for (const topic of ["evenings", "statements", "positions", "resync"]) document.body.addEventListener(`live:${topic}`, soon);

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.requestConfig?.elt?.id !== "live") return;
  const { xhr } = event.detail;
  if (xhr.status === 403 || xhr.status === 404) return location.assign(START);
  const came = new URL(xhr.responseURL, location.href);
  if (xhr.status < 400 && came.pathname !== location.pathname) {
    event.detail.shouldSwap = false;
    return location.assign(came);
  }
  const fresh = told(xhr.responseText);
  if (!fresh || fresh === shown) event.detail.shouldSwap = false;
  else shown = fresh;
});
