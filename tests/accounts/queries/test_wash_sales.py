"""WASH-1 to WASH-15 from the books: whose purchases wash whose losses, and who may know of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.core import entries as e
from accounts.core.ledger import Holder
from accounts.core.relationships import party
from accounts.enums import Registration, RelationshipKind, TaxClassification, WashFate, WashState
from accounts.models import Account, LedgerEntry, LotClosure, TaxLot
from accounts.queries.wash_sales import WashSales, wash_sales
from base import tenancy
from base.core.ids import new_id
from governance.core.subjects import Viewer
from governance.enums import Role
from governance.models import Party
from market.enums import InstrumentKind
from tests.accounts.books import NOW, World, make_accounts, make_world
from tests.factories import make_account, make_firm, make_instrument, make_user, number

pytestmark = pytest.mark.django_db
SOLD, TODAY = date(2026, 3, 2), date(2026, 3, 25)


@pytest.fixture
def firm():
    firm = make_firm()
    with tenancy.firm(firm.id):
        yield firm


@pytest.fixture
def world(firm) -> World:
    return make_world(owner=make_party())


def make_party() -> Party:
    return Party.objects.create(code=f"P{number()}", name="A client")


def post(world: World, *trades: tuple[Any, ...], account: Account | None = None, **more: Any) -> None:
    """Book (quantity, price, "MM-DD") without fees, in the world's account or another."""
    holder = Holder((account or world.account).id, world.sleeve.id)
    rows = [
        world.trade(new_id(), quantity, price, day=date.fromisoformat(f"2026-{on}"), fee=0, holder=holder) for quantity, price, on in trades
    ]
    services.post(transactions=[replace(row, **more) for row in rows], now=NOW)


def viewer(*granted: Account, role: Role = Role.MANAGER, on: date = TODAY) -> Viewer:
    user = make_user(role)
    for account in granted:
        services.grant_account(account_id=account.id, user_id=user.id, can_trade=False, now=NOW)
    return Viewer(user.pk, role is Role.COMPLIANCE, on)


def found(who: Viewer, *, on: date = TODAY, **more: Any) -> WashSales:
    return wash_sales(who, since=on - timedelta(days=61), until=on, **more)


BASE = ((100, 50, "01-05"), (-100, 42, "03-02"))


def test_wash_9_w1_from_the_books(world):
    post(world, *BASE, (100, 43, "03-20"))
    (row,) = found(viewer(world.account)).rows
    assert (row.code, row.symbol, row.sale_date, row.quantity) == (world.account.code, world.instrument.symbol, SOLD, 100)
    assert (row.loss, row.deferred, row.permanent, row.allowed, row.currency) == (800, 800, 0, 0, "USD")
    (bought,) = row.replacements
    assert (bought.code, bought.bought_on, bought.quantity, bought.fate) == (row.code, date(2026, 3, 20), 100, WashFate.DEFERRED)
    assert row.rules == ("WASH-9",) and not row.is_estimated and row.unseen == 0


def test_wash_10_w8_own_and_sheltered_purchases(world):
    ira = make_account(
        owner=world.account.owner, registration=Registration.TRADITIONAL_IRA, tax_classification=TaxClassification.TAX_DEFERRED
    )
    post(world, *BASE, (60, 43, "03-12"))
    post(world, (60, 43, "03-10"), account=ira)
    (row,) = found(viewer(role=Role.COMPLIANCE)).rows
    assert (row.deferred, row.permanent, row.allowed) == (320, 480, 0)
    assert [(one.code, one.quantity, one.amount) for one in row.replacements] == [(ira.code, 60, 480), (world.account.code, 40, 320)]
    assert row.rules == ("WASH-9", "WASH-10")


def test_wash_10_w7_from_the_books(world):
    ira = make_account(owner=world.account.owner, registration=Registration.ROTH_IRA, tax_classification=TaxClassification.TAX_FREE)
    post(world, *BASE)
    post(world, (60, 43, "03-20"), account=ira)
    (row,) = found(viewer(role=Role.COMPLIANCE)).rows
    assert (row.deferred, row.permanent, row.allowed) == (0, 480, 320)


def test_wash_11_w10_a_spouse_whom_the_graph_links(world):
    spouse = make_account(owner=make_party())
    services.relate(
        kind=RelationshipKind.TAX_UNIT,
        source=party(world.account.owner_id),
        target=party(spouse.owner_id),
        valid_from=date(2020, 1, 1),
        now=NOW,
    )
    post(world, *BASE)
    post(world, (100, 43, "03-20"), account=spouse)
    (row,) = found(viewer(role=Role.COMPLIANCE)).rows
    assert (row.deferred, row.rules) == (800, ("WASH-11",))


def test_wash_2_another_clients_purchase_washes_nothing(world):
    post(world, *BASE)
    post(world, (100, 43, "03-20"), account=make_account(owner=make_party()))
    assert found(viewer(role=Role.COMPLIANCE)) == WashSales((), exposed=1)


def test_a_purchase_out_of_sight_counts_and_is_not_told(world):
    hidden = make_account(owner=world.account.owner)
    post(world, *BASE, (40, 43, "03-12"))
    post(world, (60, 43, "03-20"), account=hidden)
    (row,) = found(viewer(world.account)).rows
    assert (row.deferred, row.unseen) == (800, 480)
    assert [one.code for one in row.replacements] == [world.account.code]
    assert found(viewer(hidden)) == WashSales((), 0)


def test_whose_account_is_out_of_sight_sees_no_row(world):
    post(world, *BASE, (100, 43, "03-20"))
    assert found(viewer()) == WashSales((), 0)
    other = make_account()
    assert found(viewer(other)).rows == () and found(viewer(world.account), account_ids=[other.id]).rows == ()


def test_i9_another_firms_officer_sees_nothing():
    with tenancy.firm(make_firm().id):
        there = make_world(owner=make_party())
        post(there, *BASE, (100, 43, "03-20"))
        assert len(found(viewer(role=Role.COMPLIANCE)).rows) == 1
    with tenancy.firm(make_firm().id):
        who = viewer(role=Role.COMPLIANCE)
        assert found(who) == WashSales((), 0) and found(who, account_ids=[there.account.id]) == WashSales((), 0)


def test_wash_15_provisional_until_the_thirty_first_day(world):
    post(world, *BASE, (100, 43, "03-20"))
    for on, state in ((date(2026, 4, 1), WashState.PROVISIONAL), (date(2026, 4, 2), WashState.FINAL)):
        (row,) = found(viewer(world.account), on=on).rows
        assert (row.state, row.final_from) == (state, date(2026, 4, 2))
    assert found(viewer(world.account), on=date(2026, 5, 3)).rows == ()


def test_wash_3_a_loss_without_a_purchase_is_exposed_until_the_window_ends(world):
    post(world, (100, 50, "01-05"), (-50, 42, "06-01"))
    assert found(viewer(world.account), on=date(2026, 7, 1)) == WashSales((), 1)
    assert found(viewer(world.account), on=date(2026, 7, 2)) == WashSales((), 0)


def test_a_loss_inside_an_ira_is_neither_flagged_nor_exposed(world):
    ira = make_account(owner=make_party(), registration=Registration.ROTH_IRA, tax_classification=TaxClassification.TAX_FREE)
    post(world, *BASE, account=ira)
    assert found(viewer(role=Role.COMPLIANCE)) == WashSales((), 0)
    post(world, (100, 43, "03-20"), account=ira)
    assert found(viewer(role=Role.COMPLIANCE)) == WashSales((), 0)


def test_wash_5_fills_of_one_decision_are_one_purchase(world):
    post(world, (100, 50, "02-16"), (100, 51, "02-16"), journey_id=new_id())
    post(world, (-100, 45, "03-02"))
    assert found(viewer(world.account)).rows == ()
    apart = make_world(owner=make_party())
    post(apart, (100, 50, "02-16"), (100, 51, "02-16"), (-100, 45, "03-02"))
    assert found(viewer(apart.account)).rows[0].deferred == 500


def test_wash_6_one_sale_of_two_lots_is_one_row(world):
    post(world, (50, 38, "01-05"), (50, 48, "01-06"), (-100, 42, "03-02"), (100, 43, "03-09"))
    (row,) = found(viewer(world.account)).rows
    assert (row.quantity, row.loss, row.deferred) == (50, 300, 300)


def test_wash_15_w9_an_old_chain_is_carried_into_what_is_sold_today(world):
    post(world, *BASE, (100, 43, "03-05"), (-100, 40, "03-16"), (100, 39, "03-27"), (-100, 48, "07-01"), (10, 47, "07-02"))
    (row,) = found(viewer(world.account), on=date(2026, 7, 3)).rows
    assert (row.loss, row.deferred, row.allowed) == (200, 20, 180)


def test_wash_14_a_short_covered_and_sold_again(world):
    post(world, (-100, 50, "01-12"), (100, 56, "02-09"), (-100, 55, "02-20"))
    (row,) = found(viewer(world.account), on=date(2026, 3, 1)).rows
    assert (row.loss, row.deferred, row.rules) == (600, 600, ("WASH-14",))


@pytest.mark.parametrize("kind", [InstrumentKind.CRYPTO_SPOT, InstrumentKind.FX, InstrumentKind.FUTURE, InstrumentKind.OPTION])
def test_wash_1_what_is_not_in_scope_is_not_flagged(world, kind):
    world.instrument = make_instrument(kind=kind)
    post(world, *BASE, (100, 43, "03-20"))
    assert found(viewer(world.account)) == WashSales((), 0)


def test_wash_13_substantially_identical_instruments_wash_each_other(world):
    one, other = make_instrument(identity_group="SAME"), make_instrument(identity_group="SAME")
    world.instrument = one
    post(world, *BASE)
    world.instrument = other
    post(world, (100, 43, "03-20"))
    (row,) = found(viewer(world.account)).rows
    assert (row.symbol, row.deferred) == (one.symbol, 800)


def test_a_split_makes_the_figures_an_estimate(world):
    post(world, (100, 50, "01-05"))
    holder, stamp = world.holder, e.Stamp(date(2026, 2, 2), date(2026, 2, 2), "split")
    services.post(
        transactions=[e.split(holder, stamp, instrument_id=world.instrument.id, quantity=D(100), new_shares=2, old_shares=1)], now=NOW
    )
    post(world, (-200, 21, "03-02"), (200, 22, "03-20"))
    (row,) = found(viewer(world.account)).rows
    assert (row.loss, row.deferred, row.is_estimated) == (800, 800, True)


def test_wash_4_what_moved_in_kind_was_bought_on_its_own_day_and_is_an_estimate(world):
    post(world, *BASE)
    other = make_account(owner=world.account.owner)
    post(world, (100, 43, "03-10"), account=other)
    move = e.position_transfer(
        Holder(other.id, world.sleeve.id),
        world.holder,
        e.Stamp(date(2026, 3, 20), date(2026, 3, 20), "move"),
        instrument_id=world.instrument.id,
        quantity=D(100),
        basis=D(4300),
        currency_code="USD",
        acquired_date=date(2026, 3, 10),
    )
    services.post(transactions=[move], now=NOW)
    (row,) = found(viewer(role=Role.COMPLIANCE)).rows
    assert (row.deferred, row.is_estimated, row.replacements[0].bought_on) == (800, True, date(2026, 3, 10))


def test_a_flag_changes_no_book(world):
    post(world, *BASE, (100, 43, "03-20"))
    before = [list(model.objects.order_by("pk").values()) for model in (LedgerEntry, TaxLot, LotClosure)]
    assert found(viewer(world.account)).rows
    assert [list(model.objects.order_by("pk").values()) for model in (LedgerEntry, TaxLot, LotClosure)] == before


def test_the_number_of_statements_does_not_grow_with_accounts(world):
    who = viewer(role=Role.COMPLIANCE)
    counts = []
    for n in (1, 6):
        make_accounts(world.account, n)
        for account in Account.objects.filter(is_clearing=False):
            post(world, *BASE, (100, 43, "03-20"), account=account)
        with CaptureQueriesContext(connection) as queries:
            found(who)
        counts.append(len(queries))
        world = make_world(owner=make_party())
    assert counts[0] == counts[1] <= 10
