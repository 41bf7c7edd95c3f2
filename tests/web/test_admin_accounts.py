"""Accounts opened, closed and opened again in the admin: by whom, from what the form asks, and what a refusal says (ACC-1, ACC-2, GOV-7)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from accounts.models import Account, BrokerConnection, CashBalance
from base import tenancy
from governance.enums import AuditAction, Role
from governance.models import AuditEvent, Mandate, Party
from tests.api.scene import NOW, make_person
from tests.factories import make_account, number

from .overseen import Firm, do, where
from .people import signed_in

pytestmark = pytest.mark.django_db
TODAY = NOW.date()


@pytest.fixture
def firm(settings: Any, tmp_path: Path) -> Firm:
    settings.DOCUMENTS_DIR = tmp_path
    return Firm(tmp_path)


def asked(firm: Firm, **changed: Any) -> dict[str, Any]:
    """Return what the form of a plain account holds."""
    with firm.inside():
        connection = BrokerConnection.objects.latest("id")
    n = number()
    plain = {
        "code": f"NEW{n}",
        "name": "Ada Example",
        "opened_on": "2026-03-02",
        "connection": connection.pk,
        "custodian_account": f"U-{n}",
        "account_class": "PERSONAL",
        "registration": "JOINT",
        "tax_classification": "TAXABLE",
        "leverage_regime": "CASH",
        "base_currency": "USD",
        "settlement_mode": "SETTLED_ONLY",
        "lot_method": "FIFO",
        "position_mode": "NETTING",
        "reason": "signed on Monday",
    }
    return {**plain, **changed}


def test_acc_2_an_account_is_opened_with_all_that_is_asked(firm: Firm) -> None:
    data = asked(firm, owner=firm.row(Party).pk, mandate=firm.row(Mandate).pk, position_cap_rate="0.04", lot_method="HIFO")
    answer = do(firm, Account, "open", data)
    assert answer.status_code == 302, answer.content.decode()
    with firm.inside():
        account = Account.objects.select_related("connection").get(code=data["code"])
        event = AuditEvent.objects.get(subject_id=str(account.pk))
    assert (account.owner_id, account.mandate_id, account.opened_on) == (data["owner"], data["mandate"], date(2026, 3, 2))
    assert account.custodian_id == account.connection.custodian_id and str(account.position_cap_rate).startswith("0.04")
    assert (account.lot_method, account.registration, account.closed_on) == ("HIFO", "JOINT", None)
    assert (event.action, event.actor_id, event.reason, event.before) == (AuditAction.CREATED, firm.officer.id, "signed on Monday", {})
    assert event.after["lot_method"] == "HIFO" and event.after["custodian_account"] == data["custodian_account"]
    page = firm.client().get(where(Account, "change", account.pk)).content.decode()
    assert "Close the account" in page and "Open it again" not in page


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"registration": "ROTH_IRA"}, "registration", "cannot be registered as ROTH_IRA"),
        ({"account_class": "SHELTERED", "registration": "ROTH_IRA", "leverage_regime": "REG_T"}, "leverage_regime", "cannot borrow"),
        ({"account_class": "PROP", "registration": "PROP_DESK"}, "position_cap_rate", "states no position cap"),
        ({"position_cap_rate": "1.5"}, "position_cap_rate", "at most 1"),
        ({"position_cap_rate": "NaN"}, "position_cap_rate", "Enter a number"),
        ({"connection": ""}, "connection", "required"),
        ({"opened_on": "02.03.2026"}, "opened_on", "valid date"),
        ({"base_currency": "USF"}, "base_currency", "valid choice"),
        ({"opened_on": "0026-03-02"}, "opened_on", "1900-01-01 at the earliest"),
        ({"opened_on": "9999-12-31"}, "opened_on", "at most a year from today"),
        ({"code": "x" * 41}, "code", "at most 40"),
        ({"code": "A\n1"}, "code", "nobody can see"),
        ({"reason": " "}, "reason", "required"),
    ],
)
def test_acc_1_what_contradicts_is_said_at_its_field_and_nothing_is_written(firm: Firm, changed: Any, field: str, words: str) -> None:
    with firm.inside():
        before = Account.objects.count(), AuditEvent.objects.count()
    answer = do(firm, Account, "open", asked(firm, **changed))
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {field}
    assert words in answer.context["form"].errors[field][0]
    assert f'id="id_{field}_error"' in answer.content.decode()
    with firm.inside():
        assert (Account.objects.count(), AuditEvent.objects.count()) == before


def test_acc_2_two_contradictions_stand_at_two_fields(firm: Firm) -> None:
    answer = do(firm, Account, "open", asked(firm, account_class="PROP", registration="JOINT"))
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {"registration", "position_cap_rate"}


def test_acc_2_a_code_and_a_number_are_taken_once(firm: Firm) -> None:
    data = asked(firm)
    assert do(firm, Account, "open", data).status_code == 302
    assert do(firm, Account, "open", {**data, "custodian_account": "other"}).context["form"].errors.keys() == {"code"}
    assert do(firm, Account, "open", {**data, "code": "other"}).context["form"].errors.keys() == {"custodian_account"}


def test_i9_another_firms_connection_owner_and_mandate_are_no_choices(firm: Firm, tmp_path: Path) -> None:
    stranger = Firm(tmp_path)
    theirs = {"connection": asked(stranger)["connection"], "owner": stranger.row(Party).pk, "mandate": stranger.row(Mandate).pk}
    answer = do(firm, Account, "open", asked(firm, **theirs))
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {"connection", "owner", "mandate"}


def empty(firm: Firm) -> Account:
    with firm.inside():
        return make_account()


def test_acc_2_an_empty_account_is_closed_and_opened_again(firm: Firm) -> None:
    account = empty(firm)
    address = where(Account, "do_close", account.pk)
    stale = signed_in(firm.officer, firm.scene.firm.id)
    assert stale.get(address)["Location"].startswith("/auth/reauthenticate/")
    day = str(firm.client().get(address).context["form"].initial["closed_on"])
    assert do(firm, Account, "close", {"closed_on": day, "reason": "left"}, account.pk).status_code == 302
    event = firm.event(AuditAction.ENDED)
    assert (event.before, event.after, event.reason) == ({"closed_on": None}, {"closed_on": day}, "left")
    assert event.subject_id == str(account.pk) and event.actor_id == firm.officer.id
    again = do(firm, Account, "close", {"closed_on": day, "reason": "left"}, account.pk)
    assert again.status_code == 409 and b"closed already" in again.content
    page = firm.client().get(where(Account, "change", account.pk)).content.decode()
    assert "Open it again" in page and "Close the account" not in page
    assert do(firm, Account, "reopen", {"reason": "the wrong one"}, account.pk).status_code == 302
    event = firm.event(AuditAction.CHANGED)
    assert (event.before, event.after) == ({"closed_on": day}, {"closed_on": None})
    assert do(firm, Account, "reopen", {"reason": "again"}, account.pk).status_code == 409


def test_acc_2_what_stands_in_an_account_is_named_on_the_form(firm: Firm) -> None:
    account = firm.scene.account
    with firm.inside():
        CashBalance.objects.create(account=account, currency="CHF", settle_date=TODAY, amount=5)
    address = where(Account, "do_close", account.pk)
    day = str(firm.client().get(address).context["form"].initial["closed_on"])
    answer = do(firm, Account, "close", {"closed_on": day, "reason": "left"}, account.pk)
    assert answer.status_code == 422
    said = " ".join(answer.context["form"].non_field_errors())
    for words in (firm.scene.instrument.symbol, "5 CHF of cash", "works or waits to be booked", "with its custodian not resolved"):
        assert words in said
    with firm.inside():
        assert Account.objects.get(pk=account.pk).closed_on is None
        assert not AuditEvent.objects.filter(action=AuditAction.ENDED, subject_id=str(account.pk)).exists()


def test_a_clearing_account_is_not_closed_by_itself(firm: Firm) -> None:
    with firm.inside():
        account = make_account(is_clearing=True)
    assert do(firm, Account, "close", {"closed_on": str(TODAY), "reason": "x"}, account.pk).status_code == 409


@pytest.mark.parametrize("act", ["open", "close", "reopen"])
def test_colleagues_without_the_right_and_strangers_do_nothing(firm: Firm, tmp_path: Path, act: str) -> None:
    account: UUID | None = None if act == "open" else empty(firm).pk
    data = asked(firm, closed_on=str(TODAY))
    for role in (Role.OPERATIONS, Role.MANAGER, Role.TRADER, Role.INVESTOR):
        with firm.inside():
            person = make_person(firm.scene.firm, role).user
        assert do(firm, Account, act, data, account, user=person).status_code == 403, role
    if account is not None:
        assert do(Firm(tmp_path), Account, act, data, account).status_code == 404
    with tenancy.firm(firm.scene.firm.id):
        assert not Account.objects.filter(code=data["code"]).exists()
        assert account is None or Account.objects.get(pk=account).closed_on is None


def test_acc_2_a_code_that_differs_in_its_case_alone_is_taken(firm: Firm) -> None:
    data = asked(firm, code="Case-1")
    assert do(firm, Account, "open", data).status_code == 302
    for code in ("CASE-1", "case-1"):
        answer = do(firm, Account, "open", asked(firm, code=code))
        assert answer.status_code == 422 and "Account Case-1" in answer.content.decode()
        assert list(answer.context_data["form"].errors) == ["code"]
