"""Load conversion rates (ACC-11).

Entry points: `load_fx` for a history against one pivot (ECB, a file), `load_pair_closes` for what an FX pair's bars say.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from base import bulk
from market.core.bars import PRICE_EXPONENT, Bars
from market.core.fixings import FixingHistory, ecb_fixing_instant
from market.core.fx import RATE_EXPONENT
from market.core.instants import to_us
from market.enums import FxSource
from market.models import FxRate

from .staging import Merged, Scaled, merge

_KEY = ("base", "quote", "source", "as_of")


def load_fx(rates: FixingHistory, source: FxSource | None = None, *, since: date | None = None, replace: bool = False) -> Merged:
    """Store every rate of the history as units of its currency per unit of the pivot, known from its own instant on.

    source: what the history says unless given. since: leave earlier dates out. A day without a fixing of a currency stores nothing.
    Raises ConflictingRows for another rate of the same pair, source and instant, unless `replace`.
    """
    wanted = rates.rates > 0
    if since is not None:
        wanted &= (rates.instants >= to_us(ecb_fixing_instant(since)))[:, None]
    rows, currencies = np.nonzero(wanted)
    columns = {
        "quote": bulk.Codes(currencies.astype(np.int16), rates.currencies),
        "as_of": bulk.Instants(rates.instants[rows]),
        "rate": Scaled(rates.rates[rows, currencies], RATE_EXPONENT),
    }
    constants = {"base": rates.pivot, "source": str(source or rates.source)}
    return merge(FxRate, len(rows), columns, constants, key=_KEY, replace=replace)


def load_pair_closes(bars: Bars, base_currency: str, currency: str, source: FxSource, *, replace: bool = False) -> Merged:
    """Store each bar's close as the pair's rate from the end of the bar on. Raises ConflictingRows."""
    columns = {"as_of": bulk.Instants(bars.start + bars.interval.microseconds), "rate": Scaled(bars.close, PRICE_EXPONENT)}
    constants = {"base": base_currency, "quote": currency, "source": str(source)}
    return merge(FxRate, len(bars), columns, constants, key=_KEY, replace=replace)
