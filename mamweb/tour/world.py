"""The market of a tour: bars in the database, a paper venue for each connection, one virtual clock for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile

from base.core.clock import VirtualClock
from base.core.ids import plain_decimal
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from execution.venue.bars import sessions_of
from execution.venue.engine import Venue
from execution.venue.from_market import venue_bars, venue_instrument
from execution.venue.host import VenueHost
from execution.venue.journal import MemoryJournal, read_oracle
from execution.venue.service import VenueService
from execution.venue.setup import CommissionModel, VenueConfig, weekdays
from market import queries as market
from market import services as market_services
from market.core.calendars import session
from market.core.generated import DEFAULT_SEED
from market.core.generated_catalogue import XYZ_ANCHOR_AT
from market.queries import InstrumentFacts
from market.readers.fx import packaged_ecb_history

COMMISSION = CommissionModel(per_share=Decimal("0.005"), minimum=Decimal("1.00"))
GENERATED_SYMBOLS = ("XYZ", "ABC", "QRS", "EURUSD", "GBPUSD")
REAL_DAY = date(2013, 10, 7)


@dataclass(frozen=True, slots=True)
class Market:
    """What is traded on the day. traded: symbols in the order of their part in the script."""

    instruments: Mapping[str, InstrumentFacts]
    traded: tuple[str, str, str]
    start: datetime
    close: datetime
    is_simulated: bool


def generated_market(seed: int = DEFAULT_SEED) -> Market:
    """Load the built-in market around the instant whose prices are known in advance. Every row is labelled SIMULATED.

    A database keeps the bars of one seed: another seed's would differ from what is stored.
    """
    day = XYZ_ANCHOR_AT.date()
    loaded = market_services.load_generated(GENERATED_SYMBOLS, days=[day], seed=seed)
    instruments = {symbol: market.instrument(pk) for symbol, pk in loaded.instrument_ids.items()}
    return Market(instruments, ("XYZ", "ABC", "QRS"), XYZ_ANCHOR_AT, session("XNYS", day).close_at, is_simulated=True)


def real_market(folder: Path) -> Market:
    """Load real minute bars and quotes, and the European Central Bank's rates of the day."""
    symbols = ("AIG", "IBM", "SPY")
    loaded = market_services.load_normalised(folder, symbols)
    market_services.load_fx(packaged_ecb_history(), since=REAL_DAY - timedelta(days=10))
    instruments = {symbol: market.instrument(pk) for symbol, pk in loaded.instrument_ids.items()}
    hours = session("XNYS", REAL_DAY)
    return Market(instruments, symbols, hours.open_at + timedelta(hours=1), hours.close_at, is_simulated=False)


@dataclass(slots=True)
class Broker:
    """One connection's venue: the broker by day, the custodian in the evening."""

    service: VenueService
    gateway: PaperGateway
    journal: MemoryJournal

    def open_accounts(self, accounts: Mapping[str, Mapping[str, Mapping[str, Decimal]]]) -> None:
        """Open custody accounts: account → {"cash": currency → amount, "positions": symbol → quantity}."""
        plain = {
            name: {what: {key: plain_decimal(value) for key, value in rows.items()} for what, rows in entry.items()}
            for name, entry in accounts.items()
        }
        self.steer({"op": "open", "accounts": plain})

    def accepted_orders(self) -> list[str]:
        """Return the reference of every order the venue took, once for each time it took one."""
        with NamedTemporaryFile() as file:
            file.write(self.journal.getvalue())
            file.flush()
            return list(read_oracle(Path(file.name)).accepted.elements())

    def executions(self) -> list[tuple[str, Decimal]]:
        """Return side and quantity of every execution."""
        reports = self.gateway.executions_since("")
        found = [(str(report.side), report.last_qty) for report in reports]
        while not reports.complete:
            reports = self.gateway.executions_since(reports.cursor)
            found += [(str(report.side), report.last_qty) for report in reports]
        return found

    def steer(self, command: Mapping[str, object]) -> None:
        """Give the venue a command that no broker's client has. Raises RuntimeError if it is refused."""
        answer = self.service.handle(dict(command))
        if not answer.reply or not answer.reply.get("ok"):
            raise RuntimeError(f"the venue refused {command['op']}: {answer.reply}")


def make_broker(world: Market, clock: VirtualClock, *, block_accounts: Iterable[str], seed: int) -> Broker:
    """Make the venue of one connection on the day's bars."""
    day_start = datetime.combine(world.start.date(), datetime.min.time(), UTC)
    bars = {}
    for symbol, facts in world.instruments.items():
        found = market.bars(instrument_id=facts.id, since=day_start, until=world.close + timedelta(hours=1))
        bars[symbol] = venue_bars(found)
    instruments = [venue_instrument(facts, settlement_days=_settlement_days(world, facts)) for facts in world.instruments.values()]
    config = VenueConfig(
        participation_bps=2_000,
        spread_bps=2,
        latency_us=50_000,
        block_accounts=frozenset(block_accounts),
        commission=COMMISSION,
        market_days=weekdays(world.start.date() - timedelta(days=7), world.start.date() + timedelta(days=30)),
    )
    start_us = int(world.start.timestamp()) * 1_000_000
    traded = [bars[symbol] for symbol in world.traded]
    venue = Venue(instruments, bars, config, start_us=start_us, seed=seed, sessions=sessions_of(traded))
    journal = MemoryJournal()
    service = VenueService(VenueHost(venue, journal, clock))
    return Broker(service, PaperGateway(LocalTransport(service)), journal)


def _settlement_days(world: Market, facts: InstrumentFacts) -> int:
    if facts.kind == "CRYPTO_SPOT":
        return 0
    if facts.kind == "FX":
        return 2
    return 1 if world.start.date() >= date(2024, 5, 28) else 3
