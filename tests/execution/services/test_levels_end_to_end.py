"""A signal with a stop over the paper venues: bought, shared and booked; the stop stands; the price falls; closed, shared, booked, settled (SIZ-8)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.models import Position
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from base import tenancy
from base.core.clock import VirtualClock
from execution.enums import Level, LevelEnd, LevelState
from execution.models import Booking, Execution, ParentOrder, ProtectiveLevel
from execution.services.gateway_session import GatewaySession
from execution.services.level_watch import release_triggered
from execution.services.release import run_signal
from execution.services.slices import release_due_slices
from mamweb.tour.firm import FIXED, LANES, TourFirm, build_firm
from mamweb.tour.world import Broker, Market, make_broker
from tests.desk import the_market
from tests.factories import number

pytestmark = pytest.mark.django_db
D = Decimal
STEP = timedelta(seconds=20)


class Day:
    """A firm at its two venues on one virtual clock."""

    def __init__(self) -> None:
        self.market: Market = the_market()
        self.clock = VirtualClock(self.market.start - timedelta(seconds=30))
        self.firm: TourFirm = build_firm(name=f"Stops {number()}", people=FIXED, now=self.clock.now())
        self.brokers: dict[str, Broker] = {}
        self.sessions: list[GatewaySession] = []
        for lane in LANES:
            self._connect(lane)
        self.clock.move_to(self.market.start)

    def _connect(self, lane: str) -> None:
        broker = make_broker(self.market, self.clock, block_accounts=[self.firm.clearing[lane]], seed=1)
        books = {self.firm.clearing[lane]: {"cash": {}, "positions": {}}}
        for person in FIXED:
            if person.lane == lane:
                cash = {currency: D(amount) for currency, amount in person.cash.items()}
                books[f"{lane}-{person.code}"] = {"cash": cash, "positions": {}}
        broker.open_accounts(books)
        session = GatewaySession(self.firm.firm_id, self.firm.connections[lane], broker.gateway, self.clock)
        session.start()
        self.brokers[lane] = broker
        self.sessions.append(session)

    def live(self, minutes: int) -> int:
        """Let time pass as workers and gateways do; returns how many levels were triggered."""
        triggered = 0
        for _ in range(minutes * 3):
            self.clock.advance(STEP)
            for broker in self.brokers.values():
                broker.service.tick()
            release_due_slices(firm_id=self.firm.firm_id, now=self.clock.now())
            triggered += release_triggered(firm_id=self.firm.firm_id, now=self.clock.now())
            while sum(session.step().any for session in self.sessions):
                pass
        return triggered

    def held(self) -> dict[str, Decimal]:
        codes = {pk: code for code, pk in self.firm.accounts.items()}
        with tenancy.firm(self.firm.firm_id):
            rows = Position.objects.filter(account_id__in=codes).exclude(quantity=0).values_list("account_id", "quantity")
            return {codes[pk]: quantity for pk, quantity in rows}

    def levels(self, state: LevelState) -> list[ProtectiveLevel]:
        with tenancy.firm(self.firm.firm_id):
            return list(ProtectiveLevel.objects.filter(state=state).order_by("account__code", "level"))


def test_siz_8_a_stop_set_by_a_signal_closes_every_account_fairly_and_once() -> None:
    day = Day()
    accounts = tuple(day.firm.accounts[code] for code in ("A1", "A2", "A3"))
    body = SignalBody("CORE", "XYZ", SizingMethod.FIXED, D(10), D("47.00"), accounts, take_profit_price=D("60.00"), protect=True)
    bought = run_signal(
        firm_id=day.firm.firm_id, source="test", idempotency_key="buy", body=body, actor=day.firm.actors["TRADER"], now=day.clock.now()
    )
    assert day.live(4) == 0
    assert day.held() == {"A1": 10, "A2": 10, "A3": 10}
    standing = day.levels(LevelState.ACTIVE)
    assert [(row.level, row.price, row.journey_id) for row in standing] == 3 * [
        (Level.STOP, D("47.00"), bought.journey_id),
        (Level.TARGET, D("60.00"), bought.journey_id),
    ]
    assert day.live(40) == 3, "the bid falls below 47.00 within these minutes"
    assert day.held() == {}
    stops = day.levels(LevelState.TRIGGERED)
    assert [(row.level, row.closing_qty) for row in stops] == 3 * [(Level.STOP, 10)]
    assert all(row.settled_at for row in stops)
    assert {row.end_reason for row in day.levels(LevelState.ENDED)} == {LevelEnd.POSITION_CLOSED}, "the targets went with the position"
    with tenancy.firm(day.firm.firm_id):
        (journey,) = {row.closing_journey_id for row in stops}
        parent = ParentOrder.objects.get(journey_id=journey)
        assert (parent.side, parent.quantity, parent.filled_qty, parent.state) == ("SELL", 30, 30, "DONE")
        booked = Booking.objects.get(journey_id=journey)
        assert [share.quantity for share in booked.shares.order_by("account__code")] == [10, 10], "A1 and A3 share the block"
        prices = set(Execution.objects.filter(journey_id=journey).values_list("last_px", flat=True))
        assert prices and min(prices) >= D("46.93"), "never beyond the collar of a marketable limit (RTE-2)"
    assert sum(1 for broker in day.brokers.values() for side, _ in broker.executions() if side == "SELL") >= 2
