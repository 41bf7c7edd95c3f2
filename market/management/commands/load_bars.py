"""Load minute or daily bars from a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from base.clock import process_clock
from market.enums import QuoteSource
from market.management.loading import LoadCommand, require_rows, told, zone
from market.queries import instruments
from market.readers.series_csv import NEW_YORK, read_daily_bars, read_minute_bars
from market.services import load_bars


class Command(LoadCommand):
    help = "Load minute bars (or --daily) from a CSV file (docs/market-csv.md), all or nothing. The instruments must be known."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--daily", action="store_true", help="the file holds daily bars")
        parser.add_argument("--zone", type=zone, default=NEW_YORK, help="zone of times without Z (default: %(default)s)")
        parser.add_argument("--source", type=QuoteSource, choices=list(QuoteSource), default=QuoteSource.FILE, help="label of the bars")

    def load(self, path: Path, options: dict[str, Any]) -> str:
        now = process_clock().now()
        if options["daily"]:
            series = read_daily_bars(path, now=now)
        else:
            calendars = {facts.symbol: facts.calendar for facts in instruments().values()}
            series = read_minute_bars(path, market=calendars, zone=options["zone"], now=now)
        require_rows(path, series)
        merged = load_bars(list(series.values()), options["source"], replace=options["replace"])
        return told(f"{len(series)} symbols, bars", merged)
