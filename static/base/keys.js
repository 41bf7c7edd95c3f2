// Keyboard first: / search, t ticket, g and a letter to go somewhere, j k x Enter in tables, ? for the sheet.
let waiting = 0;

const isTyping = (element) => element.closest?.("input, textarea, select, [contenteditable]") && !element.matches?.("input[type=checkbox], input[type=radio]");

function go(letter) {
  document.querySelector(`[data-go="${CSS.escape(letter)}"]`)?.click();
}

function move(step) {
  const rows = [...document.querySelectorAll("main tr[tabindex]")].filter((row) => row.offsetParent);
  const at = rows.indexOf(document.activeElement?.closest?.("tr[tabindex]"));
  const row = rows[at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1)];
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const row = event.target.closest?.("tr[tabindex]");
  if (waiting && Date.now() - waiting < 1500) {
    waiting = 0;
    go(event.key);
    event.preventDefault();
    return;
  }
  const moves = {
    g: () => { waiting = Date.now(); },
    t: () => go("t"),
    j: () => move(1),
    k: () => move(-1),
    "?": () => document.getElementById("keys")?.showModal(),
    "/": () => document.querySelector("main [type=search], main [data-search]")?.focus(),
    x: () => row?.querySelector("input[type=checkbox]")?.click(),
    Enter: () => (event.target === row ? row?.querySelector("a[href]")?.click() : undefined),
  };
  if (!moves[event.key] || (event.key === "Enter" && event.target !== row)) return;
  moves[event.key]();
  event.preventDefault();
});
