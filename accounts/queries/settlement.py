"""When a trade of an instrument settles (ACC-5).

Entry point: `settlement_date`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from market.core import calendars
from market.queries import InstrumentFacts

from ..core import settlement

# Which law a settlement calendar or exchange is under; pairs settle by their own rule where they have one.
_LAW: Mapping[str, str] = {
    calendars.US_SETTLEMENT: "US",
    **dict.fromkeys(("XNYS", "XNAS", "ARCX", "XCBO", "XASE"), "US"),
    calendars.EU_SETTLEMENT: "EU",
    **dict.fromkeys(("XETR", "XFRA", "XPAR", "XAMS", "XBRU", "XLIS", "XMIL", "XMAD", "XDUB", "XHEL", "XWBO"), "EU"),
    "XLON": "UK",
    "XSWX": "CH",
    calendars.FX: "FX",
    calendars.CRYPTO: "CRYPTO",
}


def settlement_date(*, instrument: InstrumentFacts, trade_date: date) -> date:
    """Return the day a trade of `trade_date` settles: the law in force that day, counted on the instrument's settlement calendar.

    Raises ValueError where no law is known for that calendar (CON-5), OutsideCalendar beyond the days it knows. Source: ACC-5.
    """
    place = instrument.settlement_market
    law = _LAW.get(place)
    if law is None:
        raise ValueError(f"{instrument.symbol}: no settlement law is known for {place}")
    pair = instrument.symbol if law == "FX" else None
    return settlement.settlement_date(law, trade_date, lambda day: calendars.is_session(place, day), pair=pair)
