"""Reads of market reference, the same for every firm; no tenancy block is needed.

Entry points: `instrument`, `instrument_by_symbol`, `instruments`, `search_instruments`, `latest_quotes`, `previous_closes`, `minute_volume`,
`bars`, `fx_ratios`, `rated_currencies`, `trade_date`, `venue_symbols`, `instruments_at_venue`.
Invariant: `now` is an argument, and nothing that became known after it is ever returned.
"""

from market.core.fx import CHECK_MAX_AGE, FIXING_MAX_AGE

from .bars import CloseFacts, bars, minute_volume, previous_closes
from .fx import FxRatios, fx_ratios, rated_currencies
from .instruments import InstrumentFacts, instrument, instrument_by_symbol, instruments, trade_date
from .quotes import QuoteFacts, latest_quotes
from .search import search_instruments
from .venues import instruments_at_venue, venue_symbols

__all__ = [
    "CHECK_MAX_AGE",
    "FIXING_MAX_AGE",
    "CloseFacts",
    "FxRatios",
    "InstrumentFacts",
    "QuoteFacts",
    "bars",
    "fx_ratios",
    "instrument",
    "instrument_by_symbol",
    "instruments",
    "instruments_at_venue",
    "latest_quotes",
    "minute_volume",
    "previous_closes",
    "rated_currencies",
    "search_instruments",
    "trade_date",
    "venue_symbols",
]
