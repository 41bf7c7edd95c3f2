"""PRF-1, GOV-11: what is booked after an evening was valued, for that evening or a day before it, makes no gain and keeps no statement from being made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal as D
from typing import Any

import pytest

from accounts.core import entries
from accounts.models import EquitySnapshot
from base import tenancy
from reporting.core.performance import ValuedDay
from reporting.core.statement import Statement, build_statement
from reporting.services import UnableToMakeStatement, make_statement
from reporting.services.inputs import statement_inputs
from tests.factories import make_account, make_firm, make_sleeve
from tests.reporting.ledger import holder, stamp, write

pytestmark = pytest.mark.django_db


class Book:
    """An account in dollars whose money and evenings the tests write."""

    def __init__(self) -> None:
        self.account = make_account(opened_on=date(2026, 9, 29))
        self.sleeve = make_sleeve()

    def pay(self, amount: str, day: date, known: datetime) -> None:
        """Book capital of a day at an instant."""
        write([entries.flow(holder(self.account, self.sleeve), stamp(day), amount=D(amount), currency_code="USD")], now=known)

    def charge(self, amount: str, day: date, known: datetime) -> None:
        """Book a fee of a day at an instant."""
        write([entries.fee(holder(self.account, self.sleeve), stamp(day), amount=D(amount), currency_code="USD")], now=known)

    def evening(self, day: date, equity: str, flow: str = "0") -> None:
        """Value a day at nine in the evening."""
        at = datetime.combine(day, datetime.min.time(), UTC).replace(hour=21)
        EquitySnapshot.objects.create(
            account=self.account, as_of=day, valued_at=at, cash=0, market_value=0, equity=D(equity), external_flow=D(flow)
        )

    def state(self, start: date, end: date) -> Statement:
        """Return the statement of a period, made a month later."""
        return build_statement(statement_inputs(account_id=self.account.id, start=start, end=end, prepared=date(2026, 12, 31)))


@pytest.fixture
def book() -> Iterator[Book]:
    with tenancy.firm(make_firm().id):
        yield Book()


def returns(statement: Statement) -> dict[str, Any]:
    return {one.label: one.net for one in statement.returns if one.net is not None}


def moves(days: tuple[ValuedDay, ...]) -> list[tuple[date, D, D, D, D]]:
    return [(d.date, d.begin, d.end, d.inflow, d.outflow) for d in days]


SEP, OCT, NOV = (date(2026, 9, 1), date(2026, 9, 30)), (date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 11, 1), date(2026, 11, 30))


def test_a_deposit_known_after_the_month_end_is_in_both_months_and_is_no_gain(book: Book) -> None:
    book.pay("1000", date(2026, 9, 29), datetime(2026, 9, 29, 12, tzinfo=UTC))
    book.evening(date(2026, 9, 29), "1000", "1000")
    book.evening(date(2026, 9, 30), "1000")
    book.evening(date(2026, 10, 1), "1000")
    book.pay("500", date(2026, 9, 30), datetime(2026, 10, 2, 12, tzinfo=UTC))
    book.evening(date(2026, 10, 2), "1500", "500")
    book.evening(date(2026, 10, 31), "1500")
    september, october = book.state(*SEP), book.state(*OCT)
    assert (september.bridge.flows, september.bridge.closing) == (D(1500), D(1500))
    assert (october.bridge.opening, october.bridge.flows, october.bridge.closing) == (D(1500), D(0), D(1500))
    assert moves(october.inputs.days)[2:] == [
        (date(2026, 10, 1), D(1500), D(1000), D(0), D(500)),
        (date(2026, 10, 2), D(1000), D(1500), D(500), D(0)),
        (date(2026, 10, 31), D(1500), D(1500), D(0), D(0)),
    ]
    assert set(returns(september).values()) | set(returns(october).values()) == {0}


def test_a_deposit_of_the_weekend_that_ends_the_month_is_no_gain_of_the_year(book: Book) -> None:
    book.pay("1000", date(2026, 9, 29), datetime(2026, 9, 29, 12, tzinfo=UTC))
    book.evening(date(2026, 9, 29), "1000", "1000")
    book.evening(date(2026, 10, 30), "1000")
    book.pay("500", date(2026, 10, 31), datetime(2026, 11, 2, 9, tzinfo=UTC))
    book.evening(date(2026, 11, 2), "1500", "500")
    book.evening(date(2026, 11, 30), "1500")
    november = book.state(*NOV)
    assert (november.bridge.opening, november.bridge.closing) == (D(1500), D(1500))
    assert set(returns(november).values()) == {0} and len(returns(november)) > 1
    assert set(returns(book.state(*OCT)).values()) == {0}


def test_a_fee_known_after_the_month_end_is_charged_in_its_month(book: Book) -> None:
    book.pay("1000", date(2026, 9, 29), datetime(2026, 9, 29, 12, tzinfo=UTC))
    book.evening(date(2026, 9, 29), "1000", "1000")
    book.evening(date(2026, 9, 30), "1000")
    book.charge("50", date(2026, 9, 30), datetime(2026, 10, 1, 12, tzinfo=UTC))
    book.evening(date(2026, 10, 1), "950")
    book.evening(date(2026, 10, 31), "950")
    assert book.state(*SEP).bridge.closing == D(950) and book.state(*SEP).bridge.fees == D(-50)
    october = book.state(*OCT)
    assert (october.bridge.opening, october.bridge.closing) == (D(950), D(950)) and returns(october)["This period"] == 0
    document = make_statement(account_id=book.account.id, period_start=OCT[0], period_end=OCT[1], now=datetime(2026, 11, 2, tzinfo=UTC))
    assert document


def test_an_evening_that_nothing_explains_still_refuses_the_statement(book: Book) -> None:
    book.pay("1000", date(2026, 9, 29), datetime(2026, 9, 29, 12, tzinfo=UTC))
    book.pay("500", date(2026, 10, 1), datetime(2026, 10, 2, 12, tzinfo=UTC))  # late, but not of that evening
    book.evening(date(2026, 9, 30), "1100", "1000")
    with pytest.raises(UnableToMakeStatement, match="EQUITY_DIFFERS"):
        make_statement(account_id=book.account.id, period_start=SEP[0], period_end=SEP[1], now=datetime(2026, 11, 2, tzinfo=UTC))
