"""A desk with its brokers: paper venues on one virtual clock, lived through minute by minute as workers and gateways do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts import services as accounts
from accounts.models import Position
from base import tenancy
from base.core.clock import VirtualClock
from base.core.ids import plain_decimal
from execution.services.gateway_session import GatewaySession
from execution.services.slices import release_due_slices, release_held
from mamweb.tour.firm import LANES
from mamweb.tour.world import Broker, make_broker
from tests.desk import MINUTE, Desk, make_desk


@dataclass
class TradingDay:
    """The desk, the clock, and each connection's broker and session."""

    desk: Desk
    clock: VirtualClock
    brokers: dict[str, Broker]
    sessions: dict[str, GatewaySession]

    def live(self, until: datetime, *, step: timedelta = 5 * MINUTE) -> None:
        """Let the day go on until an instant."""
        while self.clock.now() < until:
            self.clock.move_to(min(self.clock.now() + step, until))
            self.work()

    def work(self) -> None:
        """Do once what the workers and gateways do all day."""
        now = self.clock.now()
        self.desk.now = now
        for broker in self.brokers.values():
            broker.service.tick()
        release_due_slices(firm_id=self.desk.firm_id, now=now)
        release_held(firm_id=self.desk.firm_id, now=now)
        while sum(session.step().any for session in self.sessions.values()):  # all of them, every time
            pass

    def steer(self, lane: str, **command: Any) -> None:
        self.brokers[lane].steer(command)

    def positions(self, symbol: str = "XYZ") -> dict[str, int]:
        """Return what each account holds by its code."""
        with tenancy.firm(self.desk.firm_id):
            rows = Position.objects.filter(instrument__symbol=symbol).values_list("account__code", "quantity")
            return {code: int(quantity) for code, quantity in rows if quantity}


def make_trading_day() -> TradingDay:
    """Open the venues with what the books say, each gateway reconciled; the clock stands at the desk's instant."""
    desk = make_desk()
    firm, clock = desk.firm, VirtualClock(desk.now - MINUTE)
    day = TradingDay(desk, clock, {}, {})
    with tenancy.firm(firm.firm_id):
        accounts.snapshot_equity(as_of=desk.now.date() - timedelta(days=1), now=clock.now())
    for lane in LANES:
        broker = make_broker(desk.market, clock, block_accounts=[firm.clearing[lane]], seed=1)
        books: dict[str, dict[str, dict[str, Any]]] = {firm.clearing[lane]: {"cash": {}, "positions": {}}}
        for person in firm.people:
            if person.lane == lane:
                cash = {currency: plain_decimal(Decimal(amount)) for currency, amount in person.cash.items()}
                books[f"{lane}-{person.code}"] = {"cash": cash, "positions": {}}
        broker.steer({"op": "open", "accounts": books})
        session = GatewaySession(firm_id=firm.firm_id, connection_id=firm.connections[lane], gateway=broker.gateway, clock=clock)
        session.start()
        day.brokers[lane], day.sessions[lane] = broker, session
    clock.move_to(desk.now)
    return day
