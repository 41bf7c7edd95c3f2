// The phone's menu, and the reader's choices.
document.addEventListener("click", (event) => {
  const rail = document.getElementById("rail");
  if (event.target.closest("[data-menu]")) rail?.classList.toggle("rail--open");
  else if (rail?.classList.contains("rail--open") && !event.target.closest("#rail")) rail.classList.remove("rail--open");
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
