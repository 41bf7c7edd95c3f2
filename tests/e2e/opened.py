"""What opens on the console's pages when somebody clicks or types: dialogs, menus, sheets, forms. As whom, where, how, and which part is then looked at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from playwright.sync_api import Page, TimeoutError

from tests.screens.pages import Step, click, fill, press, see


@dataclass(frozen=True, slots=True)
class Opened:
    """steps: what to do on the page as it stands; inside: the part that opened. path "": the page that is open already."""

    inside: str
    steps: tuple[Step, ...]
    path: str = ""


def tip(selector: str) -> Step:
    """Open the first of these, if there is one."""

    def step(page: Page) -> None:
        if page.locator(selector).count():
            page.locator(selector).first.click()

    return step


_TYPED = (fill("#symbol", "ABC"), fill("[name=figure]", "2"), fill("[name=reason]", "a look"), see("#preview .tbl"))


def unfold(button: str, what: str) -> Step:
    """Click until it is in sight: what is being drawn anew just then, for a fill that arrived, forgets a click."""

    def step(page: Page) -> None:
        for _ in range(5):
            page.locator(button).first.click()
            with suppress(TimeoutError):
                page.locator(what).first.wait_for(timeout=4_000)
                return
        raise AssertionError(f"{what} did not open")

    return step


_SHUT = """() => {
  for (const one of document.querySelectorAll("dialog[open]")) one.close();
  for (const one of document.querySelectorAll(":popover-open")) one.hidePopover();
  document.activeElement?.blur();
}"""


def shut(page: Page) -> None:
    """Close what is open, and leave the focus nowhere."""
    page.evaluate(_SHUT)


OPENED: dict[str, tuple[Opened, ...]] = {
    "MANAGER": (
        Opened("#palette", (press("Control+k"), fill("#palette input", "a"), see("#palette li")), "/accounts/"),
        Opened("#keys", (shut, press("?"), see("#keys[open]"))),
        Opened("#views", (shut, click("[popovertarget=views]"), see("#views form"))),
        Opened("#filter", (shut, click("[popovertarget=filter]"), see("#filter select"))),
        Opened("#grouping", (shut, click("[popovertarget=grouping]"), see("#grouping a"))),
        Opened("#me", (shut, click(".rail__foot"), see("#me a"))),
        Opened("#more-widgets", (click("[data-arrange]"), click("[popovertarget=more-widgets]")), "/home/"),
        Opened("#dialogs", (click("main form button.btn--danger"), see("#dialogs dialog[open]")), "/kill-switch/"),
        Opened("#preview", (*_TYPED, tip("#preview [popovertarget^=why-]")), "/ticket/"),
        Opened("#instruments", (shut, fill("#symbol", ""), click("#symbol"), press("A"), see("#instruments li"))),
        Opened("#closing", (click("tbody input[type=checkbox]"), click("#picks .push"), see("#closing form")), "/positions/"),
        Opened(
            "#closing",
            (fill("#levels [name=figure]", "1"), click("#levels-look"), see("#closing .card")),
        ),
        Opened("main", (unfold("tbody button[hx-get]", ".drill tr"),), "/exposure/"),
        Opened("#blotter", (unfold("#blotter tbody button[data-expand]", "#blotter .detail .tbl"),), "/blotter/"),
        Opened("#dialog", (click("#blotter [hx-get$='cancel']"), see("#dialog dialog[open]"))),
        Opened("#dialog", (shut, click("#blotter [hx-get$='replace']"), see("#dialog dialog[open]"))),
        Opened(
            "#toasts",
            (
                shut,
                click("#blotter [hx-get$='cancel']"),
                fill("#dialog [name=reason]", "a look"),
                click("#dialog [type=submit]"),
                see("#toasts > *"),
            ),
        ),
    ),
    "OPERATIONS": (
        Opened("#break", (see("[data-resolve]"), click("input[value=waive]")), "/reconciliation/?break={break}"),
        Opened("#load-file", (click("[data-dialog='load-file']"), see("#load-file[open]"))),
    ),
}
