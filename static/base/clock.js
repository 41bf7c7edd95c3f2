// The clock of the top bar runs on from the server's time.
const app = document.querySelector("[data-now]");
const face = document.querySelector("[data-clock]");
if (app && face) {
  const ahead = Date.parse(app.dataset.now) - Date.now();
  setInterval(() => { face.textContent = new Date(Date.now() + ahead).toISOString().slice(11, 19); }, 1000);
}
