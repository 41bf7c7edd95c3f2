"""An investor's open page in a real browser: a new evening and a new document come by themselves, what is taken away goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from accounts import services as accounts
from accounts.core.entries import flow
from accounts.models import EquitySnapshot
from base import tenancy
from base.live import Topic, announce
from mamweb.assets import make_assets
from tests.api.scene import NOW, Scene, grant, make_scene
from tests.factories import as_loader, make_account, make_sleeve
from tests.reporting.ledger import holder, stamp, write
from tests.screens.chromium import CHROMIUM, lands
from tests.web.listening import cookie_of, serving
from tests.web.test_statement_pdf import store

pytestmark = [
    pytest.mark.xdist_group("embedded"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no browser at {CHROMIUM}"),
]
FIRST = date(2026, 2, 23)


def evening(account: Any, day: date, equity: int, flow_in: int = 0) -> None:
    """Put an evening of the account on record, and tell of it as the snapshot does."""
    amounts = {"cash": equity, "market_value": 0, "equity": equity, "external_flow": flow_in}
    EquitySnapshot.objects.create(account=account, as_of=day, **amounts)
    announce(Topic.EVENINGS, [account.pk], accounts=[account.pk])


def paid_in(account: Any, sleeve: Any, day: date, amount: int) -> None:
    write([flow(holder(account, sleeve), stamp(day), amount=Decimal(amount), currency_code="USD")])


def open_page(browser: Browser, port: int, scene: Scene, path: str) -> tuple[Page, list[str]]:
    """Return the investor's page, and what the browser complained about."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    cookie = cookie_of(scene.investor.user, scene.firm.id)
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": f"http://127.0.0.1:{port}"}])
    page, said = context.new_page(), []
    charts = make_assets() / "vega" / "embed.js"  # made after this process began to serve: handed over here
    page.route("**/static/vega/embed.js", lambda route: route.fulfill(path=charts, content_type="text/javascript"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if "Content Security Policy" in message.text else None)
    page.goto(f"http://127.0.0.1:{port}{path}")
    expect(page.locator("[data-live-lamp]")).to_have_attribute("data-live-lamp", "live")
    page.evaluate("window.sameDocument = true")
    return page, said


def test_an_investors_page_lives(browser: Browser, django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), serving() as port:
        scene = as_loader(make_scene)
        with tenancy.firm(scene.firm.id):
            account, sleeve = make_account(opened_on=FIRST), make_sleeve()
            grant(scene.investor.user, account, "view")
            paid_in(account, sleeve, FIRST, 100)
            evening(account, FIRST, 100, 100)
        page, said = open_page(browser, port, scene, f"/portal/{account.pk}/")
        value, documents = page.locator(".portal__value"), page.get_by_role("link", name="Download the statement of December 2025")
        expect(value).to_contain_text("100.00")
        expect(documents).to_have_count(0)
        page.get_by_role("link", name="All documents").focus()
        with tenancy.firm(scene.firm.id):
            announce(Topic.POSITIONS, [account.pk], accounts=[account.pk])  # nothing of it shows yet
        page.wait_for_timeout(1_000)
        expect(page.get_by_role("link", name="All documents")).to_be_focused()  # so nothing was put in anew
        with tenancy.firm(scene.firm.id):
            day = FIRST + timedelta(days=1)
            paid_in(account, sleeve, day, 150)
            evening(account, day, 250, 150)
        expect(value).to_contain_text("250.00", timeout=10_000)
        expect(page.locator("figure.vega svg")).to_have_count(1)
        with tenancy.firm(scene.firm.id):
            made = store(replace(scene, account=account), b"%PDF")
            announce(Topic.STATEMENTS, [made], accounts=[account.pk])
        expect(documents).to_have_count(1, timeout=10_000)
        assert page.evaluate("window.sameDocument"), "the page was loaded anew"
        with tenancy.firm(scene.firm.id):
            accounts.revoke_account(account_id=account.pk, user_id=scene.investor.user.id, now=NOW)
        lands(page, f"/portal/{scene.account.pk}/$", timeout=10_000)
        expect(page.locator("body")).not_to_contain_text("250.00")
        with tenancy.firm(scene.firm.id):
            accounts.revoke_account(account_id=scene.account.pk, user_id=scene.investor.user.id, now=NOW)
        expect(page.locator("h3")).to_have_text("No account yet", timeout=10_000)
        with tenancy.firm(scene.firm.id):
            grant(scene.investor.user, scene.account, "view")
        lands(page, f"/portal/{scene.account.pk}/$", timeout=10_000)
        assert said == []
        page.context.close()
