// The tab one is on is in sight: where a row of tabs is wider than the screen, it is scrolled to the current one. The page itself never moves.
const ROWS = ".tabs, .portal__nav, .portal__accounts";

function reveal(row) {
  const tab = row.querySelector("[aria-current]");
  if (!tab || row.scrollWidth <= row.clientWidth) return;
  const [box, own] = [row.getBoundingClientRect(), tab.getBoundingClientRect()];
  row.scrollLeft += own.left + own.width / 2 - box.left - box.width / 2;
}

const revealAll = (root) => root.querySelectorAll(ROWS).forEach(reveal);
revealAll(document);
document.addEventListener("htmx:afterSettle", () => revealAll(document));
