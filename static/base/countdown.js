// Time that runs out: <b data-until="2026-11-20T14:47:00Z">14:05</b> counts down on the server's clock, and the page is told as it ends.
const app = document.querySelector("[data-now]");
const ahead = app ? Date.parse(app.dataset.now) - Date.now() : 0;
setInterval(() => {
  for (const face of document.querySelectorAll("[data-until]")) {
    const seconds = Math.max(0, Math.floor((Date.parse(face.dataset.until) - Date.now() - ahead) / 1000));
    if (!seconds && !("over" in face.dataset)) {
      face.dataset.over = "";
      document.body.dispatchEvent(new CustomEvent("countdown:over"));
    }
    face.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}, 1000);
