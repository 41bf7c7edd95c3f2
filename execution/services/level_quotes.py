"""Which quotes may trigger levels, and the alarm where none may in an open session (CON-5).

Entry point: `usable_prices`. Inside the caller's tenancy block.
Invariants: 1. only what an order could be priced by may trigger (RTE-2). 2. a closed market triggers nothing and alarms nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from market import queries as market
from market.core.calendars import is_open_at
from market.core.sessions import OutsideCalendar
from market.enums import Side
from market.queries import InstrumentFacts, QuoteFacts

from ..enums import QuoteProblem
from ..models import ProtectiveLevel
from .level_alarms import alarm_unwatched, end_unwatched_alarm
from .planning import limit_of

# An open session without a usable quote for this long is alarmed; a minute's bar of the paper venue may be a minute late.
UNWATCHED_AFTER = timedelta(seconds=90)
Key = tuple[int, bool, bool]


def usable_prices(*, rows: Sequence[Any], instruments: Mapping[int, InstrumentFacts], now: datetime) -> dict[Key, Decimal]:
    """Return the price a closing would trade at now by (instrument, paper, long), for those of these active levels that may be judged.

    rows: levels, annotated with `is_paper`.
    """
    quotes = market.latest_quotes(instrument_ids=sorted(instruments), now=now)
    groups: dict[Key, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.instrument_id, row.is_paper, row.is_long].append(row)
    found: dict[Key, Decimal] = {}
    blind: dict[tuple[int, bool], list[tuple[QuoteProblem, list[Any]]]] = defaultdict(list)
    clear: list[UUID] = []
    over: set[tuple[int, bool]] = set()
    for (instrument_id, is_paper, is_long), group in sorted(groups.items()):
        facts = instruments[instrument_id]
        problem = _judge(facts, quotes.get(instrument_id), is_paper=is_paper, is_long=is_long, now=now)
        if isinstance(problem, Decimal):
            found[instrument_id, is_paper, is_long] = problem
        elif problem is not None:
            blind[instrument_id, is_paper].append((problem, group))
            continue
        clear += [row.id for row in group if row.unwatched_since is not None]
        over |= {(instrument_id, is_paper) for row in group if row.unwatched_since is not None}
    _note(clear, over - blind.keys(), blind, instruments, now)
    return found


def _judge(
    facts: InstrumentFacts, quote: QuoteFacts | None, *, is_paper: bool, is_long: bool, now: datetime
) -> Decimal | QuoteProblem | None:
    """Return the price to judge by, why there is none, or None while the market is closed."""
    try:
        if not is_open_at(facts.calendar, now):
            return None
    except OutsideCalendar:
        return QuoteProblem.NO_QUOTE
    if quote is None:
        return QuoteProblem.NO_QUOTE
    side = Side.SELL if is_long else Side.BUY
    limit = limit_of(side=side, quote=quote, instrument=facts, is_paper=is_paper, now=now)
    if isinstance(limit, QuoteProblem):
        return limit
    price = quote.bid if is_long else quote.ask
    return QuoteProblem.NO_QUOTE if price is None else price


def _note(
    clear: Sequence[UUID],
    over: set[tuple[int, bool]],
    blind: Mapping[tuple[int, bool], Sequence[tuple[QuoteProblem, list[Any]]]],
    instruments: Mapping[int, InstrumentFacts],
    now: datetime,
) -> None:
    """Keep since when levels cannot be watched; alarm what lasts, end what is over."""
    if clear:
        ProtectiveLevel.objects.filter(pk__in=clear).update(unwatched_since=None)
    for instrument_id, is_paper in sorted(over):
        end_unwatched_alarm(instrument_id, is_paper=is_paper, now=now)
    for (instrument_id, is_paper), found in blind.items():
        rows = [row for _, group in found for row in group]
        fresh = [row.id for row in rows if row.unwatched_since is None]
        if fresh:
            ProtectiveLevel.objects.filter(pk__in=fresh, unwatched_since=None).update(unwatched_since=now)
        since = min((row.unwatched_since for row in rows if row.unwatched_since is not None), default=now)
        if now - since >= UNWATCHED_AFTER:
            alarm_unwatched(
                instrument_id, symbol=instruments[instrument_id].symbol, is_paper=is_paper, problem=found[0][0], levels=len(rows), since=since, now=now
            )  # fmt: skip
