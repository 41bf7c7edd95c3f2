"""`manage.py seal_audit [--watch]`: chain committed audit events, once or every second until told to stop."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from base.commands import HouseCommand
from governance.services import seal_audit
from governance.services.every_firm import for_every_firm

INTERVAL_SECONDS = 1.0


class Command(HouseCommand):
    help = "Chain committed audit events. Safe to run beside another sealer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="go on every second until SIGTERM or Ctrl-C")

    def handle(self, *, watch: bool, **options: Any) -> None:
        if not watch:
            self.stdout.write(f"sealed {seal_all()} events")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        keep_sealing(stop)


def keep_sealing(stop: threading.Event) -> int:
    """Seal every second until `stop` is set; returns how many events."""
    total = seal_all()
    while not stop.wait(INTERVAL_SECONDS):
        total += seal_all()
    return total


def seal_all() -> int:
    """Seal everything that waits, in every firm; returns how many events."""
    total = 0
    while sealed := for_every_firm(seal_audit):
        total += sealed
    return total
