"""A trader's day: one decision to every account, what became of it, a cancel, and half of it closed again."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import ACCOUNTS, Running
from tests.e2e.live import arrives, mark
from tests.screens.chromium import ASK_BY_THEMSELVES, lands

pytestmark = pytest.mark.xdist_group("e2e")

TRIES = 5  # a preview holds for 60 seconds of the rehearsal, which are twelve


def fill_ticket(page: Page, symbol: str, percent: str, sizing: str = "target_weight") -> Locator:
    """Fill the ticket by keyboard for every account; return the button that would release it."""
    page.goto("/ticket/")
    typed = page.locator("#symbol")
    typed.fill("")
    typed.press_sequentially(symbol[:2].lower())
    found = page.get_by_role("option", name=re.compile(f"^{symbol}"))
    found.wait_for()
    while found.get_attribute("aria-selected") != "true":
        typed.press("ArrowDown")
    typed.press("Enter")
    expect(typed).to_have_value(symbol)
    page.get_by_label("Sizing").select_option(sizing)
    page.locator("[name=figure]").fill(percent)
    page.get_by_label("Reason").fill("a day of the trader")
    button = page.locator("[data-release]").filter(has_text=re.compile(rf"{symbol} to \d+ accounts"))
    button.wait_for()
    page.locator("#ticket-rows tbody tr").first.wait_for()
    return button


def release(page: Page, press: Callable[[], None]) -> int:
    """Release what is shown and return for how many accounts; a preview that has aged meanwhile is refused, looked at anew and released again."""
    for _ in range(TRIES):
        accounts = accounts_of(page.locator("[data-release]"))
        with page.expect_response("**/ticket/release") as answer:
            press()
        if answer.value.status == 204:
            lands(page, "/ticket/released/")
            return accounts
        assert answer.value.status == 409
        with page.expect_response("**/ticket/preview"):
            page.locator("[name=figure]").press("End")
            page.locator("[name=figure]").dispatch_event("change")
        page.locator("[data-release]").wait_for()
    raise AssertionError(f"not released in {TRIES} tries")


def accounts_of(button: Locator) -> int:
    """Return how many accounts the button says it would order for."""
    return int(re.findall(r"to (\d+) accounts", button.inner_text())[0])


def releases(running: Running) -> int:
    """Return how many decisions were released."""
    return int(running.stage.rows("SELECT count(*) FROM allocation_allocationstatement")[0][0])


def test_one_decision_reaches_every_account(running: Running) -> None:
    page, before = running.open("TRADER"), releases(running)
    button = fill_ticket(page, "XYZ", "3")
    assert accounts_of(button) >= ACCOUNTS * 9 // 10
    expect(page.locator("#ticket-rows tfoot")).to_contain_text(f"of {ACCOUNTS} accounts")
    accounts = release(page, lambda: page.locator("[name=figure]").press("Control+Enter"))
    mark(page)
    assert releases(running) == before + 1
    saga = page.locator("#outcomes")
    expect(saga.locator(".saga__row .acct")).to_have_count(accounts)
    arrives(page, saga.get_by_text("Done", exact=True).first)
    arrives(page, page.locator(".kpi").filter(has_text="Average price").filter(has_text=re.compile(r"\d+\.\d+")))


def test_a_double_click_releases_once(running: Running) -> None:
    page, before = running.open("TRADER"), releases(running)
    button = fill_ticket(page, "QRS", "1")
    release(page, button.dblclick)
    assert releases(running) == before + 1
    page.go_back()
    expect(page.locator("#symbol")).to_have_value("")
    expect(page.locator("[data-release]")).to_have_count(0)


def test_a_draft_outlives_a_session_that_ended_before_the_release(running: Running) -> None:
    page, before, cookie = running.open("TRADER"), releases(running), running.cookie("TRADER")
    button = fill_ticket(page, "QRS", "3")
    for asked in ("ticket/preview", *ASK_BY_THEMSELVES):  # these would lead to the sign-in before the release does
        page.route(f"**/{asked}", lambda route: route.fulfill(status=204))
    page.context.clear_cookies(name="sessionid")
    button.click()
    lands(page, "/auth/login/")
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": running.address}])
    page.goto("/ticket/")
    expect(page.locator("#symbol")).to_have_value("QRS")
    assert releases(running) == before


def test_a_saved_view_ticks_its_accounts(running: Running, filed: dict[str, str]) -> None:
    page = running.open("TRADER")
    fill_ticket(page, "ABC", "2")
    page.locator("[data-view]").select_option(label="Every account, shared")
    expect(page.locator("#toasts")).to_contain_text(f"{ACCOUNTS} of Every account, shared ticked")
    expect(page.locator("[name=pick][value=only]")).to_be_checked()
    expect(page.locator("#ticket-rows tfoot")).to_contain_text(f"of {ACCOUNTS} accounts")


def test_what_works_can_be_canceled(running: Running) -> None:
    page = running.open("TRADER")
    button = fill_ticket(page, "QRS", "6")
    release(page, button.click)
    mark(page)
    page.get_by_role("button", name="Cancel what is working").click()
    expect(page.locator("#toasts")).to_contain_text("Cancel asked for")
    arrives(page, page.locator("#outcomes").get_by_text("Ended", exact=True))
    page.goto("/blotter/")
    with page.expect_response(re.compile(r"q=QRS")):
        page.locator("#q").fill("QRS")
    with page.expect_response(re.compile(r"sort=-quantity")):
        page.locator("#blotter thead").get_by_role("link", name="Quantity").click()
    page.wait_for_timeout(500)  # what would undo it comes after it
    expect(page.locator("#blotter th[aria-sort]")).to_have_text("Quantity")
    assert parse_qs(urlsplit(page.url).query)["sort"] == ["-quantity"]


def test_half_of_a_position_is_closed(running: Running, filed: dict[str, str]) -> None:
    page = running.open("TRADER")
    held = tick(page)
    with page.expect_response(re.compile(r"/positions/\?")):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('live:resync', {detail: {ids: []}}))")
    expect(page.get_by_role("row").filter(has_text="ABC").get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_label("Percent to close")).to_have_value("50")
    before, (sold, _) = held.inner_text(), closings(running)
    for _ in range(3):  # a minute may go past the collar; what is not filled at once is canceled, and a person closes again
        _, ended = closings(running)
        page.get_by_role("button", name="Look at it first").click()
        page.get_by_role("button", name="Release 1 closing").click()
        expect(page.get_by_text("released to the gateways")).to_be_visible()
        running.stage.wait_for(lambda ended=ended: closings(running)[1] > ended, "the closing's end")  # type: ignore[misc]
        if closings(running)[0] > sold:
            break
        tick(page)
    expect(held).not_to_have_text(before, timeout=60_000)
    arrives(page, held)
    page.get_by_role("link", name="Outcomes by account").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ABC")


def tick(page: Page) -> Locator:
    """Tick what is held of ABC, for half of it; return where the page says how much that is."""
    page.goto("/positions/")
    mark(page)
    row = page.get_by_role("row").filter(has_text="ABC")
    row.get_by_role("checkbox").check()
    page.get_by_label("Percent to close").fill("50")
    return row.locator("[data-flash]")


def closings(running: Running) -> tuple[int, int]:
    """Return how many sales of ABC filled, and how many parents that sell it have ended."""
    fills = "SELECT count(*) FROM execution_execution e JOIN market_instrument i ON i.id = e.instrument_id WHERE i.symbol = 'ABC' AND e.side = 'SELL'"
    parents = """SELECT count(*) FROM execution_parentorder p JOIN market_instrument i ON i.id = p.instrument_id
                 WHERE i.symbol = 'ABC' AND p.side = 'SELL' AND p.done_at IS NOT NULL"""
    return running.stage.rows(fills)[0][0], running.stage.rows(parents)[0][0]
