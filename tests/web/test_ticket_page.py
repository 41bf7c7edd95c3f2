"""The ticket in a real browser: a draft ends with its release, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.api.scene import Scene, make_scene
from tests.factories import as_loader
from tests.screens.chromium import ASK_BY_THEMSELVES, CHROMIUM, lands
from tests.web.listening import cookie_of, serving

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]


def draft(browser: Browser, port: int, scene: Scene) -> Page:
    """Return a ticket with a draft and a button that releases it."""
    context = browser.new_context()
    context.add_cookies([{"name": "sessionid", "value": cookie_of(scene.owner.user, scene.firm.id), "url": f"http://127.0.0.1:{port}"}])
    page = context.new_page()
    for asked in ("ticket/preview", "ticket/instruments*", *ASK_BY_THEMSELVES):  # these would lead to the sign-in before the release does
        page.route(f"**/{asked}", lambda route: route.fulfill(status=204))
    page.goto(f"http://127.0.0.1:{port}/ticket/", wait_until="load")
    page.locator("#symbol").fill("XYZ")
    page.locator("[name=figure]").fill("3")
    assert kept(page), "what is typed is kept"
    page.evaluate(
        "() => { const button = document.createElement('button'); button.id = 'press'; button.type = 'button'; button.textContent = 'Release';"
        " button.dataset.release = ''; button.setAttribute('hx-post', '/ticket/release'); button.setAttribute('hx-include', '#ticket');"
        " document.body.append(button); htmx.process(button); }"  # where no preview takes it away
    )
    return page


def kept(page: Page) -> str:
    return str(page.evaluate("sessionStorage.getItem('mamweb.ticket') || ''"))


def test_a_session_that_ended_before_the_release_leaves_the_draft(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        with serving() as port:
            page = draft(browser, port, scene)
            page.context.clear_cookies(name="sessionid")
            page.locator("#press").dispatch_event("click")
            lands(page, "/auth/login/")
            assert "XYZ" in kept(page), "nothing was released"
        page.context.close()


def test_a_release_ends_the_draft(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        with serving() as port:
            page = draft(browser, port, scene)
            gone = f"/ticket/released/{scene.ids['journey']}/"
            page.route("**/ticket/release", lambda route: route.fulfill(status=204, headers={"HX-Redirect": gone}))
            page.locator("#press").dispatch_event("click")
            lands(page, f"{gone}$")
            assert not kept(page)
        page.context.close()


def test_what_is_stopped_meanwhile_prices_the_ticket_anew(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        with serving() as port:
            page = draft(browser, port, scene)
            page.wait_for_load_state("networkidle")
            for topic in ("switches", "resync"):
                with page.expect_request("**/ticket/preview", timeout=5_000):
                    page.evaluate(f"document.body.dispatchEvent(new CustomEvent('live:{topic}', {{ detail: {{ ids: [] }} }}))")
        page.context.close()
