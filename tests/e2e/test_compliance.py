"""A compliance officer's day: what an authority is worth reaches the next ticket at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from accounts.enums import AccountClass
from base import tenancy
from base.clock import process_clock
from base.core.ids import digest
from governance.core.authority import Signature
from governance.enums import AuthorityKind, Power
from governance.services import record_authority
from tests.e2e.conftest import Running
from tests.e2e.test_trader import accounts_of, fill_ticket
from tests.screens.chromium import lands

pytestmark = pytest.mark.xdist_group("e2e")

PASSWORD = "violet-anchor-57-lantern"


def test_a_revoked_authority_leaves_its_accounts_out(running: Running) -> None:
    firm = running.stage.firm
    managed = [person.code for person in firm.people if person.account_class is AccountClass.MANAGED]
    trader, officer = running.open("TRADER"), _signed_in(running, "COMPLIANCE")
    before = accounts_of(fill_ticket(trader, "ABC", "2"))
    (authority,) = running.stage.rows("SELECT id FROM governance_authority WHERE revoked_at IS NULL")[0]
    officer.goto(f"/authorities/{authority}/")
    officer.get_by_role("link", name="Edit in the admin site").click()
    officer.get_by_role("link", name="Revoke").click()
    officer.get_by_label("Reason").fill("the client left")
    officer.get_by_role("button", name="Revoke").click()
    officer.get_by_text("Revoked. Working orders").wait_for()
    officer.goto(f"/authorities/{authority}/")
    expect(officer.locator(".page__sub")).to_contain_text("Revoked")
    expect(officer.locator("main")).to_contain_text("the client left")
    assert accounts_of(fill_ticket(trader, "ABC", "2")) == before - len(managed)
    row = trader.get_by_role("row").filter(has_text=managed[0])
    expect(row).to_contain_text("Left out")
    expect(row).to_contain_text("GOV-2")
    _sign_anew(running, managed)
    assert accounts_of(fill_ticket(trader, "ABC", "2")) == before


def _signed_in(running: Running, role: str) -> Page:
    """Return the page of a person in the role who has shown a password just now."""
    user = get_user_model().objects.get(pk=int(running.stage.firm.actors[role].user_id))
    user.set_password(PASSWORD)
    user.save()
    page = running.open("")
    page.goto("/auth/login/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    lands(page, "/home/$")
    return page


def _sign_anew(running: Running, codes: list[str]) -> None:
    """Record a new agreement over the accounts, signed by both sides."""
    firm, now = running.stage.firm, process_clock().now()
    parties = dict(running.stage.rows("SELECT code, id FROM governance_party"))
    (mandate,) = running.stage.rows("SELECT id FROM governance_mandate")[0]
    began = now - timedelta(minutes=1)
    with tenancy.firm(running.firm_id):
        record_authority(
            code="IMA-NEW",
            kind=AuthorityKind.IMA,
            grantor_id=parties["CLIENTS"],
            grantee_id=parties["MANAGER"],
            account_ids=[firm.accounts[code] for code in codes],
            powers=[Power.TRADE],
            effective_from=began,
            signatures=[Signature("MANAGER", began), Signature("CLIENTS", began)],
            document_sha256=digest("a new agreement"),
            fee_schedule="1% a year",
            mandate_id=mandate,
            clauses={"TRADE": "§1: the manager may trade"},
            actor=firm.actors["COMPLIANCE"],
            now=now,
        )
