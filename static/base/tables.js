// A choice that shows itself at once. Rows that open: a click anywhere follows the row's first link. Ticking all rows with the heading's box.
document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-open]");
  if (!row || event.target.closest("a, button, input, label, select, [popover]") || String(getSelection())) return;
  row.querySelector("a[href]")?.click();
});
document.addEventListener("change", (event) => {
  const all = event.target.closest("input[data-tick-all]");
  if (!all) return;
  for (const box of all.closest("table").querySelectorAll("tbody input[type=checkbox]:not(:disabled)")) {
    if (box.checked !== all.checked) box.click();
  }
});
// A search is heard while it is typed. Its change, as a click elsewhere takes the focus, would ask the same again and undo the sort just clicked.
document.addEventListener("change", (event) => {
  if (event.target.matches("form[hx-trigger^='input changed'] input[type=search]")) event.stopPropagation();
}, true);
document.addEventListener("change", (event) => event.target.closest("select[data-submit]")?.form.requestSubmit());
