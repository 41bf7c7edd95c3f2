"""Foreign exchange: a table of rates at one instant, and exact conversion with the rate's id and time (ACC-11).

Entry points: `FxTable`, `FxTable.rate`, `FxTable.convert`, `FxTable.vector`, `FxRate`, `FxMissing`.

Invariants:
1. A rate is an exact fraction: units of quote currency per unit of base currency, at mid. Crosses go through the pivot, unrounded.
2. rate(a, b) × rate(b, a) = 1 and rate(a, b) × rate(b, c) = rate(a, c), exactly.
3. Every rate carries an id and the time of its oldest leg. What is missing, too old or from the future is a reason, never a number (CON-5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from market.enums import FxMissingReason, FxSource

RATE_EXPONENT = 10
CHECK_MAX_AGE = timedelta(seconds=60)
FIXING_MAX_AGE = timedelta(hours=96)
_LARGEST = 2**63 - 1


class InvalidRate(ValueError):
    """A rate breaks a rule."""

    def __init__(self, currency: str, value: object, rule: str) -> None:
        super().__init__(f"rate of {currency} {value!r}: {rule}")
        self.currency, self.value, self.rule = currency, value, rule


@dataclass(frozen=True, slots=True)
class PivotRate:
    """Units of `currency` per unit of the table's pivot, or, when `inverse`, units of the pivot per unit of `currency`.

    A finite Decimal above 0 with at most 10 decimals; markets quote either way, and neither is rounded into the other.
    """

    currency: str
    rate: Decimal
    rate_id: str
    as_of: datetime
    source: FxSource
    inverse: bool = False

    def __post_init__(self) -> None:
        number = self.rate
        if not isinstance(number, Decimal) or not number.is_finite() or number <= 0:
            raise InvalidRate(self.currency, number, "a finite Decimal above 0")
        scaled = number.scaleb(RATE_EXPONENT)
        if scaled != scaled.to_integral_value() or scaled > _LARGEST:
            raise InvalidRate(self.currency, number, f"at most {RATE_EXPONENT} decimals and below 922 million")
        if self.as_of.tzinfo is None:
            raise InvalidRate(self.currency, self.as_of, "an instant with a time zone")

    @property
    def per_pivot(self) -> Fraction:
        """Return units of `currency` per unit of the pivot, exactly."""
        return 1 / Fraction(self.rate) if self.inverse else Fraction(self.rate)


@dataclass(frozen=True, slots=True)
class FxRate:
    """An exact mid rate: `value` units of `quote` per unit of `base`, known by `rate_id`, as old as its older leg."""

    base: str
    quote: str
    value: Fraction
    rate_id: str
    as_of: datetime
    source: FxSource
    label: str

    @property
    def scaled(self) -> int:
        """Return the rate as an integer at scale 10^-10, rounded half-up."""
        return _half_up(self.value * 10**RATE_EXPONENT)


@dataclass(frozen=True, slots=True)
class FxMissing:
    """There is no usable rate, and why."""

    base: str
    quote: str
    reason: FxMissingReason
    detail: str


@dataclass(frozen=True, slots=True)
class Converted:
    """An exact amount in the new currency and the rate it was converted at; the caller rounds once (CON-1)."""

    amount: Fraction
    rate: FxRate


@dataclass(frozen=True, slots=True, eq=False)
class FxVector:
    """Rates of many currencies into one, for arrays.

    Attributes:
        scaled: int64[n], scale 10^-10, rounded half-up; 0 where missing.
        numerator, denominator: int64[n]; the exact rate is their quotient; 0/1 where missing.
        missing: bool[n].  reasons: the finding per missing position.  rate_ids: one per position, empty where missing.
    """

    to: str
    scaled: NDArray[np.int64]
    numerator: NDArray[np.int64]
    denominator: NDArray[np.int64]
    missing: NDArray[np.bool_]
    rate_ids: tuple[str, ...]
    reasons: Mapping[int, FxMissing]


@dataclass(frozen=True, slots=True)
class FxTable:
    """Rates against one pivot currency, usually EUR (ECB) or USD."""

    pivot: str
    rates: Mapping[str, PivotRate]

    @classmethod
    def of(cls, pivot: str, rates: Sequence[PivotRate]) -> FxTable:
        """Build a table. Raises InvalidRate for a currency given twice or equal to the pivot."""
        table: dict[str, PivotRate] = {}
        for rate in rates:
            if rate.currency == pivot or rate.currency in table:
                raise InvalidRate(rate.currency, rate.rate, "once per currency, and not the pivot itself")
            table[rate.currency] = rate
        return cls(pivot, table)

    def rate(self, base: str, quote: str, *, now: datetime, max_age: timedelta) -> FxRate | FxMissing:
        """Return units of `quote` per unit of `base` at `now`, or why there is none.

        `max_age` has no default on purpose: 60 s for checks (`CHECK_MAX_AGE`), 96 h for labelled previous fixings (`FIXING_MAX_AGE`).
        A rate exactly `max_age` old still serves. Source: ACC-11.
        """
        if base == quote:
            return FxRate(base, quote, Fraction(1), "IDENTITY", now, FxSource.IDENTITY, "same currency")
        legs: list[PivotRate] = []
        for currency in (base, quote):
            leg = self._leg(currency, base, quote, now, max_age)
            if isinstance(leg, FxMissing):
                return leg
            legs += [leg] if leg else []
        per_pivot = {leg.currency: leg.per_pivot for leg in legs}
        value = per_pivot.get(quote, Fraction(1)) / per_pivot.get(base, Fraction(1))
        oldest = min(legs, key=lambda leg: leg.as_of)
        rate_id = "/".join(leg.rate_id for leg in legs)
        return FxRate(base, quote, value, rate_id, oldest.as_of, oldest.source, _label(oldest, len(legs) > 1, self.pivot, now))

    def convert(self, amount: Decimal | Fraction, base: str, quote: str, *, now: datetime, max_age: timedelta) -> Converted | FxMissing:
        """Convert an amount exactly; the result is not rounded. Raises ValueError for an amount that is not finite."""
        if isinstance(amount, Decimal) and not amount.is_finite():
            raise ValueError(f"amount {amount} is not finite")
        rate = self.rate(base, quote, now=now, max_age=max_age)
        return rate if isinstance(rate, FxMissing) else Converted(Fraction(amount) * rate.value, rate)

    def vector(self, currencies: Sequence[str], to: str, *, now: datetime, max_age: timedelta) -> FxVector:
        """Return the rates of `currencies` into `to` as arrays; each distinct currency is looked up once.

        A rate int64 cannot hold (922 million or more, a cross of more than 18 digits) is missing with reason OUT_OF_RANGE.
        """
        distinct = list(dict.fromkeys(currencies))
        position = {currency: index for index, currency in enumerate(distinct)}
        index = np.array([position[currency] for currency in currencies], np.int64)
        rates = [_in_range(self.rate(currency, to, now=now, max_age=max_age)) for currency in distinct]
        usable = [rate if isinstance(rate, FxRate) else None for rate in rates]
        pairs = np.array([rate.value.as_integer_ratio() if rate else (0, 1) for rate in usable], np.int64).reshape(-1, 2)
        missing = np.array([rate is None for rate in usable], np.bool_)[index]
        return FxVector(
            to=to,
            scaled=np.array([rate.scaled if rate else 0 for rate in usable], np.int64)[index],
            numerator=pairs[index, 0],
            denominator=pairs[index, 1],
            missing=missing,
            rate_ids=tuple(rate.rate_id if rate else "" for rate in (usable[at] for at in index.tolist())),
            reasons={row: rate for row in np.flatnonzero(missing).tolist() if isinstance(rate := rates[index[row]], FxMissing)},
        )

    def _leg(self, currency: str, base: str, quote: str, now: datetime, max_age: timedelta) -> PivotRate | FxMissing | None:
        if currency == self.pivot:
            return None
        leg = self.rates.get(currency)
        if leg is None:
            return FxMissing(base, quote, FxMissingReason.UNKNOWN_CURRENCY, f"no rate of {currency} against {self.pivot}")
        if leg.as_of > now:
            return FxMissing(base, quote, FxMissingReason.AFTER_NOW, f"{leg.rate_id} is of {leg.as_of.isoformat()}, after now")
        if now - leg.as_of > max_age:
            detail = f"{leg.rate_id} of {leg.as_of.isoformat()} is {now - leg.as_of} old, allowed {max_age}"
            return FxMissing(base, quote, FxMissingReason.TOO_OLD, detail)
        return leg


def _in_range(rate: FxRate | FxMissing) -> FxRate | FxMissing:
    if isinstance(rate, FxMissing) or max(rate.scaled, *rate.value.as_integer_ratio()) <= _LARGEST:
        return rate
    detail = f"{rate.rate_id}: {float(rate.value):g} does not fit int64 at scale 10^-{RATE_EXPONENT}"
    return FxMissing(rate.base, rate.quote, FxMissingReason.OUT_OF_RANGE, detail)


def _label(leg: PivotRate, crossed: bool, pivot: str, now: datetime) -> str:
    names = {FxSource.ECB_REFERENCE: "ECB reference rate", FxSource.SIMULATED: "SIMULATED rate", FxSource.FILE: "rate from file"}
    when = "mid"
    if leg.source is FxSource.ECB_REFERENCE:
        when = "previous fixing" if leg.as_of.date() < now.date() else "fixing"
    cross = f", cross through {pivot}" if crossed else ""
    return f"{names.get(leg.source, 'quoted rate')}, {when} of {leg.as_of:%Y-%m-%d %H:%M} UTC{cross}"


def _half_up(value: Fraction) -> int:
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
