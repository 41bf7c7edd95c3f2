"""Bars of one symbol as arrays, and what may be known from them at an instant.

Entry points: `Bars`, `bar_findings`, `last_completed`, `minute_volume`, `staleness`, `scale_price`, `unscale`.

Invariants:
1. Prices are int64 at scale 10^-8; volumes int64 at scale 10^-volume_exponent; timestamps are the start of the bar, microseconds UTC.
2. Nothing looks ahead: at an instant only bars count whose end (start + interval) is not later.
3. Timestamps increase strictly; every price is above 0; low ≤ open, close ≤ high; volume ≥ 0.
4. A day bar is labelled 00:00 UTC of its trade date and complete 24 hours later, never earlier than its session's close.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from market.core.instants import from_us, to_us
from market.enums import BarInterval, QuoteSource

PRICE_EXPONENT = 8
MINUTES_OF_VOLUME = 20
_PRICES = ("open", "high", "low", "close")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RowFinding:
    """One thing wrong with one bar or quote: the row (from 0), the field, its value, the rule it breaks."""

    row: int
    field: str
    value: str
    rule: str


class InvalidSeries(ValueError):
    """The arrays do not make a series of bars or quotes."""

    def __init__(self, symbol: str, findings: list[RowFinding]) -> None:
        first = findings[0]
        super().__init__(f"{symbol}: row {first.row}: {first.field} {first.value}: {first.rule} ({len(findings)} findings)")
        self.symbol, self.findings = symbol, findings


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """All bars of a symbol at one interval; construction raises InvalidSeries when an invariant is broken.

    Attributes:
        start: int64[n], start of the bar, microseconds UTC, strictly increasing.
        open, high, low, close: int64[n], scale 10^-8.
        volume: int64[n], scale 10^-volume_exponent (0: whole units; 8: coins).
        regular: bool[n], whether the bar starts within regular trading hours.
    """

    symbol: str
    interval: BarInterval
    start: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    volume: NDArray[np.int64]
    regular: NDArray[np.bool_]
    volume_exponent: int = 0
    source: QuoteSource = QuoteSource.FILE
    _regular_rows: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        findings = bar_findings(self)
        if findings:
            raise InvalidSeries(self.symbol, findings)
        object.__setattr__(self, "_regular_rows", np.flatnonzero(self.regular))
        for name in ("start", *_PRICES, "volume", "regular"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.start)

    def ends_at(self, row: int) -> datetime:
        """Return the instant from which the bar is known."""
        return from_us(int(self.start[row]) + self.interval.microseconds)


def bar_findings(bars: Bars, now: datetime | None = None) -> list[RowFinding]:
    """Return everything wrong with the bars, in row order; with `now`, also bars that end after it."""
    shape = _shape_findings(bars)
    if shape or not len(bars.start):
        return shape
    found: list[RowFinding] = []
    for name in _PRICES:
        prices = getattr(bars, name)
        found += rows_where(prices <= 0, name, prices, "a price above 0", PRICE_EXPONENT)
    found += rows_where(bars.high < bars.low, "high", bars.high, "not below low", PRICE_EXPONENT)
    for name in ("open", "close"):
        prices = getattr(bars, name)
        found += rows_where((prices > bars.high) | (prices < bars.low), name, prices, "between low and high", PRICE_EXPONENT)
    found += rows_where(bars.volume < 0, "volume", bars.volume, "0 or more", bars.volume_exponent)
    found += timestamp_findings(bars.start, bars.interval, now)
    return sorted(found, key=lambda finding: finding.row)


def timestamp_findings(start: NDArray[np.int64], interval: BarInterval, now: datetime | None = None) -> list[RowFinding]:
    """Return the rows whose timestamp repeats, goes back, or whose interval ends after `now`."""
    steps = np.diff(start, prepend=start[:1] - 1)
    found = _where_instant(steps == 0, start, "not a duplicate of the timestamp before")
    found += _where_instant(steps < 0, start, "not before the timestamp above it")
    return found + findings_after_now(start, interval, now)


def findings_after_now(start: NDArray[np.int64], interval: BarInterval, now: datetime | None) -> list[RowFinding]:
    """Return the rows whose interval ends after `now`; none when `now` is not given."""
    if now is None:
        return []
    return _where_instant(start + interval.microseconds > to_us(now), start, f"ended at now, {now.isoformat()}")


def last_completed(bars: Bars, at: datetime, *, regular_only: bool = False) -> int | None:
    """Return the row of the last bar that had ended at the instant, or None.

    The bar from 09:59:00 to 10:00:00 is known at 10:00:00 exactly and not a microsecond earlier.
    """
    ended = int(np.searchsorted(bars.start, to_us(at) - bars.interval.microseconds, side="right"))
    if regular_only:
        position = int(np.searchsorted(bars._regular_rows, ended))
        return int(bars._regular_rows[position - 1]) if position else None
    return ended - 1 if ended else None


def minute_volume(bars: Bars, at: datetime, *, window: int = MINUTES_OF_VOLUME) -> Decimal | None:
    """Return V1: the exact median volume of the last `window` completed regular-hours minute bars at the instant (RTE-1).

    None when fewer have completed: no volume data, so the router takes minimum participation or asks (RTE-1).
    Raises ValueError for bars that are not one minute long.
    """
    if bars.interval is not BarInterval.MINUTE:
        raise ValueError(f"{bars.symbol}: minute volume needs MINUTE bars, not {bars.interval}")
    ended = int(np.searchsorted(bars.start, to_us(at) - bars.interval.microseconds, side="right"))
    position = int(np.searchsorted(bars._regular_rows, ended))
    if position < window:
        return None
    volumes = np.sort(bars.volume[bars._regular_rows[position - window : position]]).tolist()
    middle_two = volumes[(window - 1) // 2] + volumes[window // 2]
    return unscale(middle_two, bars.volume_exponent) / 2


def staleness(bars: Bars, at: datetime, *, regular_only: bool = False) -> timedelta | None:
    """Return how long ago the last completed bar ended, or None if none had (RSK-2 compares it with its limits)."""
    row = last_completed(bars, at, regular_only=regular_only)
    return None if row is None else at - bars.ends_at(row)


def scale_price(price: Decimal | str | int) -> int:
    """Return a price as an integer at scale 10^-8, exactly.

    >>> scale_price("47.30")
    4730000000

    Raises ValueError for NaN, infinities, prices of 0 or less, more than 8 decimals or more than int64 holds; TypeError for a float.
    """
    if isinstance(price, float):
        raise TypeError(f"price {price!r}: floats are refused, pass a Decimal or text")
    number = Decimal(price)
    if not number.is_finite():
        raise ValueError(f"price {price}: not finite")
    scaled = number.scaleb(PRICE_EXPONENT)
    if number <= 0 or scaled != scaled.to_integral_value() or scaled > _LARGEST:
        raise ValueError(f"price {price}: above 0, at most {PRICE_EXPONENT} decimals, below 92 billion")
    return int(scaled)


def unscale(value: int, exponent: int = PRICE_EXPONENT) -> Decimal:
    """Return a scaled integer as a Decimal: 4730000000 → 47.3."""
    number = Decimal(int(value)).scaleb(-exponent).normalize()
    return number if number.as_tuple().exponent <= 0 else number.quantize(Decimal(1))  # type: ignore[operator]


def _shape_findings(bars: Bars) -> list[RowFinding]:
    found = []
    for name in ("start", *_PRICES, "volume", "regular"):
        column = getattr(bars, name)
        wanted = np.bool_ if name == "regular" else np.int64
        if column.dtype != wanted or column.shape != bars.start.shape or column.ndim != 1:
            found.append(RowFinding(0, name, f"{column.dtype}{column.shape}", f"{np.dtype(wanted)} of length {len(bars.start)}"))
    return found


def rows_where(bad: NDArray[np.bool_], name: str, values: NDArray[np.int64], rule: str, exponent: int) -> list[RowFinding]:
    """Return a finding for each row where `bad` holds."""
    return [RowFinding(row, name, str(unscale(int(values[row]), exponent)), rule) for row in np.flatnonzero(bad).tolist()]


def _where_instant(bad: NDArray[np.bool_], instants: NDArray[np.int64], rule: str) -> list[RowFinding]:
    return [RowFinding(row, "ts", from_us(int(instants[row])).isoformat(), rule) for row in np.flatnonzero(bad).tolist()]
