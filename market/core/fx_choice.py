"""Which of several sources' rates to convert at: each table stands alone, the youngest usable rate of each currency wins.

Entry points: `StoredRate`, `tables_of`, `best_rates`.

Invariants:
1. A rate never mixes sources: both legs of a cross come from one table.
2. Of two usable rates of one age the more trusted source wins: quoted, file, ECB, simulated.
3. A currency no table has a usable rate for is missing, with the reason of the table that came closest (CON-5).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from market.core.fx import FxMissing, FxRate, FxTable, PivotRate
from market.enums import FxMissingReason, FxSource

_TRUST = (FxSource.IDENTITY, FxSource.QUOTE, FxSource.FILE, FxSource.ECB_REFERENCE, FxSource.SIMULATED)
_CLOSENESS = (FxMissingReason.TOO_OLD, FxMissingReason.AFTER_NOW, FxMissingReason.OUT_OF_RANGE, FxMissingReason.UNKNOWN_CURRENCY)
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class StoredRate:
    """Units of `quote` per unit of `base`, as stored, with the id it is known by."""

    base: str
    quote: str
    rate: Decimal
    rate_id: str
    as_of: datetime
    source: FxSource


def tables_of(rates: Sequence[StoredRate]) -> list[FxTable]:
    """Return the tables the rates make: for each source, one around each currency that others are priced against."""
    by_source: dict[FxSource, list[StoredRate]] = defaultdict(list)
    for rate in rates:
        by_source[rate.source].append(rate)
    tables = []
    for group in by_source.values():
        seen = Counter(currency for rate in group for currency in (rate.base, rate.quote))
        pivots = dict.fromkeys([currency for currency, count in seen.most_common() if count > 1] + [rate.base for rate in group])
        tables += [_table(pivot, group) for pivot in pivots]
    return tables


def best_rates(
    tables: Sequence[FxTable], currencies: Sequence[str], to: str, *, now: datetime, max_age: timedelta
) -> list[FxRate | FxMissing]:
    """Return for each currency its rate into `to`, or why there is none.

    An exact rate whose numerator or denominator int64 cannot hold is missing with OUT_OF_RANGE. Source: ACC-11.
    """
    chosen: dict[str, FxRate | FxMissing] = {}
    for currency in dict.fromkeys(currencies):
        found = [_in_range(table.rate(currency, to, now=now, max_age=max_age)) for table in tables or [FxTable(to, {})]]
        usable = [rate for rate in found if isinstance(rate, FxRate)]
        missing = [rate for rate in found if isinstance(rate, FxMissing)]
        if usable:
            chosen[currency] = max(usable, key=lambda rate: (rate.as_of, -_TRUST.index(rate.source)))
        else:
            chosen[currency] = min(missing, key=lambda rate: _rank(rate.reason))
    return [chosen[currency] for currency in currencies]


def _table(pivot: str, rates: Sequence[StoredRate]) -> FxTable:
    """Return one table around `pivot`; where a pair is stored both ways round, the younger counts."""
    legs: dict[str, PivotRate] = {}
    for rate in rates:
        if pivot not in (rate.base, rate.quote):
            continue
        currency, inverse = (rate.quote, False) if rate.base == pivot else (rate.base, True)
        if currency not in legs or legs[currency].as_of < rate.as_of:
            legs[currency] = PivotRate(currency, rate.rate, rate.rate_id, rate.as_of, rate.source, inverse)
    return FxTable(pivot, legs)


def _in_range(rate: FxRate | FxMissing) -> FxRate | FxMissing:
    if isinstance(rate, FxMissing) or max(rate.value.as_integer_ratio()) <= _LARGEST:
        return rate
    return FxMissing(rate.base, rate.quote, FxMissingReason.OUT_OF_RANGE, f"{rate.rate_id}: numerator or denominator does not fit int64")


def _rank(reason: FxMissingReason) -> int:
    return _CLOSENESS.index(reason) if reason in _CLOSENESS else len(_CLOSENESS)
