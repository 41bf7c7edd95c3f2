"""An investor's day: the portal on a phone, and a statement whose figures are the page's."""

from __future__ import annotations

import io
import re

import pytest
from pypdf import PdfReader

from tests.e2e.conftest import Running, investors_codes
from tests.screens.chromium import lands

pytestmark = pytest.mark.xdist_group("e2e")


def test_the_pdf_says_what_the_page_says(running: Running, filed: dict[str, str]) -> None:
    page = running.open("INVESTOR", width=390)
    page.goto(running.address)
    lands(page, "/portal/")
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
    assert page.request.get(f"/portal/{other}/").status == 404
    assert page.request.get(f"/accounts/{other}/").status == 403
