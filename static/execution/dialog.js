// A question in a dialog: opened when its answer has come, closed by its buttons or when it is done.
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "dialog") event.detail.target.querySelector("dialog")?.showModal();
});
document.body.addEventListener("dialog:done", () => document.querySelector("#dialog dialog")?.close());
document.addEventListener("click", (event) => {
  if (event.target.closest("#dialog [data-close]")) event.target.closest("dialog").close();
});
