// The command palette: Ctrl K opens it, arrows move, Enter follows.
const palette = document.getElementById("palette");
const input = palette?.querySelector("input");

const options = () => [...palette.querySelectorAll("[role=option]")];

function select(option) {
  options().forEach((one) => one.setAttribute("aria-selected", String(one === option)));
  if (option) input.setAttribute("aria-activedescendant", option.id);
  option?.scrollIntoView({ block: "nearest" });
}

function open() {
  palette.showModal();
  input.select();
  input.dispatchEvent(new Event("palette:open"));
}

function onKey(event) {
  const all = options();
  const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const step = event.key === "ArrowDown" ? 1 : -1;
    select(all[(at + step + all.length) % all.length]);
    event.preventDefault();
  } else if (event.key === "Escape") {
    // A search field would empty itself first.
    palette.close();
    event.preventDefault();
  } else if (event.key === "Enter") {
    all[Math.max(at, 0)]?.click();
    event.preventDefault();
  }
}

if (palette) {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (palette.open) palette.close();
      else open();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) open();
    if (event.target === palette) palette.close();
  });
  input.addEventListener("keydown", onKey);
  palette.addEventListener("htmx:afterSwap", () => select(options()[0]));
}
