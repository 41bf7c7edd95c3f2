"""What axe-core finds grave on a page, in the light and in the dark, and whether a telephone is wide enough for it.

Entry points: `findings`, `findings_inside`, `findings_in_turn`. axe is read into a page once; the dark asks about contrast alone, nothing else depends
on colours. Of rows built alike two are looked at, an even and an odd one: axe takes seconds for a long table, and would say the same of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 900}
SCRIPT = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
GRAVE = """async function grave(inside, only) {
  const rules = only ? { runOnly: { type: "rule", values: [only] } } : {};
  const { violations } = await axe.run(inside || document, { resultTypes: ["violations"], ...rules });
  const kept = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  return kept.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.target} ${node.html.slice(0, 160)}`));
}"""
THIN = """function thin() {
  const shape = (one) => [one, ...one.querySelectorAll("*")]
    .map((part) => `${part.tagName} ${part.getAttributeNames()} ${part.getAttribute("class")} ${part.getAttribute("role")}`).join();
  for (const list of document.querySelectorAll("table, tbody, ul, ol, select")) {
    const seen = {};
    for (const one of [...list.children]) {
      const like = shape(one);
      seen[like] = (seen[like] || 0) + 1;
      if (seen[like] > 2) one.remove();
    }
  }
}"""
IN_TURN = """async (paths) => {
  const found = [], say = (path) => (one) => found.push(`${path} ${one}`);
  let coming = fetch(paths[0]);
  for (const [i, path] of paths.entries()) {
    const answer = await coming, text = await answer.text();
    coming = paths[i + 1] && fetch(paths[i + 1]);
    const main = new DOMParser().parseFromString(text, "text/html").querySelector("#main");
    if (!main || answer.redirected) { say(path)(`answered ${answer.status} at ${answer.url}`); continue; }
    document.querySelector("#main").replaceWith(document.adoptNode(main));
    await new Promise(requestAnimationFrame);
    thin();
    (await grave("#main")).forEach(say(path));
    document.documentElement.classList.add("dark");
    (await grave("#main", "color-contrast")).forEach(say(path));
    document.documentElement.classList.remove("dark");
  }
  return found;
}"""
OVER = "document.documentElement.scrollWidth - window.innerWidth"


def findings(page: Page, address: str) -> list[str]:
    """Open the address and return what is wrong with it."""
    page.set_viewport_size(DESK)
    page.goto(address, wait_until="load")
    page.set_viewport_size(PHONE)
    over = page.evaluate(OVER)
    page.set_viewport_size(DESK)
    found = findings_inside(page, "")
    return [f"{address} {one}" for one in (*found, *([f"is {over} px wider than a telephone"] if over > 1 else []))]


def findings_inside(page: Page, inside: str) -> list[str]:
    """Return what is wrong with a part of the page as it stands, "" for all of it; it is thinned out by that."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(f"{SCRIPT}; window.grave = {GRAVE}; window.thin = {THIN}; null")
    page.evaluate("thin()")
    page.emulate_media(color_scheme="light")
    found: list[str] = page.evaluate("inside => grave(inside)", inside)
    page.emulate_media(color_scheme="dark")
    return found + page.evaluate("inside => grave(inside, 'color-contrast')", inside)


def findings_in_turn(page: Page, addresses: Sequence[str]) -> list[str]:
    """Return what is wrong with the main part of each of these pages of the admin, put one after the other into the frame that is the same for all.

    A page of its own costs seconds: the stylesheet, the frame and axe are read anew, and the frame is looked at each time.
    """
    page.goto(addresses[0], wait_until="load")
    found = findings_inside(page, "")
    page.emulate_media(color_scheme="light")
    return [*found, *page.evaluate(IN_TURN, list(addresses))]
