// The table is drawn anew when positions change: what somebody has ticked and typed stays, and so does the place of the cursor.
let kept = null;

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const form = detail.target.id === "positions" && document.getElementById("picks");
  if (!form) return;
  const at = document.activeElement;
  kept = {
    picks: new Set([...form.querySelectorAll("[name=pick]:checked")].map((box) => box.value)),
    percent: form.elements.percent?.value,
    at: form.contains(at) && at.name ? [at.name, at.value] : null,
  };
});

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  const form = detail.target.id === "positions" && document.getElementById("picks");
  if (!form || !kept) return;
  for (const box of form.querySelectorAll("[name=pick]")) box.checked = kept.picks.has(box.value);
  if (form.elements.percent && kept.percent !== undefined) form.elements.percent.value = kept.percent;
  if (kept.at) [...form.elements].find((one) => one.name === kept.at[0] && (one.name === "percent" || one.value === kept.at[1]))?.focus();
  kept = null;
});
