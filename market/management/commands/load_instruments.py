"""Load instruments from a CSV file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from market.management.loading import LoadCommand, require_rows
from market.readers.instruments_csv import read_instruments
from market.services import load_instruments


class Command(LoadCommand):
    help = "Load instruments from a CSV file (docs/market-csv.md), all or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--simulated", action="store_true", help="the instruments do not exist; label them everywhere")

    def load(self, path: Path, options: dict[str, Any]) -> str:
        specs = list(read_instruments(path).values())
        require_rows(path, specs)
        ids = load_instruments(specs, is_simulated=options["simulated"], replace=options["replace"])
        return f"{len(ids)} instruments stand as the file says"
