// The reader's choices (theme, density, colour of gains, sound), applied before the first paint and kept in this browser.
(() => {
  const root = document.documentElement;
  const read = (name) => { try { return localStorage.getItem(name) || ""; } catch { return ""; } };
  const apply = (name, value) => { if (value) root.dataset[name] = value; else delete root.dataset[name]; };
  ["theme", "density", "pnl", "sound"].forEach((name) => apply(name, read(name)));
  window.choices = {
    read,
    keep(name, value) {
      try { localStorage.setItem(name, value); } catch { /* a browser that keeps nothing */ }
      apply(name, value);
      document.dispatchEvent(new CustomEvent("choice", { detail: { name, value } }));
    },
  };
})();
