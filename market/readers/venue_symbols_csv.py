"""Venue symbols from CSV (docs/market-csv.md).

Entry point: `read_venue_symbols`. All or nothing; each complaint names line, field, value and rule.
"""

from __future__ import annotations

from pathlib import Path

from market.core.instruments import InvalidInstrument
from market.core.venue_symbols import VenueSymbolSpec
from market.readers.columns import Table, read_table

VENUE_SYMBOL_HEADER = ("venue", "symbol", "instrument")


def read_venue_symbols(path: Path) -> list[VenueSymbolSpec]:
    """Return the rows of the file in their sequence: row i stands in line i + 2. Raises UnableToReadMarketFile."""
    table = read_table(path, VENUE_SYMBOL_HEADER)
    specs = [spec for row in range(table.rows) if (spec := _spec(table, row)) is not None]
    table.complaints.raise_any()
    return specs


def _spec(table: Table, row: int) -> VenueSymbolSpec | None:
    try:
        return VenueSymbolSpec(*(table.cell(name, row) for name in VENUE_SYMBOL_HEADER))
    except InvalidInstrument as error:
        table.complaints.add(row + 2, error.field, str(error.value), error.rule)
        return None
