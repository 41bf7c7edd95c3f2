"""Load bars into the database.

Entry point: `load_bars`. 200,000 bars take about two seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from django.db import transaction

from base import bulk
from base.errors import Refused
from market.core.bars import PRICE_EXPONENT, Bars
from market.enums import QuoteSource
from market.models import Bar, Instrument

from .staging import LOADER, Merged, Scaled, merge

_KEY = ("instrument_id", "interval_seconds", "starts_at", "source")
_PRICES = ("open", "high", "low", "close")


class UnableToLoadBars(Refused):
    """Bars or quotes of a symbol that is no known instrument, or one symbol given twice."""


def load_bars(bars: Bars | Sequence[Bars], source: QuoteSource | None = None, *, replace: bool = False) -> Merged:
    """Store the bars of one symbol or of many, all or nothing.

    source: where they come from; what the bars themselves say unless given. Bars that are stored already, equal, are left alone.
    Raises ConflictingRows for a different bar of the same instrument, interval, minute and source, unless `replace`; UnableToLoadBars.
    """
    series = [bars] if isinstance(bars, Bars) else [each for each in bars if len(each)]
    ids = instrument_ids(each.symbol for each in series)
    merged = Merged()
    with transaction.atomic(using=LOADER):
        for _, group in groupby(sorted(series, key=_kind), key=_kind):
            merged += _merge(list(group), ids, source, replace)
    return merged


def instrument_ids(symbols: Iterable[str]) -> dict[str, int]:
    """Return the id of each symbol. Raises UnableToLoadBars for a symbol that is unknown or given twice."""
    wanted = list(symbols)
    found = dict(Instrument.objects.using(LOADER).filter(symbol__in=wanted).values_list("symbol", "pk"))
    unknown = sorted(set(wanted) - set(found))
    if unknown:
        message = f"no instrument {', '.join(unknown)}: load instruments first"
        raise UnableToLoadBars("unknown_instrument", message, field="symbol", value=unknown[0], symbols=unknown)
    if len(set(wanted)) != len(wanted):
        raise UnableToLoadBars("symbol_twice", "each symbol once", field="symbol", value=", ".join(wanted), symbols=wanted)
    return found


def _kind(bars: Bars) -> tuple[str, int, str]:
    return bars.interval.value, bars.volume_exponent, bars.source.value


def _merge(series: list[Bars], ids: dict[str, int], source: QuoteSource | None, replace: bool) -> Merged:
    first = series[0]
    lengths = [len(bars) for bars in series]
    columns = {
        "instrument_id": bulk.Integers(np.repeat(np.array([ids[bars.symbol] for bars in series], np.int64), lengths)),
        "starts_at": bulk.Instants(np.concatenate([bars.start for bars in series])),
        **{name: Scaled(np.concatenate([getattr(bars, name) for bars in series]), PRICE_EXPONENT) for name in _PRICES},
        "volume": Scaled(np.concatenate([bars.volume for bars in series]), first.volume_exponent),
        "is_regular": bulk.Booleans(np.concatenate([bars.regular for bars in series])),
    }
    constants = {"source": str(source or first.source), "interval_seconds": first.interval.microseconds // 1_000_000}
    return merge(Bar, sum(lengths), columns, constants, key=_KEY, replace=replace)
