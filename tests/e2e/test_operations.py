"""A day at the reconciliation desk: a difference with the custodian, an entry that explains it, and the second person it takes."""

from __future__ import annotations

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from base import tenancy
from tests.e2e.conftest import Running, investors_codes
from tests.e2e.live import arrives, mark
from tests.e2e.papers import ask_to_override, plant_break

pytestmark = pytest.mark.xdist_group("e2e")


@pytest.fixture(scope="module")
def planted(running: Running) -> str:
    """A difference in the last account that nobody else's day is about."""
    with tenancy.firm(running.firm_id):
        return plant_break(running.stage.firm.people[-1].code, is_material=True)


def _ask_for_an_entry(page: Page, planted: str) -> None:
    page.goto(f"/reconciliation/?break={planted}")
    page.get_by_label("Entry type").select_option("DIVIDEND")
    page.get_by_label("Reason").first.fill("the custodian took the dividend back")
    page.get_by_label("Evidence").fill("message of 27 February")
    page.get_by_role("button", name="Send for approval").first.click()
    page.get_by_role("heading", name="Waits for a second person").wait_for()


def test_a_break_is_resolved_by_two_people(running: Running, planted: str) -> None:
    first, second = running.open("OPERATIONS"), running.open("RISK")
    _ask_for_an_entry(first, planted)
    expect(first.get_by_role("button", name="Approve and book")).to_be_disabled()
    second.goto(f"/reconciliation/?break={planted}")
    second.get_by_label("Your reason").fill("compared with the message")
    second.get_by_role("button", name="Approve and book").click()
    expect(second.get_by_text("Approved and done")).to_be_visible()
    first.goto(f"/reconciliation/?break={planted}")
    expect(first.get_by_role("heading", name="Resolved")).to_be_visible()
    expect(first.locator("#desk")).to_contain_text("message of 27 February")
    (posted,) = running.stage.rows("SELECT count(*) FROM reconciliation_adjustment WHERE of_break_id = %s", planted)[0]
    assert posted == 1


def test_an_alert_is_acknowledged_by_name(running: Running, filed: dict[str, str]) -> None:
    page = running.open("MANAGER")
    page.goto(f"/alerts/?alert={filed['alert']}")
    page.get_by_label("Acknowledge with a note").fill("looked at it")
    page.get_by_role("button", name="Acknowledge as Manager").click()
    expect(page.get_by_text("Acknowledged: Daily loss at 83% of its limit")).to_be_visible()


def test_nobody_answers_their_own_request(running: Running, filed: dict[str, str]) -> None:
    with tenancy.firm(running.firm_id):
        approval = ask_to_override(running.stage, filed["account"])
    asker, second = running.open("TRADER"), running.open("RISK")
    asker.goto("/approvals/?show=mine")
    expect(_request(asker, approval).get_by_role("button", name="Approve")).to_be_disabled()
    second.goto("/approvals/")
    _request(second, approval).get_by_placeholder("Your reason").fill("it is their own rule")
    mark(second)
    held: list[tuple[Route, APIResponse]] = []
    second.route("**/approvals/", lambda route: route.continue_() if held else held.append((route, route.fetch())))
    for _ in range(50):  # a part that is just being drawn forgets what it is told
        if not held:
            second.evaluate("document.body.dispatchEvent(new CustomEvent('live:resync', {detail: {ids: []}}))")
            second.wait_for_timeout(200)
    assert held
    with tenancy.firm(running.firm_id):  # while an answer from before it is under way
        later = ask_to_override(running.stage, str(running.stage.firm.accounts[investors_codes(running.stage)[1]]))
    second.wait_for_timeout(1500)
    held[0][0].fulfill(response=held[0][1])
    arrives(second, _request(second, later))
    expect(_request(second, approval).get_by_placeholder("Your reason")).to_have_value("it is their own rule")
    expect(_request(second, approval).get_by_placeholder("Your reason")).to_be_focused()
    _request(second, approval).get_by_role("button", name="Approve").click()
    expect(second.get_by_text("Whoever asked may go on now")).to_be_visible()


def _request(page: Page, approval: str) -> Locator:
    return page.locator(f"article[aria-labelledby='a-{approval}']")
