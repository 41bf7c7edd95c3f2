"""Serve the paper venue of one connection over the bars in the database, with its own journal."""

from __future__ import annotations

import signal
import socket
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts import queries as accounts
from base import tenancy
from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, count, identifier
from execution.venue.journal import JournalDamaged
from execution.venue.paper import NoBars, open_books, paper_service, venue_folder
from execution.venue.server import VenueServer


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
        folder = venue_folder(options["firm"], lane)
        try:
            service = paper_service(lane, folder, process_clock(), days=options["days"], seed=options["seed"])
        except JournalDamaged as error:
            raise CommandError(f"{folder / 'venue.journal'}: {error}; to begin anew with empty books, move the folder away") from error
        except NoBars as error:
            raise CommandError("the market has no bars around now: load some first (manage.py load_bars FILE)") from error
        open_books(service, lane, opening)
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
