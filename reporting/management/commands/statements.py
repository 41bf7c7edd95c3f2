"""Make a month's investor statements: `manage.py statements --firm 1 --month 2026-10 [--account CODE]`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, identifier
from reporting.services import month_bounds, state_month


class Command(HouseCommand):
    help = "Make the statements of a month, one account after the other. Can be stopped and repeated; equal figures make no new version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, metavar="ID", required=True)
        parser.add_argument("--month", required=True, help="YYYY-MM")
        parser.add_argument("--account", default="", help="the code of the only account to state")

    def handle(self, *args: Any, **options: Any) -> None:
        clock = process_clock()
        try:
            _, end = month_bounds(options["month"])
        except ValueError as error:
            raise BadArgument(f"--month {options['month']}: is not YYYY-MM") from error
        if end >= clock.now().date():
            raise BadArgument(f"--month {options['month']}: has not ended")
        count, failed = 0, []
        for step in state_month(firm=options["firm"], month=options["month"], account=options["account"], clock=clock.now):
            count += 1
            outcome = "FAILED" if step.document_id is None else "made" if step.made else "unchanged"
            self.stdout.write(f"{step.number}/{step.count} {step.account} {outcome}")
            if step.document_id is None:
                failed.append(f"{step.account}: {step.problem}")
        if options["account"] and not count:
            raise BadArgument(f"--account {options['account']}: no such account was open in {options['month']}")
        self.stdout.write(f"{count - len(failed)} of {count} statements stand")
        for line in failed:
            self.stderr.write(line)
        if failed:
            sys.exit(1)
