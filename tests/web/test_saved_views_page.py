"""Saved views in a real browser: what is kept of a selection, and the forms of one's own view."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account
from base import tenancy
from base.live import Topic, announce
from reporting.models import SavedView
from reporting.services import refresh_figures
from tests.api.scene import NOW, Scene, grant, make_scene
from tests.factories import as_loader, make_account
from tests.screens.chromium import CHROMIUM, lands
from tests.web.listening import cookie_of, serving

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]


def make_two() -> tuple[Scene, Account]:
    """Make the scene with one more account, in euros, that the trader sees beside the first; figures are worked out."""
    scene = make_scene()
    with tenancy.firm(scene.firm.id):
        euro = make_account(connection=scene.account.connection, base_currency="EUR")
        for account in (scene.account, euro):
            grant(scene.colleague.user, account, "view")
        refresh_figures(now=NOW)
    return scene, euro


def open_page(browser: Browser, port: int, scene: Scene, query: str = "", *, width: int = 1440) -> Page:
    """Return the trader's page of accounts."""
    context = browser.new_context(viewport={"width": width, "height": 844})
    context.add_cookies([{"name": "sessionid", "value": cookie_of(scene.colleague.user, scene.firm.id), "url": f"http://127.0.0.1:{port}"}])
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/accounts/{query}")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-live-lamp", "live")
    return page


def save_as(page: Page, name: str) -> None:
    """Keep what the page shows, by its own form."""
    page.locator("[popovertarget=views]").click()
    page.get_by_label("Save this filter as").fill(name)
    page.get_by_role("button", name="Save view").click()
    lands(page, r"/accounts/\?view=")


def kept(scene: Scene, name: str) -> Any:
    with tenancy.firm(scene.firm.id):
        return SavedView.objects.get(name=name).filters


def test_a_view_keeps_every_part_of_what_was_chosen(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene, euro = as_loader(make_two)
        with serving() as port:
            page = open_page(browser, port, scene)
            rows = page.locator("#accounts tr[data-row]")
            expect(rows).to_have_count(2)
            page.locator("[popovertarget=filter]").click()
            page.locator("#filter [name=currency]").select_option("EUR")
            page.get_by_role("button", name="Show accounts").click()
            expect(rows).to_have_count(1)
            save_as(page, "Euro2")
            expect(page.get_by_role("status").filter(has_text="View Euro2 saved.")).to_be_visible()
            expect(rows).to_have_count(1)
            expect(rows).to_contain_text(euro.code)
            page.goto(f"http://127.0.0.1:{port}/accounts/?currency=EUR&by=currency&sort=day_pnl&down=1&collapsed=USD&collapsed=CHF")
            page.get_by_role("searchbox", name="Filter accounts").fill(euro.code)
            lands(page, "q=")
            page.get_by_role("button", name="Cards").click()
            save_as(page, "Whole")
            page.evaluate("localStorage.clear()")
            page.reload()
            expect(page.locator("#accounts-layout.as-cards")).to_have_count(1)
            expect(rows).to_have_count(1)
        chosen = {"q": euro.code, "currency": "EUR", "by": "currency", "sort": "day_pnl", "descending": True, "collapsed": ["USD", "CHF"]}
        assert kept(scene, "Euro2") == {"currency": "EUR"}
        assert kept(scene, "Whole") == {**chosen, "layout": "cards"}
        page.context.close()


def test_an_open_menu_outlives_a_refresh(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        scene, _ = as_loader(make_two)
        with serving() as port:
            page = open_page(browser, port, scene)
            page.locator("[popovertarget=grouping]").click()
            with page.expect_response(lambda answer: "/accounts/?" in answer.url and "shown=" in answer.url), tenancy.firm(scene.firm.id):
                announce(Topic.FIGURES, [scene.account.id], accounts=[scene.account.id])
            page.wait_for_timeout(300)
            expect(page.locator("#grouping")).to_be_visible()
        page.context.close()


def test_a_view_is_renamed_and_deleted_on_its_own_page_after_a_refresh_too(
    browser: Browser, django_db_setup: None, django_db_blocker: Any
) -> None:
    with django_db_blocker.unblock():
        scene, _ = as_loader(make_two)
        with serving() as port:
            page = open_page(browser, port, scene, "?currency=EUR")
            chip = page.locator("[popovertarget=views]")
            save_as(page, "Mine")
            expect(page.locator("[data-live-lamp]")).to_have_attribute("data-live-lamp", "live")
            chip.evaluate("(chip) => { chip.dataset.old = 'yes'; }")
            with tenancy.firm(scene.firm.id):
                announce(Topic.FIGURES, [scene.account.id], accounts=[scene.account.id])
            expect(page.locator("[popovertarget=views]:not([data-old])")).to_contain_text("Mine")
            chip.click()
            page.get_by_label("New name").fill("Ours")
            page.get_by_role("button", name="Rename").click()
            expect(chip).to_contain_text("Ours")
            assert kept(scene, "Ours") == {"currency": "EUR"}
            chip.click()
            page.get_by_role("button", name="Delete").click()
            expect(chip).to_contain_text("All accounts")
            assert parse_qs(urlsplit(page.url).query) == {}
        page.context.close()


@pytest.mark.parametrize("menu", ["views", "filter", "grouping"])
def test_menus_lie_within_a_phones_window(browser: Browser, django_db_setup: None, django_db_blocker: Any, menu: str) -> None:
    with django_db_blocker.unblock():
        scene, _ = as_loader(make_two)
        with serving() as port:
            page = open_page(browser, port, scene, width=390)
            page.locator(f"[popovertarget={menu}]").click()
            opened = page.locator(f"#{menu}")
            expect(opened.locator(".skel")).to_have_count(0)
            expect(opened).to_be_visible()
            box = opened.bounding_box()
            assert box is not None
            assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["y"] >= 0 and box["y"] + box["height"] <= 844
            assert opened.evaluate("(menu) => menu.scrollWidth <= menu.clientWidth")
        page.context.close()
