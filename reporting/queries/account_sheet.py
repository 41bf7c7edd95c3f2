"""One account on its own page: what it holds and is worth now, its orders and fills.

Entry points: `holdings_now`, `cash_ladder`, `orders_of`, `fills_of`, `evenings_of`, `days_between`. Inside the caller's tenancy block.
Invariant: what has no price says so and is in no total.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID

from accounts import queries as accounts
from accounts.queries.books import EquityPoint, LotFacts
from accounts.queries.sheet import reserved_of
from accounts.queries.valuation import prices_of
from base.core.money import round_money
from execution.enums import Level
from execution.queries.levels import LevelLine, levels_of
from execution.queries.parts import orders_with
from execution.queries.story import shares_in_sight
from execution.queries.visible import newest, visible_executions
from governance.core.subjects import Viewer
from market import queries as market
from market.queries import InstrumentFacts
from reporting.core.performance import ValuedDay

MOST = 200
PAGE = 60  # of orders on a page


@dataclass(frozen=True, slots=True)
class HoldingNow:
    """A position at its last price. value, gain: the instrument's currency; None without a price (or without lots).

    stops, targets: of each sleeve that has one.
    """

    instrument: InstrumentFacts
    quantity: Decimal
    price: Decimal | None
    source: str
    value: Decimal | None
    basis: Decimal | None
    gain: Decimal | None
    stops: tuple[LevelLine, ...] = ()
    targets: tuple[LevelLine, ...] = ()


@dataclass(frozen=True, slots=True)
class LotRow:
    """An open lot with its instrument."""

    lot: LotFacts
    instrument: InstrumentFacts
    gain: Decimal | None


@dataclass(frozen=True, slots=True)
class CashRung:
    """Cash of one currency: by trade date, settled, still to be paid for trades, held by live orders, and what is left of the settled part."""

    currency: str
    trade_date_cash: Decimal
    settled: Decimal
    debits: Decimal
    reserved: Decimal

    @property
    def unsettled(self) -> Decimal:
        """Return what has been traded and not yet paid."""
        return self.trade_date_cash - self.settled

    @property
    def free(self) -> Decimal:
        """Return settled cash that neither a trade nor an order has use for: debits count at once, credits once settled (ACC-4)."""
        return self.settled - self.debits - self.reserved


@dataclass(frozen=True, slots=True)
class FillRow:
    """A fill of the account: an execution of its own order, or its booked share of a block."""

    at: datetime
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    is_share: bool
    journey_id: UUID | None


def holdings_now(*, account_id: UUID, now: datetime) -> tuple[list[HoldingNow], list[LotRow]]:
    """Return what the account holds, by symbol, and its open lots, by symbol, the oldest of an instrument first."""
    held: dict[int, Decimal] = defaultdict(Decimal)
    for position in accounts.positions_of(account_id=account_id):
        held[position.instrument_id] += position.quantity
    lots = accounts.lots_of(account_id=account_id)
    ids = sorted({*held, *(lot.instrument_id for lot in lots)})
    if not ids:
        return [], []
    facts = market.instruments(ids)
    prices = prices_of(instrument_ids=ids, now=now)
    worth = dict(zip(prices.ids.tolist(), prices.worth, strict=True))
    basis: dict[int, Decimal] = defaultdict(Decimal)
    for lot in lots:
        basis[lot.instrument_id] += lot.basis if lot.quantity > 0 else -lot.basis
    levels = levels_of(account_id=account_id)
    rows = []
    for pk, quantity in held.items():
        if quantity:
            stops, targets = (tuple(levels.get(pk, {}).get(kind, ())) for kind in (Level.STOP, Level.TARGET))
            value = _value(quantity, worth[pk], facts[pk])
            cost = basis.get(pk)
            gain = None if value is None or cost is None else value - cost
            price = _price(worth[pk], facts[pk])
            rows.append(HoldingNow(facts[pk], quantity, price, prices.sources.get(pk, ""), value, cost, gain, stops, targets))
    shown = [LotRow(lot, facts[lot.instrument_id], _lot_gain(lot, worth[lot.instrument_id], facts[lot.instrument_id])) for lot in lots]
    return sorted(rows, key=lambda row: row.instrument.symbol), sorted(shown, key=lambda one: one.instrument.symbol)


def cash_ladder(*, account_id: UUID, on: date) -> list[CashRung]:
    """Return the account's cash by currency."""
    reserved = reserved_of(account_id=account_id)
    rows = accounts.cash_of(account_id=account_id, on=on)
    return [
        CashRung(row.currency, row.trade_date_cash, row.settled, row.unsettled_debits, reserved.get(row.currency, Decimal(0)))
        for row in rows
    ]


def orders_of(*, account_id: UUID, connection_id: UUID, viewer: Viewer, before: UUID | None = None, most: int = MOST) -> list[Any]:
    """Return the account's orders in sight, blocks it has a part in included, newest first; as `execution.queries.parts.orders_with` tells them.

    connection_id: the account's. before: only orders older than this one. most: at most so many.
    """
    rows = orders_with(viewer, account_id=account_id, connection_id=connection_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.select_related("instrument", "connection").order_by("-id")[:most])


def fills_of(*, account_id: UUID, viewer: Viewer) -> list[FillRow]:
    """Return the account's newest fills as they stand: what was corrected or taken back is not among them."""
    mine = visible_executions(viewer).filter(account_id=account_id, order__is_block=False, last_qty__gt=0)
    own = newest(mine).select_related("instrument", "order")
    rows = [
        FillRow(
            e.executed_at,
            e.instrument.symbol if e.instrument else e.reported_symbol,
            e.side,
            e.last_qty,
            e.last_px,
            e.fee,
            e.currency,
            False,
            e.journey_id,
        )
        for e in own.order_by("-executed_at")[:MOST]
    ]
    shares = shares_in_sight(viewer).filter(account_id=account_id).select_related("booking__parent__instrument")
    for share in shares.order_by("-booking__booked_at")[:MOST]:
        parent = share.booking.parent
        exact = share.notional / share.quantity / parent.instrument.multiplier
        rows.append(
            FillRow(
                share.booking.booked_at,
                parent.instrument.symbol,
                parent.side,
                share.quantity,
                abs(exact),
                share.fee,
                parent.instrument.currency,
                True,
                share.booking.journey_id,
            )
        )
    return sorted(rows, key=lambda row: row.at, reverse=True)[:MOST]


def evenings_of(*, account_id: UUID, since: date, until: date) -> list[EquityPoint]:
    """Return the account's evenings on record from `since` to `until`, both included."""
    return accounts.equity_of(account_id=account_id, since=since, until=until)


def days_between(evenings: Sequence[EquityPoint]) -> list[ValuedDay]:
    """Return the n − 1 valued days between n evenings, for curves freed of deposits and withdrawals."""
    zero = Decimal(0)
    return [
        ValuedDay(now.as_of, before.equity, now.equity, max(now.external_flow, zero), max(-now.external_flow, zero))
        for before, now in pairwise(evenings)
    ]


def total(values: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of figures, None if one is missing."""
    return None if any(value is None for value in values) else sum((value for value in values if value is not None), Decimal(0))


def _value(quantity: Decimal, worth: Fraction | None, facts: InstrumentFacts) -> Decimal | None:
    return None if worth is None else round_money(Fraction(quantity) * worth, facts.currency)


def _price(worth: Fraction | None, facts: InstrumentFacts) -> Decimal | None:
    if worth is None:
        return None
    exact = worth / Fraction(facts.multiplier)
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def _lot_gain(lot: LotFacts, worth: Fraction | None, facts: InstrumentFacts) -> Decimal | None:
    value = _value(lot.quantity, worth, facts)
    return None if value is None else value - (lot.basis if lot.quantity > 0 else -lot.basis)
