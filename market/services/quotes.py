"""Store quotes: as a feed brings them, and whole recorded series.

Entry points: `record_quotes`, `QuoteRow`, `load_quotes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from base import bulk
from market.core.bars import PRICE_EXPONENT, scale_price
from market.core.instants import to_us
from market.core.quotes import Quotes
from market.enums import QuoteSource
from market.models import Quote

from .bars import instrument_ids
from .staging import Merged, Scaled, merge

_KEY = ("instrument_id", "source", "as_of")


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """What is bid and asked of one instrument as of an instant; a missing side is None.

    Raises ValueError for a price that is not finite, not above 0 or has more than 8 decimals, and for a naive instant.
    """

    instrument_id: int
    source: QuoteSource
    as_of: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None = None

    def __post_init__(self) -> None:
        to_us(self.as_of)
        for price in (self.bid, self.ask, self.last):
            _scaled(price)


def record_quotes(rows: Sequence[QuoteRow], *, replace: bool = False) -> Merged:
    """Store quotes in one statement; the same quote again changes nothing.

    Raises ConflictingRows when other prices stand under the same instrument, source and instant, unless `replace`; ValueError when the rows
    themselves hold such a pair.
    """
    distinct = list(dict.fromkeys(rows))
    sources = sorted({str(row.source) for row in distinct})
    if len({(row.instrument_id, row.source, row.as_of) for row in distinct}) != len(distinct):
        raise ValueError("two different quotes of one instrument, source and instant")
    columns = {
        "instrument_id": bulk.Integers(np.array([row.instrument_id for row in distinct], np.int64)),
        "as_of": bulk.Instants(np.array([to_us(row.as_of) for row in distinct], np.int64)),
        "source": bulk.Codes(np.array([sources.index(str(row.source)) for row in distinct], np.int16), sources),
        **{name: _prices([getattr(row, name) for row in distinct]) for name in ("bid", "ask", "last")},
    }
    return merge(Quote, len(distinct), columns, {}, key=_KEY, replace=replace) + Merged(unchanged=len(rows) - len(distinct))


def load_quotes(quotes: Sequence[Quotes], source: QuoteSource | None = None, *, replace: bool = False) -> Merged:
    """Store recorded series, all or nothing, each quote as of the end of its minute (it is known no earlier).

    Raises as `load_bars` does. Sizes are not kept.
    """
    if not quotes:
        return Merged()
    ids = instrument_ids(each.symbol for each in quotes)
    lengths = [len(each) for each in quotes]
    sources = [str(source or each.source) for each in quotes]
    legend = sorted(set(sources))
    columns = {
        "instrument_id": bulk.Integers(np.repeat(np.array([ids[each.symbol] for each in quotes], np.int64), lengths)),
        "as_of": bulk.Instants(np.concatenate([each.start + each.interval.microseconds for each in quotes])),
        "source": bulk.Codes(np.repeat(np.array([legend.index(each) for each in sources], np.int16), lengths), legend),
        "bid": Scaled(np.concatenate([each.bid for each in quotes]), PRICE_EXPONENT, blank=True),
        "ask": Scaled(np.concatenate([each.ask for each in quotes]), PRICE_EXPONENT, blank=True),
    }
    return merge(Quote, sum(lengths), columns, {}, key=_KEY, replace=replace)


def _prices(prices: Sequence[Decimal | None]) -> Scaled:
    return Scaled(np.array([_scaled(price) for price in prices], np.int64), PRICE_EXPONENT, blank=True)


def _scaled(price: Decimal | None) -> int:
    return 0 if price is None else scale_price(price)
