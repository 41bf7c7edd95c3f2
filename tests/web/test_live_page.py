"""The push in a real browser: a critical alert shows without a reload, the lamp says whether the page lives, a gap is made up for, and what a
person has opened stays open."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, Error, Page, Route, expect

from base import tenancy
from base.live import Topic, announce
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from tests.api.scene import Scene, make_scene
from tests.factories import as_loader
from tests.screens.chromium import CHROMIUM
from tests.web.listening import cookie_of, serving

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]


def open_page(browser: Browser, port: int, scene: Scene, path: str = "/home/") -> tuple[Page, list[str]]:
    """Return the risk officer's page, and what the browser complained about."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": cookie_of(scene.risk.user, scene.firm.id), "url": f"http://127.0.0.1:{port}"}])
    page, said = context.new_page(), []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    page.add_init_script(
        "window.heard = []; addEventListener('DOMContentLoaded', () => { for (const name of ['orders', 'resync'])"
        " document.body.addEventListener('live:' + name, (event) => window.heard.push([name, event.detail.ids])); })"
    )
    page.goto(f"http://127.0.0.1:{port}{path}")
    return page, said


def test_a_page_lives(browser: Browser, django_db_setup: None, django_db_blocker: Any, settings: Any) -> None:
    settings.REHEARSAL_CLOCK = ""
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        with serving() as port:
            page, said = open_page(browser, port, scene)
            lamp = page.locator("[data-live-lamp]")
            expect(lamp).to_have_attribute("data-live-lamp", "live")
            expect(page.locator("#banner")).to_have_count(0)
            with tenancy.firm(scene.firm.id):
                subject = Subject(SubjectKind.ACCOUNT, scene.ids["account"])
                facts: dict[str, Any] = {"rule": "RSK-10", "subject": subject, "message": "Something is wrong", "now": datetime.now(UTC)}
                governance.raise_alert(tier=AlertTier.CRITICAL, audience=Role.RISK, **facts)
                announce(Topic.ORDERS, ["one", "two"], accounts=[scene.account.id] * 2)
            expect(page.locator("#banner strong")).to_have_text("Something is wrong")
            expect(page.locator(".bell__count")).to_have_text("1")
            expect(page.locator("#count-alerts")).to_have_text("1")
            expect(page.locator("#count-authorities")).to_be_hidden()
            page.wait_for_function("window.heard.some(([name, ids]) => name === 'orders' && ids.join() === 'one,two')")
            page.evaluate("window.heard.length = 0")
        expect(lamp).to_have_attribute("data-live-lamp", "stale")
        expect(lamp).to_have_text("What you see may be old")
        with serving(port):
            expect(lamp).to_have_attribute("data-live-lamp", "live", timeout=15_000)
            page.wait_for_function("window.heard.some(([name]) => name === 'resync')")
        assert said == []
        page.context.close()


def test_a_page_of_who_signed_out_says_so_and_asks_again_only_when_somebody_comes_back(
    browser: Browser, django_db_setup: None, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        with serving() as port:
            page, said = open_page(browser, port, scene, "/alerts/")
            page.wait_for_load_state("networkidle")
            sockets: list[Any] = []
            lamp = page.locator("[data-live-lamp]")
            expect(lamp).to_have_attribute("data-live-lamp", "live")
            page.on("websocket", lambda one: sockets.append(one))
            page.context.clear_cookies()
            Session.objects.all().delete()
            words = "Signed out; what you see is old"
            expect(lamp).to_have_text(words)
            page.wait_for_timeout(2_500)
            assert sockets == []
            page.evaluate("window.heard.length = 0")
            page.evaluate("dispatchEvent(new Event('focus'))")
            page.wait_for_timeout(2_500)
            assert len(sockets) == 1 and page.evaluate("window.heard.length") == 0
            expect(lamp).to_have_text(words)
            page.context.add_cookies(
                [{"name": "sessionid", "value": cookie_of(scene.risk.user, scene.firm.id), "url": f"http://127.0.0.1:{port}"}]
            )
            page.evaluate("dispatchEvent(new Event('focus'))")
            expect(lamp).to_have_attribute("data-live-lamp", "live")
            page.wait_for_timeout(300)
            assert page.evaluate("window.heard.length") > 0, "what changed meanwhile is read"
        assert said == []
        page.context.close()


def test_an_open_row_of_exposure_outlives_new_figures(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        button = f"drill-{scene.instrument.pk}"
        with serving() as port:
            page, said = open_page(browser, port, scene, f"/exposure/#{button}")
            holder = page.locator(".drill a").filter(has_text=scene.account.code)
            expect(holder).to_be_visible()  # the address named the row
            expect(page.locator("[data-live-lamp]")).to_have_attribute("data-live-lamp", "live")
            page.evaluate(f"document.getElementById('{button}').dataset.old = 'yes'")
            page.evaluate(  # another part settles between this one's coming and its settling
                "document.body.addEventListener('htmx:afterSwap', () =>"
                " document.querySelector('.topbar').dispatchEvent(new CustomEvent('htmx:afterSettle', { bubbles: true })))"
            )
            with page.expect_response("**/holders"), tenancy.firm(scene.firm.id):  # told when the firm's block ends
                announce(Topic.POSITIONS, [scene.account.id], accounts=[scene.account.id])
            expect(page.locator(f"#{button}:not([data-old])")).to_have_attribute("aria-expanded", "true")
            expect(holder).to_be_visible()
            page.locator(f"#{button}").click()
            expect(page.locator(f"#{button}")).to_have_attribute("aria-expanded", "false")
            expect(holder).to_have_count(0)
        assert said == []
        page.context.close()


def test_a_row_of_exposure_that_was_closed_stays_closed_after_a_refresh_that_failed(
    browser: Browser, django_db_setup: None, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        button = f"drill-{scene.instrument.pk}"
        with serving() as port:
            page, _ = open_page(browser, port, scene, f"/exposure/#{button}")
            holder = page.locator(".drill a").filter(has_text=scene.account.code)
            expect(holder).to_be_visible()
            expect(page.locator("[data-live-lamp]")).to_have_attribute("data-live-lamp", "live")
            page.route("**/exposure/**", lambda route: route.fulfill(status=500))
            with page.expect_response(lambda answer: answer.status == 500), tenancy.firm(scene.firm.id):
                announce(Topic.POSITIONS, [scene.account.id], accounts=[scene.account.id])
            page.wait_for_function("() => !document.querySelector('.htmx-request')")
            page.unroute("**/exposure/**")
            page.locator(f"#{button}").click()
            expect(holder).to_have_count(0)
            page.evaluate("document.body.dispatchEvent(new CustomEvent('htmx:afterSwap'))")  # of any other part
            expect(holder).to_have_count(0)
        page.context.close()


def test_a_row_of_exposure_closed_before_its_answer_came_stays_closed(
    browser: Browser, django_db_setup: None, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        scene = as_loader(make_scene)
        button = f"#drill-{scene.instrument.pk}"
        with serving() as port:
            page, _ = open_page(browser, port, scene, "/exposure/")
            expect(page.locator("[data-live-lamp]")).to_have_attribute("data-live-lamp", "live")
            page.wait_for_load_state("networkidle")  # a refresh would take the row, and what it asked for, away
            held: list[Route] = []
            page.route("**/holders", lambda route: held.append(route))
            with page.expect_request("**/holders"):
                page.locator(button).click()
            page.locator(button).click()
            expect(page.locator(button)).to_have_attribute("aria-expanded", "false")
            with suppress(Error):  # nobody may be waiting for it any more
                held[0].continue_()
            page.wait_for_timeout(500)
            expect(page.locator(".drill a")).to_have_count(0)
        page.context.close()
