// Dialogs: [data-dialog="id"] opens one; [data-dialog-close] or a click beside it closes. A dialog htmx puts into the page with data-opens opens itself.
// A form with data-once is sent once: its buttons rest after the first press.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-dialog-close]") || event.target.matches("dialog[open]")) event.target.closest("dialog")?.close();
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-once]");
  if (!form) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button:not([type=button])")) button.setAttribute("aria-disabled", "true");
});
window.addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent; });
document.body.addEventListener("htmx:afterSettle", () => {
  for (const dialog of document.querySelectorAll("dialog[data-opens]:not([open])")) { delete dialog.dataset.opens; dialog.showModal(); }
});
for (const dialog of document.querySelectorAll("dialog[data-opens]:not([open])")) dialog.showModal();
