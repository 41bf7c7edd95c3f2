"""What changed is worked out alone, and yields what a whole yields; nothing is lost, nothing newer overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest
from django.db import transaction

from accounts.enums import BlockMode
from accounts.models import Account, EquitySnapshot, Reservation
from accounts.services import block_trading, lift_block
from base import tenancy
from base.core.ids import new_id
from execution.enums import OrderState
from execution.models import ChildOrder
from market.models import FxRate, Quote
from reporting.models import AccountFigures, FigureMark, FigureSources, FigureTotals
from reporting.services import note_visit, refresh_changed, refresh_figures, refresh_where_watched
from reporting.services.figure_changes import hold
from tests.desk import SECOND, make_desk, together
from tests.factories import as_loader, make_account, make_connection, make_firm, make_sleeve

from .test_figures import DAY, NOW, fund, quoted
from .test_figures import hold as own

pytestmark = pytest.mark.django_db


@pytest.fixture
def firm() -> Iterator[Any]:
    made = make_firm()
    with tenancy.firm(made.id):
        yield made


def stored() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return all rows and totals but for when they were written, and the sectors that only a whole makes."""
    rows = [{k: v for k, v in row.items() if k not in ("id", "computed_at")} for row in AccountFigures.objects.order_by("code").values()]
    left_out = ("id", "computed_at", "sectors", "seen_at")
    totals = [{k: v for k, v in row.items() if k not in left_out} for row in FigureTotals.objects.order_by("kind", "label").values()]
    return rows, totals


def quote(instrument: Any, price: str, at: Any) -> None:
    row = {"instrument_id": instrument.id, "source": "T", "as_of": at, "bid": D(price), "ask": D(price), "last": D(price)}
    as_loader(lambda: Quote.objects.using("loader").create(**row))


def rated(base: str, rate: str, at: Any) -> None:
    as_loader(lambda: FxRate.objects.using("loader").create(base=base, quote="USD", rate=D(rate), as_of=at, source="FILE"))


def reserve(account: Account, instrument: Any, cash: str, at: Any) -> Reservation:
    return Reservation.objects.create(
        account=account, sleeve=make_sleeve(), instrument=instrument, side="BUY", order_id=new_id(), original_quantity=1, quantity=1,
        cash_currency=instrument.currency, original_cash=D(cash), cash=D(cash), created_at=at,
    )  # fmt: skip


class Course:
    """A firm to which something happens at random: money, positions, prices, rates, reservations, blocks, evenings, new and closed accounts."""

    def __init__(self, seed: int) -> None:
        self.draw, self.now = Random(seed), NOW
        self.live, self.paper = make_connection(is_paper=False), make_connection()
        self.usd, self.eur = quoted("50"), quoted("20", currency="EUR")
        self.accounts = [
            make_account(base_currency=currency, connection=connection, leverage_regime="REG_T")
            for connection in (self.live, self.paper)
            for currency in ("USD", "EUR")
        ]
        for account in self.accounts:
            fund(account, "1000")
            EquitySnapshot.objects.create(
                account=account, as_of=DAY - timedelta(days=1), cash=1000, market_value=0, equity=1000, external_flow=1000
            )
        self.reservations: list[Reservation] = []

    def step(self) -> str:
        """Let something happen; return what."""
        self.now += timedelta(seconds=self.draw.choice((1, 7, 25)))
        what = self.draw.choice(("fund", "own", "price", "rate", "reserve", "free", "block", "lift", "evening", "open", "close", "nothing"))
        account, instrument = self.draw.choice(self.accounts), self.draw.choice((self.usd, self.eur))
        amount = f"{self.draw.randint(1, 99999) / 100:.2f}"
        if what == "fund":
            fund(account, amount, currency=self.draw.choice(("USD", "EUR")))
        elif what == "own":
            own(account, instrument, str(self.draw.choice((-7, 3, 12))), amount)
        elif what == "price":
            quote(instrument, amount, self.now)
        elif what == "rate":
            rated("EUR", f"1.{self.draw.randint(1000, 1999)}", self.now)
        elif what == "reserve":
            self.reservations.append(reserve(account, instrument, amount, self.now))
        elif what == "free" and self.reservations:
            Reservation.objects.filter(pk=self.reservations.pop().pk).update(released_at=self.now)
        elif what == "block":
            block_trading(
                account_id=account.id,
                instrument_id=None,
                mode=BlockMode.CLOSE_ONLY,
                rule="R",
                reason=amount,
                now=self.now,
                source_id=account.id,
            )
        elif what == "lift":
            lift_block(source_id=account.id, now=self.now)
        elif what == "evening":
            EquitySnapshot.objects.filter(account=account).update(equity=D(amount))
        elif what == "open":
            self.accounts.append(make_account(connection=self.paper, base_currency=self.draw.choice(("USD", "EUR", "GBP"))))
        elif what == "close" and len(self.accounts) > 3:
            self.accounts.remove(account)
            Account.objects.filter(pk=account.pk).update(closed_on=DAY)
        return what


@pytest.mark.parametrize("seed", range(6))
def test_after_whatever_happens_the_changed_alone_yield_what_a_whole_yields(firm: Any, seed: int) -> None:
    course = Course(seed)
    refresh_figures(now=NOW)
    for number in range(14):
        done = [course.step() for _ in range(course.draw.choice((1, 1, 3)))]
        FigureSources.objects.update(whole_at=course.now)
        found = refresh_changed(now=course.now)
        alone = stored()
        assert found.accounts <= len(course.accounts)
        with transaction.atomic():
            refresh_figures(now=course.now, with_history=False)
            assert alone == stored(), (seed, number, done)
            transaction.set_rollback(True)


def test_only_those_that_changed_are_worked_out(firm: Any) -> None:
    one, two, three = make_account(), make_account(base_currency="EUR"), make_account()
    instrument, other = quoted("50"), quoted("10", currency="EUR")
    own(one, instrument, "5", "100")
    own(three, other, "5", "100")
    rated("EUR", "1.25", NOW - timedelta(hours=1))
    refresh_figures(now=NOW)

    def worked(at: int) -> int:
        return refresh_changed(now=NOW + at * SECOND).accounts

    assert worked(1) == 0
    fund(two, "50")
    assert worked(2) == 1 and worked(3) == 0
    quote(instrument, "51", NOW + 4 * SECOND)
    assert worked(4) == 1 and AccountFigures.objects.get(account=one).equity == 255
    rated("EUR", "1.3", NOW + 5 * SECOND)
    assert worked(5) == 2, "the account in euros, and the one that holds what is priced in euros"
    reserve(one, instrument, "3", NOW)
    assert worked(6) == 1
    assert refresh_changed(now=NOW + timedelta(seconds=61)).accounts == 3, "the slow heartbeat works out all"


def test_a_release_its_orders_and_their_ends_are_seen(db: Any) -> None:
    desk = make_desk()
    desk.hold({"A1": 100, "A2": 50})
    with tenancy.firm(desk.firm_id):
        refresh_figures(now=desk.now)
    done = desk.trade({"A1": 3, "A2": 2})
    with tenancy.firm(desk.firm_id):
        assert refresh_changed(now=desk.now + SECOND).accounts == 2
        rows = {row.code: row for row in AccountFigures.objects.all()}
        assert rows["A2"].working == 1 and rows["A2"].orders == 1
        alone = stored()
        refresh_figures(now=desk.now + SECOND)
        assert alone == stored()
        ChildOrder.objects.filter(pk__in=[order.pk for order in desk.orders(done)]).update(state=OrderState.CANCELED)
        refresh_changed(now=desk.now + 2 * SECOND)
        assert AccountFigures.objects.get(code="A2").working == 0
        assert FigureTotals.objects.get(kind="FIRM").working == 0


def test_a_worker_that_dies_loses_nothing(firm: Any) -> None:
    account = make_account()
    refresh_figures(now=NOW)
    fund(account, "70")
    with pytest.raises(RuntimeError), transaction.atomic():
        assert refresh_changed(now=NOW + SECOND).accounts == 1
        raise RuntimeError("the worker dies before it commits")
    assert AccountFigures.objects.get().equity == 0 and FigureMark.objects.count() == 1
    assert refresh_changed(now=NOW + 2 * SECOND).accounts == 1
    assert AccountFigures.objects.get().equity == 70 and not FigureMark.objects.exists()


def test_what_is_rolled_back_leaves_no_mark(firm: Any) -> None:
    account = make_account()
    refresh_figures(now=NOW)
    with transaction.atomic():
        fund(account, "70")
        transaction.set_rollback(True)
    assert not FigureMark.objects.exists() and refresh_changed(now=NOW + SECOND).accounts == 0


def test_an_older_instant_never_overwrites_a_newer_one(firm: Any) -> None:
    account = make_account()
    instrument = quoted("50")
    own(account, instrument, "1", "50")
    quote(instrument, "60", NOW + 5 * SECOND)
    refresh_figures(now=NOW + 6 * SECOND)
    fund(account, "1")
    for late in (refresh_figures, refresh_changed):
        assert late(now=NOW + SECOND).accounts == 0
    assert AccountFigures.objects.get().equity == 60 and FigureMark.objects.count() > 0, "the marks wait for who comes in time"
    refresh_changed(now=NOW + 7 * SECOND)
    assert AccountFigures.objects.get().equity == 61


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_at_once_the_second_leaves_it_to_the_first() -> None:
    firm = make_firm()
    with tenancy.firm(firm.id):
        account = make_account()
        refresh_figures(now=NOW)
        fund(account, "70")

    def second() -> int:
        with tenancy.firm(firm.id):
            return refresh_changed(now=NOW + 2 * SECOND).accounts

    with tenancy.firm(firm.id):
        assert hold(wait=False)
        assert together(second) == [0]
        assert refresh_changed(now=NOW + SECOND).accounts == 1
    with tenancy.firm(firm.id):
        assert AccountFigures.objects.get().equity == 70 and not FigureMark.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_while_a_worker_is_at_it_no_other_forgets_marks_that_the_first_would_not_see() -> None:
    firm = make_firm()
    with tenancy.firm(firm.id):
        account = make_account()
        refresh_figures(now=NOW)
        fund(account, "70")

    def unwatched() -> bool:
        with tenancy.firm(firm.id):
            return refresh_where_watched(now=NOW + SECOND)

    with tenancy.firm(firm.id):
        assert hold(wait=False)
        assert together(unwatched) == [False]
        assert FigureMark.objects.exists()
    assert together(unwatched) == [False]
    with tenancy.firm(firm.id):
        assert not FigureMark.objects.exists()


def test_where_nobody_looks_marks_do_not_pile_up_and_who_comes_back_sees_all(firm: Any) -> None:
    account = make_account()
    assert refresh_where_watched(now=NOW)
    fund(account, "70")
    assert refresh_where_watched(now=NOW + SECOND) is False and not FigureMark.objects.exists()
    note_visit(now=NOW + 2 * SECOND)
    assert refresh_where_watched(now=NOW + 3 * SECOND) and AccountFigures.objects.get().equity == 70
