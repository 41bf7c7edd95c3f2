"""`manage.py fetch_reports [--firm ID] [--every SECONDS]`: ask every broker connection for the custody report of the closed session.

Once, or again and again until SIGTERM. Ends with 1 where a report that was asked for did not come.
"""

from __future__ import annotations

import signal
import sys
import threading
from argparse import ArgumentParser
from typing import Any

from django.db import connections

from base.clock import process_clock
from base.commands import HouseCommand, identifier, seconds
from governance.queries import firm_ids
from reconciliation.services import fetch_reports


class Command(HouseCommand):
    help = "Fetch the custody reports that are due, from every connection of every custodian."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, metavar="ID", help="only this firm")
        parser.add_argument("--every", type=seconds, metavar="SECONDS", help="go on, a round every so many seconds")

    def handle(self, *, firm: int | None, every: float | None, **options: Any) -> None:
        if every is None:
            if self._round(firm):
                sys.exit(1)
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            self._round(firm)
            connections.close_all()
            stop.wait(every)

    def _round(self, firm: int | None) -> int:
        """Ask once; return how many connections did not report."""
        missing = 0
        for firm_id in firm_ids() if firm is None else [firm]:
            fetched = fetch_reports(firm_id=firm_id, now=process_clock().now())
            for code in fetched.stored:
                self.stdout.write(f"firm {firm_id}: {code} reported")
            for code, reason in fetched.failed:
                self.stderr.write(f"firm {firm_id}: {code} did not report [{reason}]")
            missing += len(fetched.failed)
        return missing
