"""Load minute quotes from a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from base.clock import process_clock
from market.enums import QuoteSource
from market.management.loading import LoadCommand, require_rows, told, zone
from market.readers.series_csv import NEW_YORK, read_minute_quotes
from market.services import load_quotes


class Command(LoadCommand):
    help = "Load minute quotes from a CSV file (docs/market-csv.md), all or nothing. The instruments must be known."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--zone", type=zone, default=NEW_YORK, help="zone of times without Z (default: %(default)s)")
        parser.add_argument("--source", type=QuoteSource, choices=list(QuoteSource), default=QuoteSource.FILE, help="label of the quotes")

    def load(self, path: Path, options: dict[str, Any]) -> str:
        series = read_minute_quotes(path, zone=options["zone"], now=process_clock().now())
        require_rows(path, series)
        merged = load_quotes(list(series.values()), options["source"], replace=options["replace"])
        return told(f"{len(series)} symbols, quotes", merged)
