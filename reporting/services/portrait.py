"""An account as its investor sees it: worth, returns, holdings, activity, all by the same proofs as the statement.

Entry points: `portrait`, `Portrait`. Valued at the last evening whose equity is on record: nothing provisional, nothing of today.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from accounts import queries as accounts
from market import queries as market
from market.enums import InstrumentKind
from reporting.core.performance import ValuedDay, period_gain, time_weighted_return
from reporting.core.statement import Statement, build_statement
from reporting.core.statement_inputs import Transaction
from reporting.enums import TransactionKind

from .inputs import statement_inputs

_KIND_WORDS = {
    InstrumentKind.EQUITY: "Shares",
    InstrumentKind.BOND: "Bonds",
    InstrumentKind.ETF: "Funds",
    InstrumentKind.CRYPTO_SPOT: "Crypto assets",
    InstrumentKind.FX: "Currencies",
}
_TOPICS = {
    "trades": {TransactionKind.BUY, TransactionKind.SELL, TransactionKind.CORPORATE_ACTION, TransactionKind.FX},
    "flows": {TransactionKind.DEPOSIT, TransactionKind.WITHDRAWAL, TransactionKind.TRANSFER_IN, TransactionKind.TRANSFER_OUT},
    "income": {TransactionKind.DIVIDEND, TransactionKind.INTEREST, TransactionKind.WITHHOLDING_TAX, TransactionKind.FUNDING},
    "fees": {TransactionKind.MANAGEMENT_FEE, TransactionKind.PERFORMANCE_FEE, TransactionKind.OTHER_FEE},
}
TOPICS = tuple(_TOPICS)
LONGEST_CLOSURE = timedelta(days=7)
PERIODS = ("3m", "year", "all")
"""How far back a page looks: a quarter, since New Year, since the account was opened."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What is owned of one kind. weight: of the account's value, None where that is not positive."""

    title: str
    count: int
    value: Decimal
    weight: Fraction | None


@dataclass(frozen=True, slots=True)
class Return:
    """A time-weighted return after fees over a period that ends with the portrait; None where the account is younger."""

    title: str
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Portrait:
    """as_of: the evening it shows. change, change_rate: since the evening before, without what was paid in or out."""

    statement: Statement
    as_of: date
    value: Decimal
    change: Decimal | None
    change_rate: Decimal | None
    returns: tuple[Return, ...]
    slices: tuple[Slice, ...]

    @property
    def currency(self) -> str:
        """Return the account's own currency."""
        return self.statement.inputs.account.base_currency

    @property
    def days(self) -> tuple[ValuedDay, ...]:
        """Return the valued days, oldest first."""
        return self.statement.inputs.days

    def activity(self, topic: str = "") -> list[Transaction]:
        """Return the bookings of the period, newest first; topic: one of TOPICS, "" for all."""
        rows = self.statement.inputs.transactions
        chosen = rows if not topic else [row for row in rows if row.kind in _TOPICS[topic]]
        return sorted(chosen, key=lambda row: row.booked_date, reverse=True)


def last_valued(*, account_id: UUID, today: date, closed_on: date | None = None) -> date | None:
    """Return the last evening the account's equity is on record for, of its life where it is closed; None for an account that has none."""
    until = today if closed_on is None else min(today, closed_on)
    points = accounts.equity_of(account_id=account_id, since=until - timedelta(days=40), until=until)
    return points[-1].as_of if points else None


def portrait(*, account_id: UUID, opened_on: date, today: date, closed_on: date | None = None, period: str = "year") -> Portrait | None:
    """Return the account as of its last evening, its books since the period's start; None before the first evening.

    period: one of PERIODS. Raises UnableToState as a statement would: figures that do not prove are not shown.
    """
    as_of = last_valued(account_id=account_id, today=today, closed_on=closed_on)
    if as_of is None:
        return None
    starts = {"3m": as_of - timedelta(days=91), "year": date(as_of.year, 1, 1), "all": opened_on}
    start = min(max(starts[period], opened_on), as_of)
    statement = build_statement(statement_inputs(account_id=account_id, start=start, end=as_of, prepared=today))
    days = statement.inputs.days
    last = days[-1] if days else None
    change = period_gain([last]) if last else None
    return Portrait(
        statement,
        as_of,
        statement.bridge.closing,
        change,
        time_weighted_return([last]) if last else None,
        tuple(_returns(days, as_of)),
        tuple(_slices(statement)),
    )


def _returns(days: tuple[ValuedDay, ...], as_of: date) -> Iterable[Return]:
    first = days[0].date if days else as_of
    new_year = date(as_of.year, 1, 1)
    starts = {
        "1 month": as_of - timedelta(days=30),
        "This year": max(new_year, first),
        "1 year": as_of - timedelta(days=364),
        "Since start": first,
    }
    for title, start in starts.items():
        inside = [day for day in days if day.date >= start]
        is_old_enough = bool(inside) and inside[0].date - start <= LONGEST_CLOSURE
        yield Return(title, time_weighted_return(inside) if is_old_enough else None)


def _slices(statement: Statement) -> Iterable[Slice]:
    """Yield what is owned by kind, largest first, then cash and what is earned or owed; the parts add up to the value."""
    facts = market.instruments({int(h.position.instrument_id) for h in statement.holdings}) if statement.holdings else {}
    sums: dict[str, list[Decimal]] = defaultdict(list)
    for holding in statement.holdings:
        kind = InstrumentKind(facts[int(holding.position.instrument_id)].kind)
        sums[_KIND_WORDS.get(kind, str(kind).replace("_", " ").capitalize())].append(holding.value_base)
    closing = statement.bridge.closing
    rows = [(title, len(values), sum(values, Decimal(0))) for title, values in sums.items()]
    rows.sort(key=lambda row: -abs(row[2]))
    rows.append(("Cash", 0, statement.cash_value))
    if statement.accrued:
        rows.append(("Earned or owed, not yet paid", 0, statement.accrued))
    for title, count, value in rows:
        yield Slice(title, count, value, Fraction(value) / Fraction(closing) if closing > 0 else None)
