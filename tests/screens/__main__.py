"""Take pictures of pages in both themes at 1440 and 390 px, and tell what a browser complains about.

python -m tests.screens                          every page
python -m tests.screens --page /blotter/ --role TRADER
python -m tests.screens --page "/accounts/?q=a" --width 390 --theme dark
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

os.environ.setdefault("MAMWEB_ENV", "demo")
os.environ.setdefault("MAMWEB_VAR", str(Path(__file__).resolve().parents[2] / "var" / "stage"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright keeps a loop in this thread

import django
from playwright.sync_api import Browser, Page, sync_playwright

from tests.screens.chromium import CHROMIUM, FLAGS


def main() -> int:
    """Take the pictures; return 1 if a browser complained."""
    options = _options()
    django.setup()
    from mamweb.services import attach_services
    from tests.screens.pages import PAGES
    from tests.screens.stage import prepare

    attach_services()
    stage = prepare()
    pages = {options.role: tuple(options.page)} if options.page else PAGES
    options.out.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with stage.web() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for role, paths in pages.items():
            cookie = stage.cookie(role) if role else ""
            for path in paths:
                for theme in options.theme:
                    for width in options.width:
                        complaints += _take(browser, address, cookie, role, path.format(**stage.ids), path, theme, width, options)
        browser.close()
    print("\n".join(complaints) or "no complaints")
    return 1 if complaints else 0


def _take(
    browser: Browser, address: str, cookie: str, role: str, path: str, name: str, theme: str, width: int, options: Namespace
) -> list[str]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    if cookie:
        context.add_cookies([{"name": "sessionid", "value": cookie, "url": address}])
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    answer = page.goto(address + path, wait_until="load")
    page.wait_for_timeout(options.wait)
    if answer and answer.status >= 400 and "nothing" not in path:
        said.append(f"status {answer.status}")
    said += _overflow(page)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "start"
    page.screenshot(path=options.out / f"{(role or 'nobody').lower()}-{slug}-{theme}-{width}.png", full_page=True)
    context.close()
    return [f"{role or 'nobody'} {path} {theme} {width}: {line}" for line in said if "404 (Not Found)" not in line or "nothing" not in path]


def _overflow(page: Page) -> list[str]:
    """Return a complaint if the page is wider than its window."""
    wide: Any = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return [f"the page is {wide} px wider than the window"] if wide > 1 else []


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.screens", description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="append", default=[], help="a path; may be given several times (default: all)")
    parser.add_argument("--role", default="MANAGER", help='who looks at --page (default: %(default)s; "" is nobody)')
    parser.add_argument("--width", type=int, action="append", help="in px (default: 1440 and 390)")
    parser.add_argument("--theme", action="append", choices=["light", "dark"], help="(default: both)")
    parser.add_argument("--wait", type=int, default=700, help="milliseconds before the picture (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("var/screens"))
    options = parser.parse_args()
    options.width = options.width or [1440, 390]
    options.theme = options.theme or ["light", "dark"]
    return options


if __name__ == "__main__":
    sys.exit(main())
