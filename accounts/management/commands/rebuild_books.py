"""Prove positions, cash and lots from the ledger, or make them again."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.services.rebuilding import differences, rebuild
from base import tenancy
from governance.queries import firm_ids


class Command(BaseCommand):
    help = "Compare positions, cash and lots with the ledger to the cent and the share; without --check also repair them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=int, metavar="ID", help="only this firm")
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything differs")

    def handle(self, *, firm: int | None, check: bool, **options: Any) -> None:
        wrong = 0
        for firm_id in [firm] if firm else firm_ids():
            with tenancy.firm(firm_id):
                found = differences() if check else rebuild()
            wrong += len(found)
            for text in found:
                self.stdout.write(f"firm {firm_id}: {text}")
        word = "differ" if check else "were repaired"
        self.stdout.write(f"{wrong} {word}" if wrong else "positions, cash and lots are what the ledger says")
        if wrong and check:
            sys.exit(1)
