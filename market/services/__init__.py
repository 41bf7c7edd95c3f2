"""Writes of market reference, all through the loader role; each call is one transaction, all or nothing.

Entry points: `load_instruments`, `load_venue_symbols`, `load_bars`, `load_quotes`, `record_quotes`, `load_fx`, and `load_normalised`,
`load_generated`, `load_generated_past` for whole markets.
Invariants: 1 the same row twice changes nothing; 2 a different row for the same key is refused (`Conflict`) unless `replace`;
3 a refusal leaves the database as it was.
"""

from .bars import UnableToLoadBars, load_bars
from .fx import load_fx
from .generated import UnableToGenerateMarket, load_generated, load_generated_past
from .instruments import InstrumentConflict, UnableToLoadInstruments, load_instruments
from .loaded import LoadedMarket
from .normalised import UnableToLoadMarket, load_normalised
from .quotes import QuoteRow, load_quotes, record_quotes
from .staging import ConflictingRows, Merged
from .venue_symbols import LoadedVenueSymbols, UnableToLoadVenueSymbols, load_venue_symbols

__all__ = [
    "ConflictingRows",
    "InstrumentConflict",
    "LoadedMarket",
    "LoadedVenueSymbols",
    "Merged",
    "QuoteRow",
    "UnableToGenerateMarket",
    "UnableToLoadBars",
    "UnableToLoadInstruments",
    "UnableToLoadMarket",
    "UnableToLoadVenueSymbols",
    "load_bars",
    "load_fx",
    "load_generated",
    "load_generated_past",
    "load_instruments",
    "load_normalised",
    "load_quotes",
    "load_venue_symbols",
    "record_quotes",
]
