"""What the loading commands share: one transaction, and errors a person can act on."""

from __future__ import annotations

import gzip
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sized
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction

from base.commands import BadArgument, HouseCommand
from base.core.figures import counted
from base.errors import Refused
from market.readers.columns import UnableToReadMarketFile
from market.services.bars import UnableToLoadBars
from market.services.staging import LOADER, Merged


class LoadCommand(HouseCommand):
    """Runs `load` in one transaction of the loader; whatever is refused is told by line, field, value and rule, and nothing is written."""

    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, plain or gzipped (docs/market-csv.md)")
        parser.add_argument("--replace", action="store_true", help="replace stored rows that differ, instead of refusing the file")

    def load(self, path: Path, options: dict[str, Any]) -> str:
        """Load the file and return what to tell. Raises Refused, UnableToReadMarketFile."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["file"]
        try:
            with transaction.atomic(using=LOADER):
                told = self.load(path, options)
        except UnableToReadMarketFile as error:
            raise BadArgument(_complaints(error)) from error
        except UnableToLoadBars as error:
            unknown = error.context["symbols"]
            lines = [f"  line {_line(path, symbol)}: symbol {symbol!r}: must be a known instrument" for symbol in unknown]
            raise BadArgument("\n".join([f"{path.name}: nothing loaded", *lines])) from error
        except Refused as error:
            problems = [f"  {entry['field']} {entry['value']!r}: {entry['rule']}" for entry in error.problems() if entry["field"]]
            raise BadArgument("\n".join([f"{path.name}: nothing loaded: {error.message}", *problems])) from error
        except OSError as error:
            raise BadArgument(f"{path}: {error.strerror or error}") from error
        self.stdout.write(told)


def require_rows(path: Path, found: Sized) -> None:
    """Raise BadArgument for a file that has its header and nothing else: whoever made it has lost something."""
    if not found:
        raise BadArgument(f"{path.name}: nothing loaded: there is no row below the header")


def told(what: str, merged: Merged) -> str:
    """Return how many rows were new, unchanged and replaced, as a line."""
    return f"{what}: {merged.written} new, {merged.unchanged} unchanged, {merged.replaced} replaced"


def zone(name: str) -> str:
    """Return the name of a time zone. Raises ArgumentTypeError for anything else."""
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ArgumentTypeError(f"{name!r} is no time zone; write it like Europe/Zurich") from error


def _complaints(error: UnableToReadMarketFile) -> str:
    head = f"{error.name}: nothing loaded, {counted(error.total, 'error')}"
    rest = error.total - len(error.complaints)
    return "\n".join([head, *(f"  {complaint}" for complaint in error.complaints), *([f"  and {rest} more"] if rest else [])])


def _line(path: Path, symbol: str) -> int:
    """Return the first line of the symbol, 0 if there is none."""
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
        wanted = f"{symbol},".encode()
        return next((number for number, line in enumerate(stream, 1) if line.replace(b'"', b"").startswith(wanted)), 0)
