// The command palette: Ctrl K opens it, arrows move, Enter follows, and waits for the answer to what is typed.
const palette = document.getElementById("palette");
const input = palette?.querySelector("input");
let answered = ""; // what the options shown were asked with
let hurried = false; // Enter came before the answer to what is typed

const options = () => [...palette.querySelectorAll("[role=option]")];

const isAnswered = () => input.value.trim() === answered.trim();

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
    if (isAnswered()) all[Math.max(at, 0)]?.click();
    else hurried = true;
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
  input.addEventListener("input", () => { hurried = false; });
  palette.addEventListener("close", () => { hurried = false; });
  palette.addEventListener("htmx:afterSwap", ({ detail }) => {
    answered = new URL(detail.xhr.responseURL).searchParams.get("q") ?? "";
    select(options()[0]);
    if (!hurried || !isAnswered()) return;
    hurried = false;
    options()[0]?.click();
  });
}
