"""What a venue is made of: instruments, trading sessions, costs and knobs. All frozen values.

Entry points: `Instrument`, `CommissionModel`, `Session`, `VenueConfig`, `weekdays`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

MINUTE = 60_000_000
"""Microseconds in a one-minute bar."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol and its order rules. `settlement_days`: market days from trade to settlement (ACC-5)."""

    symbol: str
    currency: str = "USD"
    tick: Decimal = Decimal("0.01")
    lot_step: Decimal = Decimal(1)
    min_quantity: Decimal = Decimal(1)
    min_notional: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)
    settlement_days: int = 1

    def __post_init__(self) -> None:
        if self.tick <= 0 or self.lot_step <= 0 or self.multiplier <= 0:
            raise ValueError(f"{self.symbol}: tick, lot_step and multiplier must be positive")


@dataclass(frozen=True, slots=True)
class CommissionModel:
    """Cost of an order: max(minimum, per_share × quantity + bps of notional), rounded to the cent over the order's life, not per fill."""

    per_share: Decimal = Decimal(0)
    bps: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)

    def of_order(self, quantity: Decimal, notional: Decimal) -> Decimal:
        """Return the unrounded commission of `quantity` filled for `notional`; nothing filled costs nothing.

        >>> CommissionModel(Decimal("0.005"), minimum=Decimal(1)).of_order(Decimal(100), Decimal(5000))
        Decimal('1')
        """
        if quantity == 0:
            return Decimal(0)
        return max(self.minimum, self.per_share * quantity + self.bps * notional / 10_000)


@dataclass(frozen=True, slots=True)
class Session:
    """Regular trading of one day: [open_us, close_us), microseconds since 1970 UTC."""

    trade_date: date
    open_us: int
    close_us: int


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """The venue's knobs.

    participation_bps: share of a bar's volume that all our orders together may take. spread_bps: quoted spread around the traded price,
    never
    below one tick. latency_us, latency_jitter_us: from submission to the book. cancel_latency_us: from a cancel or replace request to
    its effect.
    venue_class: A, B or C (RELIABILITY). block_accounts: accounts whose trades may be given up. market_days: settlement calendar,
    ascending; empty = weekdays.
    quote_age_us: a quote is vouched for at the venue's now while the bar it rests on ended at most this long ago.
    """

    participation_bps: int = 1_000
    spread_bps: int = 2
    latency_us: int = 50_000
    latency_jitter_us: int = 0
    cancel_latency_us: int = 0
    venue_class: str = "A"
    block_accounts: frozenset[str] = frozenset()
    commission: CommissionModel = field(default_factory=CommissionModel)
    market_days: tuple[date, ...] = ()
    quote_age_us: int = 5 * MINUTE

    def __post_init__(self) -> None:
        if not 0 < self.participation_bps <= 10_000:
            raise ValueError("participation_bps must lie in (0, 10000]")
        if self.venue_class not in {"A", "B", "C"}:
            raise ValueError(f"no venue class {self.venue_class!r}")
        if min(self.spread_bps, self.latency_us, self.latency_jitter_us, self.cancel_latency_us) < 0:
            raise ValueError("spread and latencies must not be negative")


def weekdays(start: date, end: date) -> tuple[date, ...]:
    """Return Mondays to Fridays from `start` to `end`, both included: a settlement table without holidays.

    >>> len(weekdays(date(2026, 1, 1), date(2026, 1, 7)))
    5
    """
    days: Iterable[date] = (start + timedelta(days=n) for n in range((end - start).days + 1))
    return tuple(day for day in days if day.weekday() < 5)
