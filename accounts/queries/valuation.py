"""Prices and conversion rates for valuing accounts, all from market, all as of one instant (ACC-3, ACC-11).

Entry points: `Prices`, `prices_of`, `Rates`, `rates_between`, `convert`, `beyond`.
Invariants: 1. what has no price or no rate is named as missing, never guessed (CON-5); 2. figures are exact fractions until they are rounded
once, half-up, to minor units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from base.core.money import minor_exponent
from market import queries as market

from ..core.scaled import EXPONENT
from .columns import Ints

MISSING = np.int64(-(2**63))
LIVE_RATE_AGE = market.CHECK_MAX_AGE
PAPER_RATE_AGE = market.FIXING_MAX_AGE


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What one unit of each instrument is worth. ids: int64[m], ascending. worth: price × multiplier, None where no quote is known.

    currency: place of each in `currencies`. sources: instrument id → "source@instant" of the quote used, for the record.
    """

    ids: Ints
    worth: tuple[Fraction | None, ...]
    currency: Ints
    currencies: tuple[str, ...]
    sources: dict[int, str]


def prices_of(*, instrument_ids: Sequence[int], now: datetime) -> Prices:
    """Return the last known price of each instrument: the last trade, or the middle of bid and ask. Two statements."""
    ids = np.unique(np.array(list(instrument_ids), np.int64))
    facts = market.instruments(ids.tolist())
    quotes = market.latest_quotes(instrument_ids=ids.tolist(), now=now)
    worth: list[Fraction | None] = []
    sources: dict[int, str] = {}
    for one in ids.tolist():
        quote = quotes.get(one)
        price = None if quote is None else quote.last if quote.last is not None else quote.mid
        worth.append(None if price is None else Fraction(price) * Fraction(facts[one].multiplier))
        if quote is not None:
            sources[one] = f"{quote.source}@{quote.as_of.isoformat()}"
    legend = sorted({facts[one].currency for one in ids.tolist()})
    places = np.array([legend.index(facts[one].currency) for one in ids.tolist()], np.int64)
    return Prices(ids, tuple(worth), places, tuple(legend), sources)


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """rate[(from, to, paper)]: units of `to` for one unit of `from`; absent where none serves. used: "EUR>USD" → id of the stored rate."""

    rate: dict[tuple[str, str, bool], Fraction]
    used: dict[str, str]


def rates_between(*, currencies: Sequence[str], into: Sequence[tuple[str, bool]], now: datetime) -> Rates:
    """Return the rates of `currencies` into each (currency, paper) of `into`; a paper connection takes the previous fixing (ACC-11)."""
    names = sorted(set(currencies))
    rate: dict[tuple[str, str, bool], Fraction] = {}
    used: dict[str, str] = {}
    for to, paper in sorted(set(into)):
        age: timedelta = PAPER_RATE_AGE if paper else LIVE_RATE_AGE
        found = market.fx_ratios(currencies=names, to=to, now=now, max_age=age)
        for i, name in enumerate(names):
            if not found.missing[i]:
                rate[name, to, paper] = Fraction(int(found.num[i]), int(found.den[i]))
                if name != to:
                    used[f"{name}>{to}"] = found.rate_ids[i]
    return Rates(rate, used)


def convert(amount: Ints, rate: Fraction, currency: str, *, round_up: bool = False) -> Ints:
    """Return amounts of 10⁻⁸ units × rate as minor units of `currency`, rounded half-up away from zero (or up, for what must suffice).

    Raises OverflowError for figures beyond 64 bits.
    """
    factor = rate * Fraction(10 ** minor_exponent(currency), 10**EXPONENT)
    top, bottom = factor.numerator, factor.denominator
    if top == 1 and not round_up:
        return _half_up(amount, bottom)
    if top == 1:
        return -((-amount) // bottom)
    scaled = amount.astype(object) * top
    result = -((-scaled) // bottom) if round_up else _half_up(scaled, bottom)
    return result.astype(np.int64)


def beyond(minor: Ints, scale: Ints) -> NDArray[np.bool_]:
    """Tell which amounts of minor units (MISSING is none) are too large for 64 bits of 10⁻⁸ units. scale: of these in a minor unit."""
    return np.abs(np.where(minor == MISSING, 0, minor)) > np.iinfo(np.int64).max // scale


def _half_up(amount: NDArray[np.int64], divisor: int) -> NDArray[np.int64]:
    magnitude = (
        (np.abs(amount) + divisor // 2) // divisor if divisor % 2 == 0 or divisor == 1 else (2 * np.abs(amount) + divisor) // (2 * divisor)
    )
    result: NDArray[np.int64] = np.where(amount < 0, -magnitude, magnitude)
    return result
