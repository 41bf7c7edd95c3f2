"""Instruments from CSV (docs/market-csv.md).

Entry point: `read_instruments`. All or nothing; each complaint names line, field, value and rule.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

from market.core.calendars import UnknownMarket
from market.core.instruments import InstrumentSpec, InvalidInstrument
from market.core.sessions import session_table
from market.enums import InstrumentKind
from market.readers.columns import Table, read_table

INSTRUMENT_HEADER = (
    "symbol",
    "kind",
    "currency",
    "base_currency",
    "market",
    "tick_size",
    "lot_step",
    "min_quantity",
    "min_notional",
    "multiplier",
    "pip_size",
    "sector",
    "issuer",
    "underlying",
    "identity_group",
    "settlement_market",
)
_DEFAULTS = {"lot_step": Decimal(1), "min_quantity": None, "min_notional": Decimal(0), "multiplier": Decimal(1), "pip_size": None}
_NUMBERS = ("tick_size", *_DEFAULTS)


def read_instruments(path: Path) -> dict[str, InstrumentSpec]:
    """Return the instruments of the file by symbol; optional cells may be empty. Raises UnableToReadMarketFile."""
    table = read_table(path, INSTRUMENT_HEADER)
    instruments: dict[str, InstrumentSpec] = {}
    for row in range(table.rows):
        spec = _instrument(table, row)
        if spec is not None and spec.symbol in instruments:
            table.complaints.add(row + 2, "symbol", spec.symbol, "once in the file")
        elif spec is not None:
            instruments[spec.symbol] = spec
    table.complaints.raise_any()
    return instruments


def _instrument(table: Table, row: int) -> InstrumentSpec | None:
    cells = {name: table.cell(name, row) for name in table.names}
    try:
        numbers = {name: _number(name, cells[name]) for name in _NUMBERS}
        text = {name: cell for name, cell in cells.items() if name not in numbers and name not in ("kind", "base_currency")}
        kind = _kind(cells["kind"])
        spec = InstrumentSpec(kind=kind, base_currency=cells["base_currency"] or None, **text, **numbers)  # type: ignore[arg-type]
        for field in ("market", "settlement_market"):
            _check_market(field, getattr(spec, field))
    except InvalidInstrument as error:
        table.complaints.add(row + 2, error.field, cells.get(error.field, str(error.value)), error.rule)
        return None
    return spec


def _kind(cell: str) -> InstrumentKind:
    if cell not in InstrumentKind.__members__:
        raise InvalidInstrument("kind", cell, f"one of {', '.join(InstrumentKind)}")
    return InstrumentKind[cell]


def _number(name: str, cell: str) -> Decimal | None:
    if not cell and name in _DEFAULTS:
        return _DEFAULTS[name]
    plain = cell.isascii() and cell.replace(".", "", 1).isdigit() and len(cell) <= 24
    try:
        if plain:
            return Decimal(cell)
    except InvalidOperation:
        plain = False
    raise InvalidInstrument(name, cell, "a plain decimal")


def _check_market(field: str, market: str) -> None:
    try:
        session_table(market)
    except UnknownMarket as error:
        raise InvalidInstrument(field, market, "a market with a known calendar") from error
