"""The market of a history: daily bars throughout, minutes only where somebody looks at them.

Entry points: `load_past`, `decides_at`, `evening_of`, `morning_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from market import services as market
from market.core import calendars
from market.core.generated_catalogue import GENERATED
from market.services import LoadedMarket

from .story import SYMBOLS, Story

EXCHANGE = "XNYS"
BEFORE, AFTER = timedelta(minutes=25), timedelta(minutes=40)
_DAILY_BEFORE = timedelta(days=60)


def decides_at(day: date) -> datetime:
    """Return when a day's decisions are made: 45 minutes into the session, while London and Frankfurt trade too."""
    return calendars.session_open(EXCHANGE, day) + timedelta(minutes=45, seconds=5)


def evening_of(day: date) -> datetime:
    """Return when a day is valued and reconciled: 20 minutes after the close."""
    return calendars.session_close(EXCHANGE, day) + timedelta(minutes=20)


def morning_of(day: date) -> datetime:
    """Return when a day begins: 20 minutes before the open, when unresolved breaks close accounts to new risk (REC-6)."""
    return calendars.session_open(EXCHANGE, day) - timedelta(minutes=20)


def load_past(sessions: Sequence[date], story: Story) -> LoadedMarket:
    """Store the past the story needs: each instrument's last minutes before every evening, and the hour around its decisions."""
    windows: dict[str, list[tuple[datetime, datetime]]] = {}
    for symbol in SYMBOLS:
        market_of = GENERATED[symbol].spec.market
        windows[symbol] = [(_last_end(market_of, evening) - timedelta(minutes=2), evening) for evening in map(evening_of, sessions)]
    for day, decisions in story.decisions.items():
        for decision in decisions:
            at = decides_at(day)
            windows[decision.symbol].append((at - BEFORE, at + AFTER))
    return market.load_generated_past(
        {symbol: sorted(found) for symbol, found in windows.items()}, since=sessions[0] - _DAILY_BEFORE, until=sessions[-1]
    )


def _last_end(market_of: str, evening: datetime) -> datetime:
    """Return the end of the market's last minute before the evening."""
    day = calendars.trade_date(market_of, evening)
    while not calendars.is_session(market_of, day) or calendars.session_open(market_of, day) >= evening:
        day = calendars.previous_session(market_of, day)
    return min(calendars.session_close(market_of, day), evening)
