// Time that runs out: <b data-until="2026-11-20T14:47:00Z">14:05</b> counts down on the server's clock.
const app = document.querySelector("[data-now]");
const ahead = app ? Date.parse(app.dataset.now) - Date.now() : 0;
setInterval(() => {
  for (const face of document.querySelectorAll("[data-until]")) {
    const seconds = Math.max(0, Math.floor((Date.parse(face.dataset.until) - Date.now() - ahead) / 1000));
    face.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}, 1000);
