"""Quotes: what is bid and asked at an instant, recorded or made from completed bars.

Entry points: `Quote`, `Quotes`, `quote_at`, `synthetic_quote`, `synthetic_quotes`, `SpreadModel`.

Invariants:
1. A quote is known only when its minute has ended, as a bar is.
2. A side that is missing is None in a `Quote`, and price 0 with size 0 in `Quotes`; crossed quotes are kept, and say so.
3. A synthetic quote lies on the tick, bid below ask, around the last completed close; it is labelled SYNTHETIC (or SIMULATED).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from market.core.bars import (
    PRICE_EXPONENT,
    Bars,
    InvalidSeries,
    RowFinding,
    last_completed,
    rows_where,
    scale_price,
    timestamp_findings,
    unscale,
)
from market.core.instants import from_us, to_us
from market.core.instruments import InvalidInstrument, round_to_tick
from market.enums import BarInterval, QuoteSource, Side, TickRounding


@dataclass(frozen=True, slots=True)
class Quote:
    """Bid and ask of one symbol. `as_of`: the instant it became known; sizes are None where nobody says."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    bid_size: Decimal | None
    ask_size: Decimal | None
    as_of: datetime
    source: QuoteSource

    @property
    def crossed(self) -> bool:
        """Return whether the bid is above the ask (RTE-2 blocks then)."""
        return self.bid is not None and self.ask is not None and self.bid > self.ask

    @property
    def mid(self) -> Decimal | None:
        """Return the exact middle, or None when a side is missing."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    def age(self, at: datetime) -> timedelta:
        """Return how old the quote is (RSK-2)."""
        return at - self.as_of


@dataclass(frozen=True, slots=True, eq=False)
class Quotes:
    """Recorded quotes of a symbol, the last of each interval.

    Attributes:
        start: int64[n], start of the minute, microseconds UTC, strictly increasing.
        bid, ask: int64[n], scale 10^-8; 0 where the side is missing.  bid_size, ask_size: int64[n], scale 10^-size_exponent.
    """

    symbol: str
    start: NDArray[np.int64]
    bid: NDArray[np.int64]
    bid_size: NDArray[np.int64]
    ask: NDArray[np.int64]
    ask_size: NDArray[np.int64]
    interval: BarInterval = BarInterval.MINUTE
    size_exponent: int = 0
    source: QuoteSource = QuoteSource.FILE

    def __post_init__(self) -> None:
        findings = quote_findings(self)
        if findings:
            raise InvalidSeries(self.symbol, findings)

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class SpreadModel:
    """How wide a synthetic quote is: the larger of so many ticks and so many basis points of the price, whole spread."""

    ticks: int = 2
    spread_bps: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if self.ticks < 1:
            raise InvalidInstrument("ticks", self.ticks, "1 or more")
        if not isinstance(self.spread_bps, Decimal) or not 0 <= self.spread_bps < 10_000:
            raise InvalidInstrument("spread_bps", self.spread_bps, "a Decimal from 0 to below 10000")


def quote_findings(quotes: Quotes, now: datetime | None = None) -> list[RowFinding]:
    """Return everything wrong with the quotes, in row order; with `now`, also those that end after it."""
    found: list[RowFinding] = []
    for side in ("bid", "ask"):
        price, size = getattr(quotes, side), getattr(quotes, f"{side}_size")
        if price.shape != quotes.start.shape or size.shape != quotes.start.shape or price.dtype != np.int64 or size.dtype != np.int64:
            return [RowFinding(0, side, f"{price.dtype}{price.shape}", f"int64 of length {len(quotes.start)}")]
        found += rows_where(price < 0, side, price, "0 or more", PRICE_EXPONENT)
        found += rows_where(size < 0, f"{side}_size", size, "0 or more", quotes.size_exponent)
        found += rows_where((price == 0) & (size > 0), side, price, "above 0 where the size is", PRICE_EXPONENT)
    found += timestamp_findings(quotes.start, quotes.interval, now)
    return sorted(found, key=lambda finding: finding.row)


def quote_at(quotes: Quotes, at: datetime) -> Quote | None:
    """Return the last recorded quote whose minute had ended at the instant, or None."""
    row = int(np.searchsorted(quotes.start, to_us(at) - quotes.interval.microseconds, side="right")) - 1
    if row < 0:
        return None
    bid, ask = (unscale(int(price[row])) if price[row] else None for price in (quotes.bid, quotes.ask))
    bid_size, ask_size = (unscale(int(size[row]), quotes.size_exponent) for size in (quotes.bid_size, quotes.ask_size))
    known_at = from_us(int(quotes.start[row]) + quotes.interval.microseconds)
    return Quote(quotes.symbol, bid, ask, bid_size, ask_size, known_at, quotes.source)


def synthetic_quote(
    bars: Bars, at: datetime, tick: Decimal, model: SpreadModel = SpreadModel(), *, regular_only: bool = False
) -> Quote | None:
    """Return a quote made from the last completed bar, or None when none had completed.

    The half spread is taken off and put on the close exactly; the bid then goes down and the ask up to the tick. The bid is never
    below one tick, the ask never below two. Sizes are unknown: liquidity is the venue's rule, not the quote's.
    """
    row = last_completed(bars, at, regular_only=regular_only)
    if row is None:
        return None
    close = unscale(int(bars.close[row]))
    half = max(model.ticks * tick, close * model.spread_bps / 10_000) / 2
    bid = round_to_tick(max(close - half, tick), tick, Side.BUY, TickRounding.PASSIVE)
    ask = round_to_tick(max(close + half, 2 * tick), tick, Side.SELL, TickRounding.PASSIVE)
    source = bars.source if bars.source is QuoteSource.SIMULATED else QuoteSource.SYNTHETIC
    return Quote(bars.symbol, bid, ask, None, None, bars.ends_at(row), source)


def synthetic_quotes(bars: Bars, tick: Decimal, ticks: int = 2) -> Quotes:
    """Return a synthetic quote for each bar, the same as `synthetic_quote` gives with a spread of so many ticks.

    Sizes are unknown, written 0. The half spread is exact: an odd number of ticks, or a close off the tick, widens bid and ask to the tick.
    """
    step = scale_price(tick)
    doubled, half = 2 * bars.close, ticks * step
    bid = np.maximum((doubled - half) // (2 * step) * step, step)
    ask = np.maximum(-((-doubled - half) // (2 * step)) * step, 2 * step)
    source = bars.source if bars.source is QuoteSource.SIMULATED else QuoteSource.SYNTHETIC
    none = np.zeros(len(bars), np.int64)
    return Quotes(bars.symbol, bars.start, bid, none, ask, none, bars.interval, source=source)
