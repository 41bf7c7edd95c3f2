"""Serve the paper venue of one connection over the bars in the database, with its own journal."""

from __future__ import annotations

import os
import signal
import socket
from argparse import ArgumentParser
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts import queries as accounts
from accounts.core.settlement import business_days
from base import tenancy
from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, count, identifier
from execution.venue.engine import Venue
from execution.venue.from_market import venue_bars, venue_instrument
from execution.venue.host import VenueHost
from execution.venue.journal import FileJournal, JournalDamaged
from execution.venue.orders import to_microseconds
from execution.venue.server import VenueServer
from execution.venue.service import VenueService
from execution.venue.setup import CommissionModel, Session, VenueConfig, weekdays
from market import queries as market
from market.core import calendars


class Command(HouseCommand):
    help = "Serve the simulated venue of a paper connection; kill it and start it again, and it goes on from its journal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("connection", help="code of the paper connection")
        parser.add_argument("--firm", type=identifier, required=True, metavar="ID")
        parser.add_argument("--days", type=count, default=1, metavar="N", help="days of bars before and after today")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        with tenancy.firm(options["firm"]):
            lane = accounts.connection(code=options["connection"])
            if lane is None or lane.gateway != "paper":
                raise BadArgument(f"connection {options['connection']}: the firm has no paper connection of this name")
            opening = accounts.custody_books(connection_id=lane.id)
        address = Path(lane.settings["address"])
        folder = lane.settings.get("journal") or settings.VAR_DIR / "venues" / f"{options['firm']}-{lane.code}"
        service = _service(lane, options, Path(folder))
        if opening and not service.host.venue.custody.accounts - {lane.clearing_custodian_account}:
            service.handle({"op": "open", "accounts": opening})
            service.host.sync()
        address.parent.mkdir(parents=True, exist_ok=True)
        address.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(address))
        listener.listen(16)
        server = VenueServer(service, listener)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        self.stdout.write(f"paper venue {lane.code} at {address}")
        server.run()


def _service(lane: accounts.ConnectionFacts, options: dict[str, Any], folder: Path) -> VenueService:
    clock = process_clock()
    folder.mkdir(parents=True, exist_ok=True)
    begun, now = _begun(folder, clock.now()), clock.now()
    since, until = begun - timedelta(days=options["days"]), now + timedelta(days=options["days"])
    instruments, bars = [], {}
    hours, kinds = {}, {}
    names = market.venue_symbols(venue=lane.venue)
    for facts in market.instruments().values():
        symbol = names.get(facts.id)
        if symbol is None:  # the venue calls another instrument so
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
        raise CommandError("the market has no bars around now: load some first (manage.py load_bars FILE)")
    clearing = lane.clearing_custodian_account
    config = VenueConfig(
        participation_bps=2_000,
        block_accounts=frozenset({clearing} if clearing else ()),
        commission=CommissionModel(per_share=Decimal("0.005"), minimum=Decimal(1)),
        market_days=weekdays(begun.date() - timedelta(days=30), now.date() + timedelta(days=60)),
    )
    journal_path = folder / "venue.journal"
    journal = FileJournal(journal_path)
    start_us = min(int(series.start_us[0]) for series in bars.values())
    exchange = [symbol for symbol in hours if kinds[symbol] not in {"FX", "CRYPTO_SPOT"}]  # its days are the custodian's
    sessions = hours[(exchange or sorted(hours))[0]]
    venue = Venue(instruments, bars, config, start_us=start_us, seed=options["seed"], sessions=sessions, hours=hours)
    try:
        return VenueService(VenueHost(venue, journal, clock, history=journal.take_records()))
    except JournalDamaged as error:
        raise CommandError(f"{journal_path}: {error}; to begin anew with empty books, move the folder away") from error


def _begun(folder: Path, now: datetime) -> datetime:
    """Return when the journal was begun, noting it if it begins now: the bars of a venue's past must stay the same bars."""
    note = folder / "begun"
    if not note.exists():
        fresh = note.with_suffix(".new")
        with fresh.open("w") as stream:
            stream.write(now.isoformat())
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(note)
    return datetime.fromisoformat(note.read_text())


def _hours_of(calendar: str, first: date, last: date) -> list[Session]:
    """Return a calendar's sessions as the venue takes them. A break within a session has no bars, so nothing fills in it."""
    days = [calendars.session(calendar, day) for day in calendars.sessions_between(calendar, first, last)]
    return [Session(day.day, to_microseconds(day.open_at), to_microseconds(day.close_at)) for day in days]


def _days_between(day: Any, settles: Any) -> int:
    is_business_day = business_days()
    return sum(1 for n in range(1, (settles - day).days + 1) if is_business_day(day + timedelta(days=n)))
