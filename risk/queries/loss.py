"""The firm's loss of the day (RSK-9): equity now against equity at the last reset, flows since taken out.

Entry point: `firm_day_loss`.
Invariants: 1. the sum of all accounts' curves decides, not their losses. 2. money and units that came in since count as part of the start.
3. a price or rate that is missing makes the loss None (CON-5). Start and flows are converted at today's rates, so that a move of the
reporting currency alone is no loss. Equity stands for balance at the reset: in a full-value ledger it is the larger of what was earned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from risk.core.drawdown import daily_loss, last_reset

from . import books
from .firm import FirmExposure, exposure_by_instrument, rounded

RESET_ZONE = ZoneInfo("America/New_York")


def firm_day_loss(*, now: datetime, exposure: FirmExposure | None = None) -> Decimal | None:
    """Return the loss since the last 17:00 New York as a positive amount of the reporting currency, 0 in profit, None if not known.

    exposure: what `exposure_by_instrument` gave for `now`, to spare reading it again. Source: RSK-9.
    """
    book = exposure or exposure_by_instrument(now=now)
    until = last_reset(now, RESET_ZONE).date()
    began = books.day_start(until=until)
    money, units = books.flows_since(began, until=until)
    equity = _sum(_money(book.cash, book), _units({k: row.held.position for k, row in book.instruments.items()}, book))
    start = _money(began.equity, book)
    flows = _sum(_money(money, book), _units(units, book))
    if equity is None or start is None or flows is None:
        return None
    return daily_loss(balance_at_reset=rounded(start), equity_at_reset=rounded(start), equity=rounded(equity), flows_since=rounded(flows))


def _money(amounts: Mapping[str, Decimal], book: FirmExposure) -> Fraction | None:
    total = Fraction(0)
    for currency, amount in amounts.items():
        rate = book.rates.get(currency)
        if amount and rate is None:
            return None
        total += Fraction(amount) * (rate or 0)
    return total


def _units(quantities: Mapping[int, Decimal], book: FirmExposure) -> Fraction | None:
    total = Fraction(0)
    for instrument_id, quantity in quantities.items():
        row = book.instruments.get(instrument_id)
        if quantity and (row is None or row.unit_value is None):
            return None
        total += Fraction(quantity) * (row.unit_value or 0 if row else 0)
    return total


def _sum(*parts: Fraction | None) -> Fraction | None:
    return None if any(part is None for part in parts) else sum((part for part in parts if part is not None), Fraction(0))
