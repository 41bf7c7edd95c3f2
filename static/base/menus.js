// The phone's menu, and the reader's choices.
const rail = document.getElementById("rail");
const way = document.querySelector(".topbar__menu");
const isOpen = () => rail?.classList.contains("rail--open");

function open(on) {
  const hadFocus = rail.contains(document.activeElement);
  rail.classList.toggle("rail--open", on);
  way?.setAttribute("aria-expanded", String(on));
  if (on) rail.querySelector(".rail__close")?.focus();
  else if (hadFocus) way?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isOpen() && !rail.querySelector(":popover-open")) open(false);
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-menu]")) open(!isOpen());
  else if (isOpen() && (!event.target.closest("#rail") || event.target.closest("[data-palette]"))) open(false);
  if (event.target.closest("[data-theme-toggle]")) {
    const now = document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    window.choices.keep("theme", now === "dark" ? "light" : "dark");
    show();
  }
});

function show() {
  for (const input of document.querySelectorAll("[data-choice]")) {
    const kept = window.choices.read(input.dataset.choice);
    input.checked = input.type === "checkbox" ? kept === input.value : kept === input.value;
  }
}

document.addEventListener("change", (event) => {
  const input = event.target.closest("[data-choice]");
  if (!input) return;
  window.choices.keep(input.dataset.choice, input.type === "checkbox" && !input.checked ? "" : input.value);
});
show();
