"""The paper venue of a connection: over the bars in the database, with a journal of its own that every later start goes on from.

Entry points: `paper_service`, `open_books`, `venue_folder`, `NoBars`.
Invariants: 1. whoever serves a connection next, on whichever clock, replays the same journal: custody, order and execution numbers go on;
2. the bars of a venue's past stay the same bars, counted from the instant its journal was begun; what the market has learnt since of
other instruments, or of earlier days, changes neither its instruments nor its first instant.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts import queries as accounts
from accounts.core.settlement import business_days
from base.core.clock import Clock
from execution.venue.engine import Venue
from execution.venue.from_market import venue_bars, venue_instrument
from execution.venue.host import VenueHost
from execution.venue.journal import FileJournal
from execution.venue.orders import to_microseconds
from execution.venue.service import VenueService
from execution.venue.setup import CommissionModel, Session, VenueConfig, weekdays
from market import queries as market
from market.core import calendars


class NoBars(LookupError):
    """The market has no bars for the venue's days."""


def venue_folder(firm_id: int, lane: accounts.ConnectionFacts) -> Path:
    """Return where a connection's venue keeps its journal: as its settings say, else under var/venues."""
    return Path(lane.settings.get("journal") or settings.VAR_DIR / "venues" / f"{firm_id}-{lane.code}")


def paper_service(
    lane: accounts.ConnectionFacts, folder: Path, clock: Clock, *, days: int, seed: int, until: datetime | None = None
) -> VenueService:
    """Return the venue with its past replayed. Needs no block.

    days: of bars before its beginning and after `until` (None: the clock's now). Raises NoBars, JournalDamaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "begun"
    known = note.read_text().splitlines() if note.exists() else []
    begun, now = datetime.fromisoformat(known[0]) if known else clock.now(), until or clock.now()
    traded = set(known[2].split(",")) if len(known) > 2 else None
    since, until = begun - timedelta(days=days), now + timedelta(days=days)
    instruments, bars = [], {}
    hours, kinds = {}, {}
    names = market.venue_symbols(venue=lane.venue)
    for facts in market.instruments().values():
        symbol = names.get(facts.id)
        if symbol is None or (traded is not None and symbol not in traded):  # None: the venue calls another instrument so
            continue
        found = market.bars(instrument_id=facts.id, since=since, until=until)
        if len(found.start):
            day = begun.date()
            settles = accounts.settlement_date(instrument=facts, trade_date=day)
            instruments.append(venue_instrument(facts, settlement_days=_days_between(day, settles), symbol=symbol))
            bars[symbol] = venue_bars(found)
            kinds[symbol] = facts.kind
            hours[symbol] = _hours_of(facts.calendar, since.date(), until.date())
    if not bars:
        raise NoBars
    clearing = lane.clearing_custodian_account
    config = VenueConfig(
        participation_bps=2_000,
        block_accounts=frozenset({clearing} if clearing else ()),
        commission=CommissionModel(per_share=Decimal("0.005"), minimum=Decimal(1)),
        market_days=weekdays(begun.date() - timedelta(days=30), now.date() + timedelta(days=60)),
    )
    journal = FileJournal(folder / "venue.journal")
    start_us = int(known[1]) if len(known) > 1 else min(int(series.start_us[0]) for series in bars.values())
    if not known:
        _keep(note, [begun.isoformat(), str(start_us), ",".join(bars)])
    exchange = [symbol for symbol in hours if kinds[symbol] not in {"FX", "CRYPTO_SPOT"}]  # its days are the custodian's
    sessions = hours[(exchange or sorted(hours))[0]]
    venue = Venue(instruments, bars, config, start_us=start_us, seed=seed, sessions=sessions, hours=hours)
    return VenueService(VenueHost(venue, journal, clock, history=journal.take_records()))


def open_books(service: VenueService, lane: accounts.ConnectionFacts, books: Mapping[str, Any]) -> bool:
    """Open the custodian's books with ours if no account stands in them yet; return whether they were opened."""
    if not books or service.host.venue.custody.accounts - {lane.clearing_custodian_account}:
        return False
    service.handle({"op": "open", "accounts": dict(books)})
    service.host.sync()
    return True


def _keep(note: Path, lines: list[str]) -> None:
    """Note when the journal was begun, the venue's first instant and its instruments: a journal stands only for these."""
    fresh = note.with_suffix(".new")
    with fresh.open("w") as stream:
        stream.write("\n".join(lines))
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(note)


def _hours_of(calendar: str, first: date, last: date) -> list[Session]:
    """Return a calendar's sessions as the venue takes them. A break within a session has no bars, so nothing fills in it."""
    days = [calendars.session(calendar, day) for day in calendars.sessions_between(calendar, first, last)]
    return [Session(day.day, to_microseconds(day.open_at), to_microseconds(day.close_at)) for day in days]


def _days_between(day: Any, settles: Any) -> int:
    is_business_day = business_days()
    return sum(1 for n in range(1, (settles - day).days + 1) if is_business_day(day + timedelta(days=n)))
