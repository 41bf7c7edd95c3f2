"""The firm's exposure, instrument by instrument, in its reporting currency (RSK-3).

Entry point: `exposure_by_instrument`.
Invariants: 1. exact: price × multiplier × rate is a fraction, rounded once to 10^-8. 2. what has no price or rate has no value, and a sum
that needs it is None (CON-5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from . import books, facts
from .books import Held

MARK_MAX_AGE = timedelta(hours=96)
_PLACES = 10**8


@dataclass(frozen=True, slots=True)
class InstrumentExposure:
    """What the firm holds and works in one instrument. unit_value: reporting currency per unit, None without price or rate."""

    held: Held
    price: Decimal | None
    unit_value: Fraction | None

    @property
    def working(self) -> Decimal:
        """Return the signed position with all working orders."""
        return self.held.position + self.held.open_buy - self.held.open_sell

    def on_side(self, side: int) -> Decimal:
        """Return the signed position with working orders of this side alone: orders of the other side may never fill."""
        return self.held.position + self.held.open_buy if side > 0 else self.held.position - self.held.open_sell

    def value(self, quantity: Decimal) -> Decimal | None:
        """Return the value of a signed quantity, 0 for nothing even where there is no price."""
        if not quantity:
            return Decimal(0)
        return None if self.unit_value is None else rounded(Fraction(quantity) * self.unit_value)

    @property
    def name(self) -> tuple[str, int]:
        """Return what single-name limits sum by: the issuer, or the instrument where it has none."""
        return ("instrument", self.held.instrument_id) if self.held.issuer_id is None else ("issuer", self.held.issuer_id)


@dataclass(frozen=True, slots=True)
class FirmExposure:
    """currency: the firm's reporting currency. cash: trade-date cash by currency.

    rates: currency → its value in the reporting currency, missing ones left out; rate_ids for the record.
    """

    currency: str
    instruments: Mapping[int, InstrumentExposure]
    cash: Mapping[str, Decimal]
    rates: Mapping[str, Fraction]
    rate_ids: tuple[str, ...]

    @property
    def unvalued(self) -> list[str]:
        """Return the symbols that are held or worked and have no price or rate."""
        return [
            row.held.symbol for row in self.instruments.values() if row.value(row.working) is None or row.value(row.held.position) is None
        ]

    def gross(self) -> Decimal | None:
        """Return Σ abs(value), each instrument netted over the firm and with its working orders (RSK-3)."""
        return total([row.value(abs(row.working)) for row in self.instruments.values()])

    def net(self) -> Decimal | None:
        """Return Σ value with working orders (RSK-3)."""
        return total([row.value(row.working) for row in self.instruments.values()])


def exposure_by_instrument(
    *, now: datetime, also: Sequence[int] = (), pending: Mapping[int, tuple[Decimal, Decimal]] | None = None
) -> FirmExposure:
    """Return the firm's exposure at `now`: positions of all accounts, working orders, marks and rates, in a handful of statements.

    also: instruments to price even if nothing is held. pending: instrument id → (to buy, to sell), units that released parents have yet
    to make orders of. Marks are the latest quote, or the last bar's close; older than 96 hours they are missing.
    Source: RSK-3, CON-5.
    """
    waiting = pending or {}
    held = [_with(row, waiting.get(row.instrument_id)) for row in books.held_by_instrument(also=[*also, *waiting])]
    currency = books.reporting_currency()
    cash = books.cash_by_currency()
    currencies = sorted({currency, *cash, *books.account_currencies(), *(row.currency for row in held)})
    rates, rate_ids = facts.rates(currencies=currencies, to=currency, now=now)
    marks = facts.marks(instrument_ids=[row.instrument_id for row in held], now=now, max_age=MARK_MAX_AGE)
    return FirmExposure(currency, {row.instrument_id: _valued(row, marks, rates) for row in held}, cash, rates, rate_ids)


def rounded(value: Fraction) -> Decimal:
    """Return a value as a Decimal of eight places, half away from zero."""
    scaled = abs(value) * _PLACES
    units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(units if value >= 0 else -units).scaleb(-8)


def total(values: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum, None if any part is not known (CON-5)."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def _with(row: Held, pending: tuple[Decimal, Decimal] | None) -> Held:
    return row if pending is None else replace(row, open_buy=row.open_buy + pending[0], open_sell=row.open_sell + pending[1])


def _valued(row: Held, marks: Mapping[int, Decimal], rates: Mapping[str, Fraction]) -> InstrumentExposure:
    price, rate = marks.get(row.instrument_id), rates.get(row.currency)
    if price is None or price <= 0 or rate is None:
        return InstrumentExposure(row, price, None)
    return InstrumentExposure(row, price, Fraction(price) * Fraction(row.multiplier) * rate)
