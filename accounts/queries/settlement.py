"""When a trade settles (ACC-5)."""

from __future__ import annotations

from datetime import date

from market.core.calendars import is_session
from market.queries import InstrumentFacts

from ..core.settlement import settlement_date as statutory_date


def settlement_date(*, instrument: InstrumentFacts, trade_date: date) -> date:
    """Return the settle date by the law in force on the trade date and the business days of the instrument's settlement market."""
    market = instrument.settlement_market

    def is_business_day(day: date) -> bool:
        try:
            return is_session(market, day)
        except LookupError:
            return day.weekday() < 5

    return statutory_date(_law_of(instrument), trade_date, is_business_day, pair=instrument.symbol if instrument.kind == "FX" else None)


def _law_of(instrument: InstrumentFacts) -> str:
    """Return the row of the law table: by kind where the kind settles in its own way, else by market."""
    if instrument.kind == "FX":
        return "FX"
    if instrument.kind == "CRYPTO_SPOT":
        return "CRYPTO"
    return _MARKETS.get(instrument.settlement_market, "US")


_MARKETS = {"US": "US", "XNYS": "US", "XNAS": "US", "T2": "EU", "XETR": "EU", "XPAR": "EU", "XLON": "UK", "XSWX": "CH"}
