"""An investor's day: the portal on a phone, and a statement whose figures are the page's."""

from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from pypdf import PdfReader

from accounts.services import snapshot_equity
from base import tenancy
from reporting.services import state_month
from tests.e2e.conftest import Running, investors_codes

pytestmark = pytest.mark.xdist_group("e2e")


@pytest.fixture(scope="module")
def february(running: Running) -> None:
    """Two evenings and the month's statements."""
    with tenancy.firm(running.firm_id):
        for day in (date(2026, 1, 31), date(2026, 2, 27), date(2026, 2, 28)):
            snapshot_equity(as_of=day, now=datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC))
    for code in investors_codes(running.stage):
        made = state_month(firm=running.firm_id, month="2026-02", account=code, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))
        assert [step.problem for step in made] == [""]


def test_the_pdf_says_what_the_page_says(running: Running, february: None) -> None:
    page = running.open("INVESTOR", width=390)
    page.goto(running.address)
    page.wait_for_url("**/portal/**")
    value = page.locator(".portal__value").inner_text().split()[0]
    assert re.fullmatch(r"[\d,]+\.\d\d", value)
    page.get_by_role("link", name="Documents", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the statement of February 2026").first.click()
    text = "\n".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(waiting.value.path().read_bytes())).pages)
    assert value in text


def test_a_foreign_account_is_not_there(running: Running) -> None:
    page = running.open("INVESTOR")
    other = next(pk for code, pk in running.stage.firm.accounts.items() if code not in investors_codes(running.stage))
    assert page.goto(f"{running.address}/portal/{other}/").status == 404  # type: ignore[union-attr]
    assert page.goto(f"{running.address}/accounts/{other}/").status == 403  # type: ignore[union-attr]
