"""A small made-up market in which every figure can be worked out by hand.

Two sessions, Monday 2026-01-05 and Tuesday, 09:30–16:00 New York (14:30–21:00 UTC). Spread 2 bp, at least a tick; participation 10%.

FLAT: 50.00 for ever, 10,000 shares a minute → bid 49.99, ask 50.01, 1,000 of our shares a bar.
RISE: minute m opens at 50.00 + 0.10·m and closes 0.10 higher. THIN: 50.00, 60 shares a minute → 6 of ours.
COIN: 50.00, lot step 0.001, minimum quantity 0.01, minimum notional 10, settles at once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from base.core.clock import VirtualClock
from execution.venue.bars import Bars
from execution.venue.engine import Venue
from execution.venue.faults import FaultInjector, FaultPlan
from execution.venue.host import VenueHost, last_instant, to_instant
from execution.venue.journal import FileJournal
from execution.venue.orders import to_microseconds
from execution.venue.service import VenueService
from execution.venue.setup import MINUTE, CommissionModel, Instrument, VenueConfig

OPEN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
MONDAY, TUESDAY = date(2026, 1, 5), date(2026, 1, 6)
START = OPEN + timedelta(minutes=5, seconds=10)
"""Five bars have ended; the sixth is ten seconds old."""

OPENED: list[FileJournal] = []
"""Journals that `make_service` opened; `close_journals` closes them after each test."""

INSTRUMENTS = (
    Instrument("FLAT"),
    Instrument("RISE"),
    Instrument("THIN"),
    Instrument("COIN", lot_step=Decimal("0.001"), min_quantity=Decimal("0.01"), min_notional=Decimal(10), settlement_days=0),
)
CONFIG = VenueConfig(block_accounts=frozenset({"BLOCK"}), commission=CommissionModel(per_share=Decimal("0.005"), minimum=Decimal(1)))


def make_bars() -> dict[str, Bars]:
    """Return the four series."""
    minutes = np.arange(390, dtype=np.int64)
    first = to_microseconds(OPEN)
    start_us = np.concatenate([first + minutes * MINUTE, first + (minutes + 1440) * MINUTE])
    flat = np.full(780, 500_000, dtype=np.int64)
    opens = 500_000 + 1_000 * np.arange(780, dtype=np.int64)
    regular = np.ones(780, dtype=np.bool_)

    def still(volume: int, decimals: int = 0) -> Bars:
        return Bars(start_us, flat, flat, flat, flat, np.full(780, volume, dtype=np.int64), regular, 4, decimals)

    rise = Bars(start_us, opens, opens + 1_000, opens, opens + 1_000, np.full(780, 10_000, dtype=np.int64), regular)
    return {"FLAT": still(10_000), "RISE": rise, "THIN": still(60), "COIN": still(10_000, 3)}


def make_venue(config: VenueConfig = CONFIG, *, start: datetime = START, seed: int = 0) -> Venue:
    """Return the venue of this world."""
    return Venue(INSTRUMENTS, make_bars(), config, start_us=to_microseconds(start), seed=seed)


def make_service(path: Path, config: VenueConfig = CONFIG, *, faults: FaultPlan | None = None, seed: int = 0) -> VenueService:
    """Return a service on a virtual clock with its journal at `path`; an existing journal is replayed."""
    venue = make_venue(config, seed=seed)
    journal = FileJournal(path)
    OPENED.append(journal)
    history = journal.take_records()
    clock = VirtualClock(last_instant(history, to_instant(venue.now_us)))
    return VenueService(VenueHost(venue, journal, clock, history=history), FaultInjector(faults, seed))


def close_journals() -> None:
    """Close what `make_service` opened."""
    while OPENED:
        OPENED.pop().close()


def wire_order(
    reference: str, side: str = "BUY", quantity: str = "100", symbol: str = "FLAT", account: str = "A", **terms: str
) -> dict[str, str]:
    """Return an order as the venue reads it: a market order for the day unless `terms` say otherwise."""
    return {
        "client_order_id": reference,
        "account": account,
        "symbol": symbol,
        "side": side,
        "quantity": quantity,
        "order_type": "MARKET",
        "time_in_force": "DAY",
        **terms,
    }
