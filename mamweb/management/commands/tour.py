"""Tell one day of a firm, from intent to statement."""

from __future__ import annotations

import json
import os
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
from market.readers.columns import UnableToReadMarketFile
from market.services import UnableToLoadMarket

MOST_ACCOUNTS = 10_000


class Command(HouseCommand):
    help = "Live one day of a fresh firm on a virtual clock, print each journey, and check every invariant (exit 1 if one fails)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bars", type=Path, metavar="DIR", help="a folder of real minute bars (docs/market-csv.md)")
        parser.add_argument("--accounts", type=int, metavar="N", help=f"this many accounts beside the fixed seven, 1 to {MOST_ACCOUNTS}")
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the generated accounts and the venues' latency")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write everything a stranger needs to recompute the day")
        parser.add_argument("--pdf", type=Path, metavar="FILE", help="write the statement here (default: var/tour/statement.pdf)")

    def handle(self, *args: Any, **options: Any) -> None:
        if problem := _problem(options):
            raise CommandError(problem, returncode=2)
        call_command("migrate", database="owner", verbosity=0)
        chosen = TourOptions(options["bars"], options["accounts"] or 0, options["seed"])
        try:
            tour = run_tour(chosen, lambda text: self.stderr.write(f"· {text}"))
        except (UnableToLoadMarket, UnableToReadMarketFile) as error:  # the market comes first: no firm stands yet
            raise CommandError(f"--bars {error}", returncode=2) from error
        except PermissionError as error:
            raise CommandError(f"{error.filename}: {error.strerror}", returncode=2) from error
        found = failures(tour)
        print_tour(tour, found, self.stdout, options["pdf"])
        if options["json"]:
            with options["json"].open("w") as file:
                json.dump(record(tour, found), file, indent=1)
        if found:
            raise CommandError(f"{len(found)} invariants failed", returncode=1)


def _problem(options: dict[str, Any]) -> str:
    """Return what is wrong with the arguments in one line, before anything is built; "" if nothing is."""
    accounts, bars = options["accounts"], options["bars"]
    if accounts is not None and not 1 <= accounts <= MOST_ACCOUNTS:
        return f"--accounts {accounts}: must lie between 1 and {MOST_ACCOUNTS}; leave it out for the fixed seven alone"
    if bars is not None and not bars.is_dir():
        return f"--bars {bars}: is not a folder"
    if not 0 <= options["seed"] < 2**32:
        return f"--seed {options['seed']}: must lie between 0 and {2**32 - 1}"
    for name in ("json", "pdf"):
        if options[name] is not None and (reason := _unwritable(options[name])):
            return f"--{name} {options[name]}: {reason}"
    return ""


def _unwritable(path: Path) -> str:
    """Return why no file can be written here, "" if one can."""
    if path.is_dir():
        return "is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return "" if os.access(path if path.exists() else path.parent, os.W_OK) else "may not be written"
