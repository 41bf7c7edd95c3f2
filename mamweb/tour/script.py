"""The day's script: signals in, the clock forward, the evening's reconciliation, the statement; then every invariant is looked at.

Entry point: `run_tour`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from accounts import services as accounts
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from base import tenancy
from base.core.clock import VirtualClock
from base.core.ids import new_id
from execution.services.booking import finish_parents
from execution.services.gateway_session import GatewaySession
from execution.services.release import ReleaseFacts, run_signal
from execution.services.slices import release_due_slices, release_held
from governance import services as governance
from reconciliation import services as reconciliation
from reporting import services as reporting

from .facts import OPEN, analyse, rows
from .firm import FIXED, LANES, TourFirm, build_firm, generated_people
from .inputs import inputs_of
from .world import Broker, Market, generated_market, make_broker, real_market

STEP = timedelta(seconds=5)
WATCHED_DAYS = 5
LARGE = 500


@dataclass(frozen=True, slots=True)
class TourOptions:
    """bars: folder of real minute bars, None = the built-in market. accounts: how many beside the fixed seven. seed: of the cast and the venues' latency."""

    bars: Path | None = None
    accounts: int = 0
    seed: int = 1


@dataclass(slots=True)
class Journey:
    """One signal of the script and what became of it."""

    title: str
    symbol: str
    at: datetime
    inputs: dict[str, Any]
    facts: ReleaseFacts


@dataclass(slots=True)
class Tour:
    """Everything the printer and the record need."""

    market: Market
    firm: TourFirm
    clock: VirtualClock
    brokers: dict[str, Broker]
    sessions: dict[str, GatewaySession]
    journeys: list[Journey] = field(default_factory=list)
    planted: list[dict[str, str]] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)
    statement_id: UUID | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's time to a stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def run_tour(options: TourOptions, tell: Callable[[str], None]) -> Tour:
    """Live one day and return what happened; `tell` hears of each step as it is done."""
    started = time.perf_counter()
    market = real_market(options.bars) if options.bars else generated_market()
    tell(f"market: {', '.join(market.instruments)}{' (SIMULATED)' if market.is_simulated else ''}")
    clock = VirtualClock(market.start - timedelta(seconds=30))
    people = FIXED + generated_people(options.accounts, options.seed)
    opened = clock.now().date() - timedelta(days=40)
    firm = build_firm(name=f"Tour {new_id()}", people=people, now=clock.now(), opened=opened)
    tour = Tour(market, firm, clock, {}, {}, seconds={"set-up": time.perf_counter() - started})
    _count_rows(tour)
    _connect(tour, options.seed)
    tell(f"firm: {len(people)} accounts at {len(LANES)} custodians")
    _trade(tour, tell)
    _evening(tour, tell)
    return tour


def _count_rows(tour: Tour) -> None:
    if len(tour.firm.people) >= LARGE:
        with tour.stage("statistics"):
            analyse()


def _connect(tour: Tour, seed: int) -> None:
    """Open the venues' custody books with what our books say, and let each gateway reconcile before it trades (R8)."""
    with tour.stage("connect"), tenancy.firm(tour.firm.firm_id):
        accounts.snapshot_equity(as_of=tour.market.start.date() - timedelta(days=1), now=tour.clock.now())
    with tour.stage("connect"):
        for lane in LANES:
            broker = make_broker(tour.market, tour.clock, block_accounts=[tour.firm.clearing[lane]], seed=seed)
            books: dict[str, dict[str, dict[str, Decimal]]] = {tour.firm.clearing[lane]: {"cash": {}, "positions": {}}}
            for person in tour.firm.people:
                if person.lane == lane:
                    cash = {currency: Decimal(amount) for currency, amount in person.cash.items()}
                    books[f"{lane}-{person.code}"] = {"cash": cash, "positions": {}}
            broker.open_accounts(books)
            session = GatewaySession(
                firm_id=tour.firm.firm_id, connection_id=tour.firm.connections[lane], gateway=broker.gateway, clock=tour.clock
            )
            session.start()
            tour.brokers[lane], tour.sessions[lane] = broker, session


def _trade(tour: Tour, tell: Callable[[str], None]) -> None:
    first, second, third = tour.market.traded
    fixed = tuple(tour.firm.accounts[code] for code in ("A1", "A2", "A3", "A4", "A5", "A7"))
    weight = SizingMethod.TARGET_WEIGHT
    tour.clock.move_to(tour.market.start)
    _signal(tour, tell, "a target small enough for a marketable limit, one account without authority", first, weight, "0.03", fixed)
    _live(tour, timedelta(minutes=4))
    _signal(tour, tell, "a target large enough for TWAP", second, weight, "0.09")
    _live(tour, timedelta(minutes=25))
    _signal(tour, tell, "a target over every account's cap", third, weight, "0.20")
    _live(tour, timedelta(minutes=25))
    _signal(tour, tell, "close half everywhere", first, SizingMethod.CLOSE, "0.5")
    _live(tour, timedelta(minutes=25))
    tour.clock.move_to(tour.market.close + timedelta(minutes=1))
    _step(tour, session_ended=True)
    tell("the session ends")


def _signal(
    tour: Tour,
    tell: Callable[[str], None],
    title: str,
    symbol: str,
    method: SizingMethod,
    figure: str,
    only: tuple[UUID, ...] = (),
) -> None:
    body = SignalBody(strategy="CORE", symbol=symbol, method=method, figure=Decimal(figure), accounts=only)
    inputs = inputs_of(world=tour.market, firm=tour.firm, symbol=symbol, only=only, now=tour.clock.now())
    with tour.stage("signal to orders"):
        facts = run_signal(
            firm_id=tour.firm.firm_id,
            source="tour",
            idempotency_key=f"{len(tour.journeys) + 1}",
            body=body,
            actor=tour.firm.actors["TRADER"],
            now=tour.clock.now(),
        )
    _count_rows(tour)
    tour.journeys.append(Journey(title, symbol, tour.clock.now(), inputs, facts))
    tell(f"signal {len(tour.journeys)}: {title} ({symbol} {method.value} {figure})")


def _live(tour: Tour, span: timedelta) -> None:
    """Let the day go on for `span`, or until everything that was released has ended."""
    until = tour.clock.now() + span
    with tour.stage("orders to booking"):
        while tour.clock.now() < until:
            tour.clock.advance(STEP)
            if not _step(tour):
                break


def _step(tour: Tour, *, session_ended: bool = False) -> bool:
    """Do once what the workers and gateways do all day. Returns whether orders are still alive."""
    now, firm_id = tour.clock.now(), tour.firm.firm_id
    for broker in tour.brokers.values():
        broker.service.tick()
    release_due_slices(firm_id=firm_id, now=now)
    release_held(firm_id=firm_id, now=now)
    while sum(session.step().any for session in tour.sessions.values()):  # all of them, every time
        pass
    if session_ended:
        with tenancy.firm(firm_id):
            finish_parents(now=now, session_ended=True)
    return bool(rows(firm_id, OPEN)[0]["n"])


def _evening(tour: Tour, tell: Callable[[str], None]) -> None:
    """Plant a break, reconcile, seal the audit trail, state the month."""
    day, firm_id = tour.market.start.date(), tour.firm.firm_id
    tour.clock.advance(timedelta(minutes=20))
    _plant(tour)
    now = tour.clock.now()
    with tour.stage("reconciliation"):
        for lane in LANES:
            with tenancy.firm(firm_id):
                custodian = tour.firm.custodians[lane]
                reconciliation.take_snapshot_from_gateway(custodian_id=custodian, as_of=day, gateway=tour.brokers[lane].gateway, now=now)
                tour.runs.append(reconciliation.reconcile_custodian(custodian_id=custodian, as_of=day, now=now))
    tell("the custodians' books are compared with ours")
    with tenancy.firm(firm_id):
        for later in range(WATCHED_DAYS):  # the month's curve: what is held is valued on the following days too
            accounts.snapshot_equity(as_of=day + timedelta(days=later), now=now + timedelta(days=later))
    with tour.stage("statement"), tenancy.firm(firm_id):
        start = day.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        month_over = datetime.combine(end + timedelta(days=1), now.timetz())
        tour.statement_id = reporting.make_statement(
            account_id=tour.firm.accounts["A1"], period_start=start, period_end=end, now=month_over
        )
    tell("an investor's statement is made")
    with tenancy.firm(firm_id):
        governance.seal_audit(now=now)


def _plant(tour: Tour) -> None:
    """Falsify one position and one cash balance at a custodian: reconciliation must find exactly these."""
    lane, symbol = "ALPINE", tour.market.traded[0]
    for what, account, key, delta in (("position", f"{lane}-A2", symbol, "3"), ("cash", f"{lane}-A4", "USD", "-1000.00")):
        tour.brokers[lane].steer({"op": "plant", "what": what, "account": account, "key": key, "delta": delta})
        tour.planted.append({"what": what, "account": account.removeprefix(f"{lane}-"), "item": key, "delta": delta})
