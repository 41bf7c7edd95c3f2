"""Take pictures of pages in both themes at 1440 and 390 px, and tell what a browser complains about.

python -m tests.screens                          every page
python -m tests.screens --page /blotter/ --role TRADER
python -m tests.screens --page "/accounts/?q=a" --width 390 --theme dark
python -m tests.screens --only ticket        the pages and scenes whose name says so
"""

from __future__ import annotations

import os
import re
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("MAMWEB_ENV", "demo")
os.environ.setdefault("MAMWEB_VAR", str(Path(__file__).resolve().parents[2] / "var" / "stage"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mamweb.settings")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright keeps a loop in this thread

import django
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from tests.screens.chromium import CHROMIUM, FLAGS
from tests.screens.png import pressed

if TYPE_CHECKING:
    from tests.screens.pages import Scene
    from tests.screens.stage import Stage

PHONE = 640
HIDDEN = (
    "[...document.querySelectorAll('.page .card, .page .scroll')].filter(part => getComputedStyle(part).overflowX !== 'visible')"
    ".map(part => part.scrollWidth - part.clientWidth).filter(px => px > 1)"
)
OVERTAKEN = ("htmx:sendAbort", "htmx:afterRequest")  # a preview that a later keystroke replaced


def main() -> int:
    """Take the pictures; return 1 if a browser complained."""
    options = _options()
    django.setup()
    from mamweb.services import attach_services
    from tests.screens.stage import prepare

    attach_services()
    stage = prepare()
    wanted = _readme(options) if options.readme else _wanted(options)
    options.out.mkdir(parents=True, exist_ok=True)
    complaints: list[str] = []
    with stage.web() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for role in dict.fromkeys(scene.role for scene in wanted):
            for width in options.width:
                complaints += _look(browser, address, stage, [scene for scene in wanted if scene.role == role], width, options)
        browser.close()
    print(f"{len(complaints) or 'no'} complaints")
    return 1 if complaints else 0


def _wanted(options: Namespace) -> list[Scene]:
    """Return what to picture: every page and scene, or those named."""
    from tests.screens.pages import ADMIN, PAGES, SCENES, Scene

    if options.page:
        return [Scene(_slug(path), options.role, path) for path in options.page]
    pages = [Scene(_slug(path), role, path, status=404 if "nothing" in path else 200) for role, paths in PAGES.items() for path in paths]
    return [scene for scene in (*pages, *SCENES, *ADMIN) if not options.only or re.search(options.only, f"{scene.role} {scene.name}")]


def _readme(options: Namespace) -> list[Scene]:
    """Return what the README shows, and let it be pictured as it does: light, 1440 px, what one sees without scrolling."""
    from tests.screens.pages import README

    options.out, options.theme, options.width = Path("docs/pictures"), ["light"], [1440]
    return list(README)


def _slug(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "start"


def _look(browser: Browser, address: str, stage: Stage, scenes: list[Scene], width: int, options: Namespace) -> list[str]:
    """Picture one role's scenes at one width, in one browser session."""
    role = scenes[0].role
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(20_000)
    context.set_default_navigation_timeout(90_000)
    if role:
        context.add_cookies([{"name": "sessionid", "value": stage.cookie(role), "url": address}])
    complaints = []
    for scene in scenes:
        if width <= PHONE or not scene.phone_only:
            said = _take(context, address + scene.path.format(**stage.ids), scene, width, options)
            complaints += [f"{role or 'nobody'} {scene.name} {width}: {line}" for line in said]
            print(*complaints[len(complaints) - len(said) :], sep="\n", end="\n" if said else "", flush=True)
    context.close()
    return complaints


def _take(context: BrowserContext, address: str, scene: Scene, width: int, options: Namespace) -> list[str]:
    page = context.new_page()
    page.emulate_media(color_scheme=options.theme[0])
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type == "error" and not message.text.startswith(OVERTAKEN) else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    answer = page.goto(address, wait_until="load")
    status = answer.status if answer else 0
    if status != scene.status:
        said.append(f"status {status}, not {scene.status}")
    said += _act(page, scene)
    page.wait_for_timeout(options.wait)
    name = f"{scene.role.replace('@', '-').lower() or 'nobody'}-{scene.name}"
    for theme in options.theme:
        page.emulate_media(color_scheme=theme)
        if "/admin/" in page.url and not scene.steps:
            page.goto(page.url, wait_until="load")  # the admin asks for the theme when it loads
        page.wait_for_timeout(150)
        picture = page.screenshot(full_page=not options.readme and not page.locator("dialog[open], [popover]:popover-open").count())
        file = f"{scene.name}.png" if options.readme else f"{name}-{theme}-{width}.png"
        (options.out / file).write_bytes(pressed(picture) if options.readme else picture)
    said += _overflow(page, width)
    page.close()
    return [line for line in said if not (scene.status >= 400 and f"status of {scene.status}" in line)]


def _act(page: Page, scene: Scene) -> list[str]:
    """Do the scene's steps; return a complaint if one cannot be done."""
    try:
        for step in scene.steps:
            step(page)
        page.wait_for_load_state()
    except Error as error:
        return [error.message.splitlines()[0]]
    return []


def _overflow(page: Page, width: int) -> list[str]:
    """Return a complaint if the page is wider than its window, or, but for a phone, a card's content wider than the card."""
    wide: Any = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    hidden: Any = [] if width <= PHONE else page.evaluate(HIDDEN)
    return [
        *([f"the page is {wide} px wider than the window"] if wide > 1 else []),
        *(f"a card hides {px} px of what it holds" for px in hidden),
    ]


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m tests.screens", description=__doc__.splitlines()[0])
    parser.add_argument("--page", action="append", default=[], help="a path; may be given several times (default: all)")
    parser.add_argument(
        "--only", default="", help='every page whose "ROLE name" this finds, such as "ticket" or "INVESTOR" (a regular expression)'
    )
    parser.add_argument("--role", default="MANAGER", help='who looks at --page (default: %(default)s; "" is nobody)')
    parser.add_argument("--width", type=int, action="append", help="in px (default: 1440 and 390)")
    parser.add_argument("--theme", action="append", choices=["light", "dark"], help="(default: both)")
    parser.add_argument("--readme", action="store_true", help="the three pictures of the README, into docs/pictures")
    parser.add_argument("--wait", type=int, default=700, help="milliseconds before the picture (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("var/screens"))
    options = parser.parse_args()
    options.width = options.width or [1440, 390]
    options.theme = options.theme or ["light", "dark"]
    return options


if __name__ == "__main__":
    sys.exit(main())
