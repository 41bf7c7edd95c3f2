"""Prove every firm's positions, cash and lots from its ledger, or rebuild them."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from accounts.services import check_books, rebuild_books
from base import tenancy
from base.clock import process_clock
from base.commands import HouseCommand, identifier
from governance.queries import firm_ids


class Command(HouseCommand):
    help = "Compare stored positions, cash and lots with the ledger, and put right what differs; with --check only tell, and fail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, help="only this firm")
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if anything differs")

    def handle(self, *args: Any, **options: Any) -> None:
        firms = firm_ids() if options["firm"] is None else [options["firm"]]
        found = 0
        for firm_id in firms:
            with tenancy.firm(firm_id):
                lines = check_books() if options["check"] else rebuild_books(now=process_clock().now())
            for line in lines:
                self.stdout.write(f"firm {firm_id}: {line}")
            found += len(lines)
        if not found:
            self.stdout.write(f"{len(firms)} firms: positions, cash and lots are what the ledger says")
        elif options["check"]:
            self.stdout.write(f"{found} figures differ from the ledger")
            raise SystemExit(1)
        else:
            self.stdout.write(f"{found} figures put right")
