// The ticket: what a method asks for, ticks, the instrument list by keyboard, the kept draft, Ctrl+Enter. Everything is counted by the server.
const form = document.getElementById("ticket");
const KEPT = "mamweb.ticket";
const REFRESH_SECONDS = 20;
const RELEASED = "/ticket/released/";
let released = false;
const list = () => document.getElementById("instruments");
const symbol = () => form.elements.symbol;

function fit() {
  const chosen = form.elements.method.selectedOptions[0].dataset;
  const method = form.elements.method.value;
  form.querySelector("[data-unit-shown]").textContent = chosen.unit === "%" ? "%" : "units";
  form.querySelector("[data-part=figure]").hidden = method === "custom";
  form.querySelector("[data-part=custom]").hidden = method !== "custom";
  const sizes = ["risk", "custom"].includes(method);
  const holds = form.elements.protect.checked && !["close", "percent_change"].includes(method);
  form.querySelector("[data-part=protect]").hidden = ["close", "percent_change"].includes(method);
  form.querySelector("[data-part=levels]").hidden = form.querySelector("[data-part=stop]").hidden = !sizes && !holds;
  form.querySelector("[data-part=target]").hidden = !holds;
  form.querySelector("[data-stop-note]").textContent = holds ? "" : "sizes the risk; no order is placed there";
  form.querySelector("[data-part=limit]").hidden = form.elements.order_type.value !== "LIMIT";
  form.querySelector("[data-sides]").hidden = !chosen.buy;
  for (const side of ["buy", "sell"]) form.querySelector(`[data-side=${side}]`).textContent = chosen[side] || side;
  document.getElementById("method-help").textContent = chosen.help;
}

// Ticks: in "all" the field holds who is unticked, in "only" who is ticked.
function ticked() {
  const field = form.querySelector("[data-ticked]");
  const only = form.elements.pick.value === "only";
  const names = new Set(field.value.split(",").filter(Boolean));
  for (const box of form.querySelectorAll("[data-account]")) {
    if (box.checked === only) names.add(box.dataset.account);
    else names.delete(box.dataset.account);
  }
  field.value = [...names].join(",");
}

// A saved view ticks the accounts it means now, those that may be traded in the strategy; a later change of the view changes nothing here.
async function tick(select) {
  const strategy = form.querySelector("[name=strategy]:checked").value;
  const answer = await fetch(`${select.value}?strategy=${encodeURIComponent(strategy)}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) return toast({ kind: "fail", text: "The view could not be read" });
  const { codes, left_out } = await answer.json();
  const name = select.selectedOptions[0].textContent;
  if (!codes.length) return toast({ kind: "fail", text: `No account of ${name} may be traded in this strategy` });
  for (const box of form.querySelectorAll("[name=groups], [name=classes]")) box.checked = false;
  form.querySelector("[name=pick][value=only]").checked = true;
  form.querySelector("[data-ticked]").value = codes.join(",");
  const asks = form.querySelector("[name=strategy]:checked");
  await htmx.ajax("POST", asks.getAttribute("hx-post"), { source: asks, target: "#who" });
  toast({ kind: "pass", text: `${codes.length} of ${name} ticked${left_out ? `, ${left_out} left out: not to be traded in this strategy` : ""}` });
  change();
}

function toast(what) {
  document.body.dispatchEvent(new CustomEvent("toast", { detail: what }));
}

function change() {
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

function keep() {
  if (released || !symbol().value) return;
  const pairs = [...new FormData(form)].filter(([name]) => !["key", "find", "csrfmiddlewaretoken"].includes(name));
  sessionStorage.setItem(KEPT, JSON.stringify(pairs));
}

// What has been released is no draft any more: the way back leads to an empty ticket, not to the same one, armed.
function end() {
  released = true;
  sessionStorage.removeItem(KEPT);
  history.replaceState(null, "", location.pathname);
}

function restore() {
  const pairs = JSON.parse(sessionStorage.getItem(KEPT) || "[]");
  if (!pairs.length) return;
  const named = (name) => pairs.filter(([key]) => key === name).map(([, value]) => value);
  for (const field of form.elements) {
    if (!field.name || field.name === "key" || field.type === "fieldset") continue;
    if (["checkbox", "radio"].includes(field.type)) field.checked = named(field.name).includes(field.value);
    else if (named(field.name).length) field.value = named(field.name)[0];
  }
}

// Strategies may have come or gone since the draft was kept.
function settle() {
  if (!form.querySelector("[name=strategy]:checked")) form.querySelector("[name=strategy]").checked = true;
  if (!form.querySelector("[name=pick]:checked")) form.querySelector("[name=pick]").checked = true;
  if (!form.querySelector("[name=side]:checked")) form.querySelector("[name=side]").checked = true;
  if (!form.querySelector("[name=order_type]:checked")) form.querySelector("[name=order_type]").checked = true;
  const only = form.elements.pick.value === "only";
  const names = new Set(form.querySelector("[data-ticked]").value.split(","));
  for (const box of form.querySelectorAll("[data-account]")) box.checked = names.has(box.dataset.account) === only;
}

function options() {
  return [...list().querySelectorAll("[role=option]")];
}

function mark(step) {
  const all = options();
  if (!all.length) return;
  const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = all[(at + step + all.length) % all.length];
  for (const option of all) option.setAttribute("aria-selected", String(option === next));
  symbol().setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
}

function open(isOpen) {
  list().hidden = !isOpen || !options().length;
  symbol().setAttribute("aria-expanded", String(!list().hidden));
  if (list().hidden) symbol().removeAttribute("aria-activedescendant");
}

function take(option) {
  symbol().value = option.dataset.symbol;
  open(false);
  change();
}

if (form) {
  if (form.dataset.prefilled === "no") restore();
  settle();
  fit();
  // htmx listens from DOMContentLoaded on.
  window.addEventListener("load", () => symbol().value && change());

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-method], [name=order_type], [name=protect]")) fit();
    if (event.target.matches("[data-account]")) ticked();
    if (event.target.matches("[data-pick]")) {
      form.querySelector("[data-ticked]").value = "";
      for (const box of form.querySelectorAll("[data-account]")) box.checked = event.target.value === "all";
    }
    if (event.target.matches("[data-view]") && event.target.value) tick(event.target);
    if (event.target.matches("[name=strategy]")) form.querySelector("[data-ticked]").value = "";
    keep();
  }, true);
  form.addEventListener("input", () => keep());
  form.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
    if (event.target.closest("[data-fill-list]")) {
      const codes = [...form.querySelectorAll("[data-account]:checked")].map((box) => `${box.dataset.account},quantity,0`);
      form.elements.per_account.value = codes.join("\n");
      change();
    }
  });
  symbol().addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (list().hidden) open(true);
      mark(event.key === "ArrowDown" ? 1 : -1);
      event.preventDefault();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      const chosen = list().querySelector("[aria-selected=true]") || options()[0];
      if (chosen && !list().hidden) take(chosen);
      event.preventDefault();
    } else if (event.key === "Escape" && !list().hidden) {
      // A search field would empty itself; the first Escape only closes the list.
      open(false);
      event.preventDefault();
    }
  });
  symbol().addEventListener("blur", () => setTimeout(() => open(false), 150));
  list().addEventListener("mousedown", (event) => event.preventDefault());

  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "instruments") open(document.activeElement === symbol());
    if (event.detail.target.id === "who") settle();
    for (const field of form.elements) {
      const told = field.name && document.getElementById(`err-${field.name}`);
      if (told) field.setAttribute("aria-invalid", String(told.childElementCount > 0));
    }
  });
  // What was not released is shown where the person looks, whatever the status.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "ticket-answer" && event.detail.xhr.status === 409) event.detail.shouldSwap = true;
    if (event.detail.target.id === "preview") document.getElementById("ticket-answer").dataset.old = "yes";
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-clear]")) {
      sessionStorage.removeItem(KEPT);
      location.assign(location.pathname);
    }
    if (event.target.closest("[data-show-all]")) {
      document.getElementById("ticket-show").value = "all";
      change();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) document.querySelector("[data-release]")?.click();
  });
  // The button may be gone from the page by the time its answer comes: the request itself is asked, before htmx follows it. A session that has
  // ended is answered with a way on as well, to the sign-in: nothing was released then, and the draft stays.
  document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, xhr } }) => {
    if (!elt.matches("[data-release]")) return;
    xhr.addEventListener("readystatechange", () => {
      if (xhr.readyState === XMLHttpRequest.HEADERS_RECEIVED && xhr.getResponseHeader("HX-Redirect")?.startsWith(RELEASED)) end();
    });
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted && released) location.reload(); });
  // A preview is good for 60 seconds; it is looked at anew while somebody looks, and when something is stopped or trades again.
  const lookAnew = () => {
    if (document.visibilityState === "visible" && symbol().value && !document.querySelector("[popover]:popover-open")) change();
  };
  setInterval(lookAnew, REFRESH_SECONDS * 1000);
  for (const name of ["live:switches", "live:resync"]) document.body.addEventListener(name, lookAnew);
}
