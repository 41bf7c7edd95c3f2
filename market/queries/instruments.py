"""Instruments as values.

Entry points: `instrument`, `instrument_by_symbol`, `instruments`, `trade_date`, `InstrumentFacts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from base.errors import NotFound
from market.core import calendars
from market.enums import InstrumentKind

from .rows import array, fetch

_SELECT = """
SELECT id, symbol, name, kind, currency, NULLIF(base_currency, ''), calendar, settlement_market, sector, issuer_id, underlying_id,
    COALESCE(NULLIF(identity_group, ''), symbol), trim_scale(multiplier), trim_scale(tick), trim_scale(lot_step),
    trim_scale(min_quantity), trim_scale(min_notional), is_simulated, trim_scale(pip_size)
FROM market_instrument
"""


@dataclass(frozen=True, slots=True)
class InstrumentFacts:
    """One instrument as stored; the words are explained at `market.core.instruments.InstrumentSpec`.

    Attributes:
        currency: prices are in it. base_currency: what one unit of a pair is made of, None for everything else.
        calendar: the market whose sessions and trade dates count (a MIC, `FX` or `CRYPTO`).
        tick, lot_step, min_quantity, min_notional: the steps and minima of orders.
        multiplier: units per quantity of 1. pip_size: what a pip is worth in price, None outside FX.
        is_simulated: not a real instrument; everything about it is labelled so.
    """

    id: int
    symbol: str
    name: str
    kind: InstrumentKind
    currency: str
    base_currency: str | None
    calendar: str
    settlement_market: str
    sector: str
    issuer_id: int | None
    underlying_id: int | None
    identity_group: str
    multiplier: Decimal
    tick: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    is_simulated: bool
    pip_size: Decimal | None = None


def instrument(instrument_id: int) -> InstrumentFacts:
    """Return one instrument. Raises NotFound."""
    return _one("WHERE id = %(key)s", instrument_id)


def instrument_by_symbol(symbol: str) -> InstrumentFacts:
    """Return the instrument of a symbol as mamweb writes it (`BRK.B`, `EURUSD`). Raises NotFound."""
    return _one("WHERE symbol = %(key)s", symbol)


def instruments(ids: Iterable[int] | None = None) -> dict[int, InstrumentFacts]:
    """Return the instruments of these ids (all of them unless given) by id, in the order of their symbols; an unknown id is left out."""
    rows = fetch(
        _SELECT + ("ORDER BY symbol" if ids is None else "WHERE id = ANY(%(ids)s::bigint[]) ORDER BY symbol"), {"ids": array(ids or ())}
    )
    return {row[0]: _facts(row) for row in rows}


def trade_date(*, instrument: InstrumentFacts, instant: datetime) -> date:
    """Return the trade date of an instant in the instrument's market (CON-6). Raises OutsideCalendar, UnknownMarket."""
    return calendars.trade_date(instrument.calendar, instant)


def _one(where: str, key: object) -> InstrumentFacts:
    rows = fetch(_SELECT + where, {"key": key})
    if not rows:
        raise NotFound(f"instrument {key}", field="symbol" if isinstance(key, str) else "instrument", value=key)
    return _facts(rows[0])


def _facts(row: tuple[Any, ...]) -> InstrumentFacts:
    return InstrumentFacts(*(*row[:3], InstrumentKind(row[3]), *row[4:]))
