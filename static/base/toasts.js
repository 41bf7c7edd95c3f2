// Toasts tell what happened; they never ask. The server sends one as HX-Trigger: {"toast": {"kind", "text", "note", "href", "rule"}}.
const stack = document.getElementById("toasts");

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

// Behind a modal dialog nothing can be read or pressed: while one is open, toasts stand in it.
function place() {
  const room = [...document.querySelectorAll("dialog:modal")].at(-1) || document.body;
  if (stack.parentElement !== room) room.append(stack);
}

export function toast({ kind = "pass", text, note = "", href = "", rule = "" }) {
  const box = element("div", "toast");
  const body = element("div", "", text);
  // A rule of the house is told by its name; a code of the program tells nobody anything.
  if (/^[A-Z]{3,4}-\d/.test(rule)) body.append(" ", element("span", "rule", rule));
  if (note) body.append(element("small", "", note));
  box.append(element("span", `mark mark--${kind}`), body);
  if (href) {
    const link = element("a", "", "Follow");
    link.href = href;
    box.append(link);
  }
  const close = element("button", "btn btn--quiet btn--small push", "×");
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => box.remove());
  box.append(close);
  place();
  stack.append(box);
  if (kind !== "fail") setTimeout(() => box.remove(), 8000);
}

document.addEventListener("close", place, true);
document.body.addEventListener("htmx:afterSwap", () => { if (!stack.isConnected) place(); });
document.body.addEventListener("toast", (event) => toast(event.detail));
// What asked may have been replaced by the live push before the answer came: then nobody hears its trigger.
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.requestConfig.elt.isConnected) return;
  const told = detail.xhr.getResponseHeader("HX-Trigger") || "";
  if (told.startsWith("{") && JSON.parse(told).toast) toast(JSON.parse(told).toast);
});
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Trigger")) return;
  const words = { 403: "Your role may not do this", 404: "That is no longer there", 429: "Too many at once; wait a moment" };
  toast({ kind: "fail", text: words[event.detail.xhr.status] || "The server could not do that", note: `Error ${event.detail.xhr.status}; nothing was changed` });
});
document.body.addEventListener("htmx:sendError", () => toast({ kind: "fail", text: "The server does not answer", note: "What you see may be old" }));
