"""Load what venues call instruments from a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from market.management.loading import LoadCommand, require_rows, told
from market.readers.columns import Complaints
from market.readers.venue_symbols_csv import read_venue_symbols
from market.services import UnableToLoadVenueSymbols, load_venue_symbols


class Command(LoadCommand):
    help = "Load what venues (custodians, by their code) call instruments (docs/market-csv.md), all or nothing."

    def load(self, path: Path, options: dict[str, Any]) -> str:
        specs = read_venue_symbols(path)
        require_rows(path, specs)
        complaints = Complaints(path.name)
        try:
            loaded = load_venue_symbols(specs, replace=options["replace"])
        except UnableToLoadVenueSymbols as error:
            for clash in error.clashes:
                complaints.add(clash.row + 2, clash.field, clash.value, clash.rule)
        complaints.raise_any()
        lines = [told(f"{len({spec.venue for spec in specs})} venues, symbols", loaded.merged)]
        lines += [f"{venue} has no name for {symbol}: it calls another instrument so" for venue, symbol in loaded.nameless]
        return "\n".join(lines)
