"""Conversion rates as of an instant, as exact fractions with the ids of the rows they come from (ACC-11).

Entry points: `fx_ratios`, `FxRatios`; `rated_currencies`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from market.core.fx import FxRate
from market.core.fx_choice import StoredRate, best_rates, tables_of
from market.enums import FxSource

from .rows import fetch

# The distinct pairs by hops over the index, then one probe a pair: history may be long, pairs are few.
_LATEST = """
WITH RECURSIVE pairs AS (
    (SELECT base, quote, source FROM market_fxrate ORDER BY base, quote, source LIMIT 1)
    UNION ALL
    SELECT n.base, n.quote, n.source FROM pairs p CROSS JOIN LATERAL (
        SELECT base, quote, source FROM market_fxrate r WHERE (r.base, r.quote, r.source) > (p.base, p.quote, p.source)
        ORDER BY base, quote, source LIMIT 1
    ) n
)
SELECT p.base, p.quote, trim_scale(r.rate), r.id::text, r.as_of, p.source
FROM pairs p CROSS JOIN LATERAL (
    SELECT id, as_of, rate FROM market_fxrate r
    WHERE r.base = p.base AND r.quote = p.quote AND r.source = p.source AND r.as_of <= %(now)s ORDER BY as_of DESC LIMIT 1
) r
WHERE %(source)s::text IS NULL OR p.source = %(source)s
"""


_RATED = """
WITH RECURSIVE pairs AS (
    (SELECT base, quote FROM market_fxrate ORDER BY base, quote LIMIT 1)
    UNION ALL
    SELECT n.base, n.quote FROM pairs p CROSS JOIN LATERAL (
        SELECT base, quote FROM market_fxrate r WHERE (r.base, r.quote) > (p.base, p.quote) ORDER BY base, quote LIMIT 1
    ) n
)
SELECT base FROM pairs UNION SELECT quote FROM pairs ORDER BY 1
"""


@dataclass(frozen=True, slots=True, eq=False)
class FxRatios:
    """Rates of c currencies into one.

    Attributes:
        num, den: int64[c]; one unit of the currency is exactly num/den units of `to`; 0/1 where missing.
        missing: bool[c].
        rate_ids: the stored rows used, "12" or "12/34" for a cross, "IDENTITY" for `to` itself, "" where missing.
        labels: what a person reads: the source and time of the rate, or why there is none.
        as_of: when the older leg became known; None where missing.
    """

    to: str
    num: NDArray[np.int64]
    den: NDArray[np.int64]
    missing: NDArray[np.bool_]
    rate_ids: list[str]
    labels: list[str]
    as_of: list[datetime | None]


def rated_currencies() -> list[str]:
    """Return the currencies that some stored rate converts."""
    return [row[0] for row in fetch(_RATED, {})]


def fx_ratios(*, currencies: Sequence[str], to: str, now: datetime, max_age: timedelta, source: str | None = None) -> FxRatios:
    """Return the exact rates of `currencies` into `to` at `now`, in one statement; each currency gets its youngest usable rate.

    max_age: `CHECK_MAX_AGE` (60 s) for checks, `FIXING_MAX_AGE` (96 h) where the previous fixing serves (paper), labelled; a rate exactly
    that old still serves. A missing, too old or too large rate is marked, never guessed. Source: ACC-11, CON-5.
    """
    stored = fetch(_LATEST, {"now": now, "source": source}) if any(currency != to for currency in currencies) else []
    tables = tables_of([StoredRate(*(*row[:5], _source(row[5]))) for row in stored])
    rates = best_rates(tables, currencies, to, now=now, max_age=max_age)
    usable = [rate if isinstance(rate, FxRate) else None for rate in rates]
    pairs = np.array([rate.value.as_integer_ratio() if rate else (0, 1) for rate in usable], np.int64).reshape(-1, 2)
    return FxRatios(
        to=to,
        num=pairs[:, 0].copy(),
        den=pairs[:, 1].copy(),
        missing=np.array([rate is None for rate in usable], np.bool_),
        rate_ids=[rate.rate_id if rate else "" for rate in usable],
        labels=[rate.label if isinstance(rate, FxRate) else f"{rate.reason}: {rate.detail}" for rate in rates],
        as_of=[rate.as_of if rate else None for rate in usable],
    )


def _source(stored: str) -> FxSource:
    return FxSource(stored) if stored in FxSource.__members__ else FxSource.QUOTE if stored == "LIVE" else FxSource.FILE
