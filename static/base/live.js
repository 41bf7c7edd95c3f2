// The live push: one socket a tab. The server sends ids only; parts of a page refresh on live:NAME events of the body (hx-trigger), and on
// live:resync after a gap. At most ten frames a second come.
const app = document.querySelector("[data-live]");
const SLOWEST = 3200; // no part waits longer than its throttle, which forgets what it drops: the last change is told once more after that
const SETTLED = 100; // a part that came has drawn itself by then
const OLD = "What you see may be old";
const REFUSED = { 4401: "Signed out; what you see is old", 4403: "No longer open to you; what you see is old" };

let socket = null;
let expected = 0; // 0: nothing has come on this socket
let failures = 0;
let refused = false; // asking again would be refused again
let missed = false; // while the tab was hidden
const last = new Map(); // topic → when it was told, the ids since, the timer of the last word

const asking = new Map(); // id of a part whose answer is under way → what was told since it asked

function fire(name, detail) {
  for (const told of asking.values()) told.set(name, detail);
  dispatch(name, detail);
}

function dispatch(name, detail) {
  document.body.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));
}

const lives = (part) => part.id && part.getAttribute("hx-trigger")?.includes("live:");

// A part that replaces itself forgets what it was told while its answer was under way: its successor is told again.
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (lives(detail.elt)) asking.set(detail.elt.id, new Map());
});
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  const part = detail.requestConfig.elt; // detail.elt is an ancestor when the part has been replaced
  const told = lives(part) && asking.get(part.id);
  if (!told) return;
  asking.delete(part.id);
  if (told.size) setTimeout(() => { for (const [name, event] of told) dispatch(name, event); }, SETTLED);
});

function lamp(state, words = "") {
  const place = document.querySelector("[data-live-lamp]");
  const said = place?.querySelector(".live__words");
  if (!place || (place.dataset.liveLamp === state && said.textContent === words)) return;
  place.dataset.liveLamp = state;
  place.title = words || "Live: changes appear as they happen";
  place.querySelector(".lamp").className = `lamp${state === "live" ? "" : ` lamp--${state}`}`;
  said.textContent = words;
}

function resync() {
  for (const one of last.values()) clearTimeout(one.timer);
  last.clear();
  missed = document.hidden;
  fire(document.hidden ? "alerts" : "resync", { ids: [] });
}

function tell(topic, ids, many) {
  const now = performance.now();
  const before = last.get(topic);
  const one = { at: now, ids, many, timer: 0 };
  if (before) {
    clearTimeout(before.timer);
    if (now - before.at < SLOWEST) {
      one.ids = [...new Set([...before.ids, ...ids])];
      one.many = many || before.many;
      one.timer = setTimeout(() => { last.delete(topic); fire(topic, { ids: one.ids, many: one.many }); }, SLOWEST);
    }
  }
  last.set(topic, one);
  fire(topic, { ids, many });
}

function hear(event) {
  const frame = JSON.parse(event.data);
  const gap = expected && frame.seq !== expected;
  expected = frame.seq + 1;
  if (frame.stale) return lamp("stale", OLD);
  lamp("live");
  if (gap || frame.resync) return resync();
  for (const [topic, ids] of Object.entries(frame.events || {})) {
    // A hidden tab draws nothing; an alert may still be heard.
    if (document.hidden && topic !== "alerts") missed = true;
    else tell(topic, ids, (frame.many || []).includes(topic));
  }
}

function open() {
  const where = new URL(app.dataset.live, location.href);
  where.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const again = failures > 0;
  where.searchParams.set("age", again ? 0 : Math.ceil(performance.now()));
  expected = 0;
  refused = false;
  const mine = new WebSocket(where);
  socket = mine;
  socket.addEventListener("message", hear);
  socket.addEventListener("open", () => {
    if (!again) return lamp("live");
    setTimeout(() => { // a refusal comes right behind the opening
      if (socket !== mine) return;
      failures = 0;
      lamp("live");
      resync();
    }, SETTLED);
  });
  socket.addEventListener("close", (event) => {
    socket = null;
    failures += 1;
    refused = event.code in REFUSED;
    lamp("stale", REFUSED[event.code] || OLD);
    if (refused) return;
    // Backoff with jitter, so that a restart is not met by every tab at once.
    setTimeout(open, Math.min(30000, 500 * 2 ** Math.min(failures, 6)) * (0.5 + Math.random() / 2));
  });
}

// Whoever comes back to the page may have signed in again elsewhere.
function askAgain() {
  if (refused && !document.hidden) open();
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && missed) resync();
  askAgain();
});
addEventListener("focus", askAgain);
if (app) open();

// A new critical alert is heard by whoever wants to: one short tone, made here.
let known = document.querySelector("[data-sound=critical]")?.dataset.alert;
let sound = null;
document.addEventListener("pointerdown", () => { if (window.choices.read("sound") === "on") sound ||= new AudioContext(); });

function beep() {
  if (window.choices.read("sound") !== "on") return;
  sound ||= new AudioContext();
  const tone = sound.createOscillator();
  const volume = sound.createGain();
  tone.frequency.value = 660;
  volume.gain.setValueAtTime(0.15, sound.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + 0.5);
  tone.connect(volume).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.5);
}

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (!event.target.closest?.("[data-banner]")) return;
  const now = event.target.querySelector("[data-sound=critical]")?.dataset.alert;
  if (now && now !== known) beep();
  known = now;
});

// A number that changed flashes once: [data-flash] elements with an id, compared over a swap.
const before = new Map();
document.body.addEventListener("htmx:beforeSwap", () => {
  for (const one of document.querySelectorAll("[data-flash][id]")) before.set(one.id, one.textContent);
});
document.body.addEventListener("htmx:afterSwap", () => {
  for (const [id, text] of before) {
    const one = document.getElementById(id);
    if (!one || one.textContent === text) continue;
    one.classList.add("flash");
    one.addEventListener("animationend", () => one.classList.remove("flash"), { once: true });
  }
  before.clear();
});
