"""Work out the dashboard's figures now: `manage.py refresh_figures --firm 1 [--history]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from base import tenancy
from base.clock import process_clock
from base.commands import HouseCommand, identifier
from reporting.services import refresh_figures


class Command(HouseCommand):
    help = "Work out what the accounts dashboard shows, curves included. The workers do it by themselves while somebody looks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, metavar="ID", required=True)
        parser.add_argument("--history", action="store_true", help="take the curves anew even if no evening has come since")

    def handle(self, *args: Any, **options: Any) -> None:
        with tenancy.firm(options["firm"]):
            done = refresh_figures(now=process_clock().now(), with_history=options["history"])
        self.stdout.write(f"{done.accounts} accounts, {done.unknown} without equity")
