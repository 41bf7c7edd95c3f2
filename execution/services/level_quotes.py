"""Which quotes may trigger levels, and the alarm where none may in an open session (CON-5).

Entry point: `usable_prices`. Inside the caller's tenancy block.
Invariants: 1. only what an order could be priced by may trigger (RTE-2). 2. a closed market triggers nothing and alarms nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from market import queries as market
from market.core.calendars import is_open_at
from market.core.sessions import OutsideCalendar
from market.enums import Side
from market.queries import InstrumentFacts, QuoteFacts

from ..enums import QuoteProblem
from ..queries.levels import WatchedGroup, levels_in
from .level_alarms import alarm_unwatched, end_unwatched_alarm
from .planning import limit_of

# An open session without a usable quote for this long is alarmed; a minute's bar of the paper venue may be a minute late.
UNWATCHED_AFTER = timedelta(seconds=90)


def usable_prices(
    *, groups: Sequence[WatchedGroup], instruments: Mapping[int, InstrumentFacts], now: datetime
) -> list[tuple[WatchedGroup, Decimal]]:
    """Return the groups that may be judged, each with the price its closings would trade at now; keep since when others may not."""
    quotes = market.latest_quotes(instrument_ids=sorted(instruments), now=now)
    found: list[tuple[WatchedGroup, Decimal]] = []
    blind: dict[tuple[int, bool], list[tuple[QuoteProblem, WatchedGroup]]] = defaultdict(list)
    over: set[tuple[int, bool]] = set()
    for group in groups:
        facts = instruments[group.instrument_id]
        judged = _judge(facts, quotes.get(facts.id), is_paper=group.is_paper, is_long=group.is_long, now=now)
        if isinstance(judged, QuoteProblem):
            blind[group.instrument_id, group.is_paper].append((judged, group))
            continue
        if judged is not None:
            found.append((group, judged))
        if group.unwatched_since is not None:
            levels_in(group).filter(unwatched_since__isnull=False).update(unwatched_since=None)
            over.add((group.instrument_id, group.is_paper))
    for instrument_id, is_paper in sorted(over - blind.keys()):
        end_unwatched_alarm(instrument_id, is_paper=is_paper, now=now)
    for problems in blind.values():
        _note(problems, instruments, now)
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


def _note(problems: Sequence[tuple[QuoteProblem, WatchedGroup]], instruments: Mapping[int, InstrumentFacts], now: datetime) -> None:
    """Keep since when levels of an instrument cannot be watched, and alarm what lasts."""
    since = now
    for _, group in problems:
        levels_in(group).filter(unwatched_since=None).update(unwatched_since=now)
        since = min(since, group.unwatched_since or now)
    problem, first = problems[0]
    if now - since >= UNWATCHED_AFTER:
        alarm_unwatched(
            first.instrument_id,
            symbol=instruments[first.instrument_id].symbol,
            is_paper=first.is_paper,
            problem=problem,
            levels=sum(group.levels for _, group in problems),
            since=since,
            now=now,
        )
