"""Closing and reopening against stored books: who may, what stands in the way, what the trail keeps (ACC-2, GOV-7)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D

import pytest

from accounts.core import entries as e
from accounts.core.ledger import Holder
from accounts.models import Account, CashBalance, Position, Reservation
from accounts.services import UnableToClose, close_account, post, reopen_account
from base import tenancy
from base.core.ids import new_id
from base.errors import Forbidden, NotFound
from governance.core.subjects import Actor
from governance.enums import AuditAction, Role
from governance.models import AuditEvent
from tests.accounts.books import DAY, NOW, make_world
from tests.factories import make_account, make_firm, make_user

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=3)


@pytest.fixture
def world():
    with tenancy.firm(make_firm().id):
        yield make_world()


def officer(role: Role = Role.COMPLIANCE) -> Actor:
    return Actor(str(make_user(role).pk), role)


def close(account: Account, **changed) -> None:
    facts = {"closed_on": LATER.date(), "now": LATER, "reason": "the client left", "actor": officer(), **changed}
    close_account(account_id=account.pk, **facts)


def pay(account: Account, key: str, amount: str, day=DAY) -> None:
    at_once = e.Stamp(day, day, key)
    post(transactions=[e.flow(Holder(account.id), at_once, currency_code="USD", amount=D(amount))], now=NOW)


def test_acc_2_an_empty_account_closes_and_opens_again_with_its_trail(world):
    pay(world.account, "in", "100")
    pay(world.account, "out", "-100")
    close(world.account)
    account = Account.objects.get(pk=world.account.pk)
    assert account.closed_on == LATER.date()
    event = AuditEvent.objects.get(action=AuditAction.ENDED, subject_id=str(account.pk))
    assert (event.before, event.after, event.reason) == ({"closed_on": None}, {"closed_on": str(LATER.date())}, "the client left")
    with pytest.raises(UnableToClose, match="is closed since"):
        close(account)
    reopen_account(account_id=account.pk, actor=officer(Role.RISK), now=LATER, reason="a mistake")
    assert Account.objects.get(pk=account.pk).closed_on is None
    event = AuditEvent.objects.get(action=AuditAction.CHANGED, subject_id=str(account.pk))
    assert (event.before, event.after) == ({"closed_on": str(LATER.date())}, {"closed_on": None}) and event.actor_role == Role.RISK
    with pytest.raises(UnableToClose, match="is open"):
        reopen_account(account_id=account.pk, actor=officer(), now=LATER, reason="again")


def test_acc_2_what_stands_in_the_books_is_all_named_and_nothing_is_written(world):
    pay(world.account, "in", "1000")
    post(transactions=[world.trade("buy", 3, 10)], now=NOW)
    unsettled = {"settle_date": LATER.date() + timedelta(days=1), "amount": D(7), "receivable": D(2)}
    CashBalance.objects.create(account=world.account, currency="USD", **unsettled)
    hold = {"account": world.account, "sleeve": world.sleeve, "instrument": world.instrument, "side": "BUY", "order_id": new_id()}
    figures = {"original_quantity": 1, "quantity": 1, "original_cash": 9, "cash": 9, "cash_currency": "USD", "created_at": NOW}
    Reservation.objects.create(**hold, **figures)
    before = AuditEvent.objects.count()
    with pytest.raises(UnableToClose) as refused:
        close(world.account)
    said = refused.value.message
    for words in (
        f"it holds 3 {world.instrument.symbol}",
        "it holds 969 USD of cash",
        "7 USD has not settled",
        "2 USD is accrued",
        "1 live order holds",
    ):
        assert words in said
    assert refused.value.context["fields"].keys() == {""}
    assert Account.objects.get(pk=world.account.pk).closed_on is None and AuditEvent.objects.count() == before


def test_a_long_and_a_short_that_cancel_each_other_still_stand(world):
    for quantity, leg in ((5, new_id()), (-5, new_id())):
        Position.objects.create(
            account=world.account, sleeve=world.sleeve, instrument=world.instrument, leg_id=leg, quantity=quantity, last_traded_on=DAY
        )
    with pytest.raises(UnableToClose, match=f"it holds 10 {world.instrument.symbol}"):
        close(world.account)


def test_rec_1_the_evening_of_the_last_booking_is_proved_before(world):
    pay(world.account, "in", "100")
    pay(world.account, "out", "-100", LATER.date())
    with pytest.raises(UnableToClose, match="at the earliest") as refused:
        close(world.account)
    assert refused.value.context["fields"].keys() == {"closed_on"}
    following = LATER + timedelta(days=1)
    close(world.account, closed_on=following.date(), now=following)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.RISK, Role.COMPLIANCE}))
def test_gov_7_other_roles_close_and_reopen_nothing(world, role):
    with pytest.raises(Forbidden):
        close(world.account, actor=officer(role))
    with pytest.raises(Forbidden):
        reopen_account(account_id=world.account.pk, actor=officer(role), now=LATER, reason="x")


def test_i9_another_firms_account_is_not_there():
    with tenancy.firm(make_firm().id):
        stranger = make_account()
    with tenancy.firm(make_firm().id), pytest.raises(NotFound):
        close(stranger)
