"""From the server's command line to a running venue.

Entry points: `parse_arguments`, `build_service`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from base.core.clock import Clock, VirtualClock
from execution.venue.bars import read_minute_csv
from execution.venue.engine import Venue
from execution.venue.faults import FaultInjector, FaultPlan
from execution.venue.host import ScaledClock, VenueHost, last_instant, to_instant
from execution.venue.journal import FileJournal
from execution.venue.service import VenueService
from execution.venue.setup import CommissionModel, Instrument, VenueConfig


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the server's options; ends the process with a usage message if they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m execution.venue.server", description="The simulated venue as a process of its own.")
    parser.add_argument("--journal", type=Path, required=True, metavar="DIR", help="where venue.journal lives")
    parser.add_argument("--socket", required=True, metavar="ADDRESS", help="path of a Unix socket, or 127.0.0.1:PORT")
    parser.add_argument(
        "--bars", type=Path, required=True, metavar="CSV", help="symbol,ts,open,high,low,close,volume; New York time; may be .gz"
    )
    parser.add_argument("--symbols", nargs="*", default=[], help="only these of the file (default: all)")
    parser.add_argument("--speed", type=float, default=1.0, help="venue seconds per second; 0 = time moves only on request")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start-us", type=int, help="first instant, microseconds since 1970 UTC (default: start of the first bar)")
    parser.add_argument("--config", type=_json, default={}, metavar="JSON", help="fields of VenueConfig")
    parser.add_argument(
        "--instruments", type=_json, default=[], metavar="JSON", help="list of Instrument fields; other symbols get the defaults"
    )
    parser.add_argument("--faults", type=_json, default={}, metavar="JSON", help="fields of FaultPlan")
    parser.add_argument("--rollback", type=int, metavar="N", help="after a restart, repeat the last N broker order ids")
    return parser.parse_args(arguments)


def build_service(options: argparse.Namespace) -> VenueService:
    """Return the venue that the options describe, its past replayed. Raises JournalDamaged, ValueError, OSError."""
    bars = read_minute_csv(options.bars, symbols=frozenset(options.symbols))
    given = {entry["symbol"]: _instrument(entry) for entry in options.instruments}
    instruments = [given.get(symbol, Instrument(symbol)) for symbol in sorted(bars)]
    start_us = options.start_us if options.start_us is not None else min(int(series.start_us[0]) for series in bars.values())
    venue = Venue(instruments, bars, _config(options.config), start_us=start_us, seed=options.seed)
    options.journal.mkdir(parents=True, exist_ok=True)
    journal = FileJournal(options.journal / "venue.journal")
    history = journal.take_records()
    start = last_instant(history, to_instant(start_us))
    clock: Clock = ScaledClock(start, options.speed) if options.speed else VirtualClock(start)
    host = VenueHost(venue, journal, clock, history=history)
    if history and options.rollback is not None:
        host.execute({"op": "restart", "rollback": options.rollback})
        host.sync()
    return VenueService(host, FaultInjector(FaultPlan.from_mapping(options.faults), options.seed))


def _json(text: str) -> Any:
    return orjson.loads(text)


def _instrument(entry: Mapping[str, Any]) -> Instrument:
    decimals = {"tick", "lot_step", "min_quantity", "min_notional", "multiplier"}
    values: dict[str, Any] = {name: Decimal(value) if name in decimals else value for name, value in entry.items()}
    return Instrument(**values)


def _config(entry: Mapping[str, Any]) -> VenueConfig:
    values = dict(entry)
    if "commission" in values:
        values["commission"] = CommissionModel(**{name: Decimal(value) for name, value in values["commission"].items()})
    if "block_accounts" in values:
        values["block_accounts"] = frozenset(values["block_accounts"])
    if "market_days" in values:
        values["market_days"] = tuple(map(date.fromisoformat, values["market_days"]))
    return VenueConfig(**values)
