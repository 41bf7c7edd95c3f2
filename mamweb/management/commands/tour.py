"""Tell one day of a firm, from intent to statement."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from base.commands import HouseCommand
from mamweb.tour import TourOptions, run_tour
from mamweb.tour.checks import failures
from mamweb.tour.record import record
from mamweb.tour.story import print_tour


class Command(HouseCommand):
    help = "Live one day of a fresh firm on a virtual clock, print each journey, and check every invariant (exit 1 if one fails)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bars", type=Path, metavar="DIR", help="a folder of real minute bars (docs/market-csv.md)")
        parser.add_argument("--accounts", type=int, default=0, metavar="N", help="this many accounts beside the fixed seven, up to 10000")
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the built-in market and the generated accounts")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write everything a stranger needs to recompute the day")
        parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the statement here (default: var/tour/statement.pdf)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["accounts"] <= 10_000:
            raise CommandError(f"--accounts {options['accounts']}: must lie between 0 and 10000")
        if options["bars"] and not options["bars"].is_dir():
            raise CommandError(f"--bars {options['bars']}: is not a folder")
        call_command("migrate", database="owner", verbosity=0)
        tour = run_tour(TourOptions(options["bars"], options["accounts"], options["seed"]), lambda text: self.stderr.write(f"· {text}"))
        found = failures(tour)
        print_tour(tour, found, self.stdout, options["pdf"])
        if options["json"]:
            options["json"].write_text(json.dumps(record(tour, found), indent=1, default=str))
        if found:
            self.stderr.write(self.style.ERROR(f"{len(found)} invariants failed"))
            sys.exit(1)
