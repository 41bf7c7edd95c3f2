// Charts of a page, from the same definitions the PDFs are drawn from (reporting/charts).
// <figure class="vega" data-chart="ID" role="img" aria-label="…"> takes its definition from <script type="application/json" id="ID">:
// {"light": spec, "dark": spec} or one spec for both. Drawn without eval (ast), redrawn when the theme or the width changes.
const LABELS = 54;
let embed;
let themes;

function isDark() {
  return (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

async function load() {
  themes ??= fetch("/static/base/vega.json").then((answer) => answer.json());
  embed ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.type = "module";
    script.src = "/static/vega/embed.js";
    script.onload = () => resolve(window.vegaEmbed);
    script.onerror = reject;
    document.head.append(script);
  });
  return [await embed, await themes];
}

function widened(spec, width) {
  const copy = { ...spec };
  if ("width" in copy) copy.width = width;
  for (const part of ["layer", "vconcat"]) if (copy[part]) copy[part] = copy[part].map((one) => widened(one, width));
  return copy;
}

async function draw(figure) {
  const source = document.getElementById(figure.dataset.chart);
  if (!source) return;
  const both = JSON.parse(source.textContent);
  const spec = isDark() ? both.dark ?? both : both.light ?? both;
  const width = Math.max(figure.clientWidth - Number(figure.dataset.labels || LABELS), 120);
  figure.dataset.width = String(figure.clientWidth);
  try {
    const [vegaEmbed, configs] = await load();
    const config = { ...configs[isDark() ? "dark" : "light"], ...spec.config };
    await vegaEmbed(figure, widened(spec, width), { ast: true, actions: false, renderer: "svg", defaultStyle: false, tooltip: { disableDefaultStyle: true }, config });
  } catch (error) {
    figure.textContent = "The chart could not be drawn.";
    throw error;
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }
});

function all(within = document) {
  within.querySelectorAll("[data-chart]").forEach((figure) => seen.observe(figure));
}

let timer;
addEventListener("resize", () => {
  clearTimeout(timer);
  timer = setTimeout(() => document.querySelectorAll("[data-chart]").forEach((figure) => {
    if (String(figure.clientWidth) !== figure.dataset.width) draw(figure);
  }), 150);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.querySelectorAll("[data-chart]").forEach(draw));
document.addEventListener("choice", (event) => { if (event.detail.name === "theme") document.querySelectorAll("[data-chart]").forEach(draw); });
document.body.addEventListener("htmx:afterSwap", (event) => all(event.detail.elt));
all();
