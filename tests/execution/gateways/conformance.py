"""What every gateway must do, whatever broker is behind it (R7).

Use: subclass `GatewayConformance` in a test module of the gateway and give it a fixture `open_world(**settings) -> Harness`. The harness
has the gateway, a way to steer the counterparty (the requests of `execution.venue.service`: time, faults, busts …) and a way to restart it.
The counterparty shows the market of `tests.execution.venue.world`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from execution.enums import ExecutionKind, OrderType, TimeInForce
from execution.gateways.base import Gateway, GatewayError
from execution.gateways.enums import OrderEvent, OutcomeKind, ReportedStatus
from execution.gateways.reports import (
    AllocationInstruction,
    AllocationShare,
    ExecutionReport,
    OrderRef,
    OrderReport,
    OrderRequest,
    Outcome,
)
from market.enums import Side
from tests.execution.venue.world import MONDAY, START, TUESDAY

D = Decimal
TIMEOUT = 0.25


@dataclass(slots=True)
class Harness:
    """A gateway, its counterparty, and short words for what the cases do with them."""

    gateway: Gateway
    steer: Callable[[dict[str, Any]], dict[str, Any]]
    restart: Callable[[], None]

    def advance(self, **span: float) -> None:
        self.steer({"op": "clock", "microseconds": timedelta(**span) // timedelta(microseconds=1)})

    def inject(self, fault: str, count: int = 1) -> None:
        self.steer({"op": "inject", "fault": fault, "count": count})

    def request(self, reference: str, side: Side = Side.BUY, quantity: str = "100", symbol: str = "FLAT", **terms: Any) -> OrderRequest:
        return OrderRequest(reference, terms.pop("account", "A"), symbol, side, D(quantity), **terms)

    def send(self, reference: str, side: Side = Side.BUY, quantity: str = "100", symbol: str = "FLAT", **terms: Any) -> Outcome:
        return self.gateway.submit(self.request(reference, side, quantity, symbol, **terms), timeout=TIMEOUT)

    def status(self, reference: str) -> OrderReport:
        (report,) = self.gateway.order_status(OrderRef(reference)).items
        return report

    def executions(self) -> tuple[ExecutionReport, ...]:
        listing = self.gateway.executions_since("")
        assert listing.complete
        return listing.items

    def position(self, symbol: str = "FLAT", account: str = "A") -> Decimal:
        listing = self.gateway.positions(account)
        assert listing.complete
        return sum((row.quantity for row in listing if row.symbol == symbol), D(0))

    def resting(self, reference: str = "R", quantity: str = "100", **terms: Any) -> Outcome:
        """Send a buy that FLAT never reaches."""
        terms = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "limit_price": D("49.50"), **terms}
        return self.send(reference, Side.BUY, quantity, **terms)


class OpenWorld(Protocol):
    def __call__(self, **settings: Any) -> Harness: ...


class GatewayConformance:
    """The cases. `world` is the usual harness; cases with special settings open their own."""

    @pytest.fixture
    def world(self, open_world: OpenWorld) -> Harness:
        return open_world()

    # -- submission and acknowledgement

    def test_submit_without_connection_writes_nothing(self, world: Harness) -> None:
        world.gateway.close()
        with pytest.raises(GatewayError) as caught:
            world.send("o1")
        assert not caught.value.permanent
        world.gateway.connect()
        assert len(world.gateway.order_status(OrderRef("o1"))) == 0

    def test_submit_is_acknowledged_with_the_brokers_id(self, world: Harness) -> None:
        outcome = world.send("o1")
        assert outcome.kind is OutcomeKind.CONFIRMED and outcome.client_order_id == "o1"
        assert outcome.report is not None
        assert outcome.report.event is OrderEvent.NEW and outcome.report.status is ReportedStatus.NEW
        assert outcome.report.ref.broker_order_id and outcome.report.ref.client_order_id == "o1"
        assert outcome.report.leaves_qty == D(100) and outcome.report.filled_qty == 0
        assert outcome.report.at == START

    def test_batch_outcomes_stand_in_the_sequence_of_the_orders(self, world: Harness) -> None:
        orders = [world.request(f"o{n}", quantity="0.5" if n == 1 else "10") for n in range(3)]
        outcomes = world.gateway.submit_many(orders)
        assert [o.client_order_id for o in outcomes] == ["o0", "o1", "o2"]
        assert [o.kind for o in outcomes] == [OutcomeKind.CONFIRMED, OutcomeKind.REJECTED, OutcomeKind.CONFIRMED]

    def test_batch_beyond_the_capability_is_refused_before_writing(self, world: Harness) -> None:
        orders = [world.request(f"o{n}") for n in range(world.gateway.capabilities.max_batch + 1)]
        with pytest.raises(ValueError, match="batch"):
            world.gateway.submit_many(orders)
        assert len(world.gateway.open_orders()) == 0

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            ({"order_type": OrderType.LIMIT, "limit_price": D("50.005")}, "TICK_SIZE"),
            ({"order_type": OrderType.LIMIT}, "BAD_TERMS"),
            ({"limit_price": D(50)}, "BAD_TERMS"),
            ({"quantity": "0.5"}, "LOT_STEP"),
            ({"quantity": "-5"}, "BAD_QUANTITY"),
            ({"quantity": "0.002", "symbol": "COIN"}, "MIN_QUANTITY"),
            ({"quantity": "0.199", "symbol": "COIN"}, "MIN_NOTIONAL"),
            ({"symbol": "NONE"}, "UNKNOWN_SYMBOL"),
            ({"account": "NOBODY"}, "UNKNOWN_ACCOUNT"),
        ],
    )
    def test_order_against_the_rules_is_rejected_with_a_reason(self, world: Harness, terms: dict[str, Any], reason: str) -> None:
        outcome = world.send("o1", **terms)
        assert (outcome.kind, outcome.reason) == (OutcomeKind.REJECTED, reason)
        assert world.status("o1").status is ReportedStatus.REJECTED

    def test_order_at_the_minimum_notional_is_taken(self, world: Harness) -> None:
        assert world.send("o1", quantity="0.2", symbol="COIN").kind is OutcomeKind.CONFIRMED

    def test_market_order_in_a_halt_is_rejected_and_a_resting_one_waits(self, world: Harness) -> None:
        world.resting("R", limit_price=D("50.50"))
        world.steer({"op": "halt", "symbol": "FLAT"})
        assert world.send("o1").reason == "HALTED"
        world.advance(minutes=3)
        assert world.executions() == ()
        world.steer({"op": "resume", "symbol": "FLAT"})
        world.advance(minutes=1)
        assert world.position() == 100

    def test_immediate_order_outside_the_session_is_rejected(self, world: Harness) -> None:
        world.advance(hours=8)
        assert world.send("o1", time_in_force=TimeInForce.IOC).reason == "SESSION_CLOSED"

    # -- fills

    def test_order_never_fills_on_the_bar_it_was_placed_in(self, world: Harness) -> None:
        world.send("o1")
        world.advance(seconds=60)
        assert world.executions() == ()
        world.advance(seconds=50)
        assert [e.last_qty for e in world.executions()] == [100]

    def test_buy_pays_the_ask_and_sell_gets_the_bid(self, world: Harness) -> None:
        world.send("o1")
        world.send("o2", Side.SELL)
        world.advance(minutes=2)
        assert {e.ref.client_order_id: e.last_px for e in world.executions()} == {"o1": D("50.01"), "o2": D("49.99")}

    def test_execution_names_order_dates_and_costs(self, world: Harness) -> None:
        outcome = world.send("o1", quantity="400")
        world.advance(minutes=2)
        (execution,) = world.executions()
        assert outcome.report is not None
        assert execution.ref == outcome.report.ref and execution.kind is ExecutionKind.NEW and execution.revision == 0
        assert (execution.trade_date, execution.settle_date) == (MONDAY, TUESDAY)
        assert (execution.commission, execution.currency) == (D("2.00"), "USD")
        assert (execution.order_status, execution.filled_qty, execution.leaves_qty) == (ReportedStatus.FILLED, 400, 0)

    def test_large_order_fills_in_parts_that_sum_to_it(self, world: Harness) -> None:
        world.send("o1", quantity="2500")
        world.advance(minutes=2)
        assert world.status("o1").status is ReportedStatus.PARTIALLY_FILLED
        world.advance(minutes=2)
        assert [e.last_qty for e in world.executions()] == [1000, 1000, 500]
        assert world.status("o1").status is ReportedStatus.FILLED

    def test_commission_minimum_is_charged_once_per_order(self, world: Harness) -> None:
        world.send("o1", quantity="8", symbol="THIN")
        world.advance(minutes=3)
        assert [e.commission for e in world.executions()] == [D("1.00"), D(0)]

    def test_limit_out_of_reach_keeps_working(self, world: Harness) -> None:
        world.resting()
        world.advance(minutes=30)
        assert world.status("R").status is ReportedStatus.NEW
        assert world.executions() == ()

    def test_limit_fills_when_the_market_comes_to_it_and_not_worse(self, world: Harness) -> None:
        world.send("o1", Side.SELL, symbol="RISE", order_type=OrderType.LIMIT, limit_price=D("51.00"))
        world.advance(minutes=5)
        assert world.executions() == ()
        world.advance(minutes=1)
        (execution,) = world.executions()
        assert execution.last_px == D("51.00")

    def test_stop_triggers_and_fills_from_the_stop(self, world: Harness) -> None:
        world.send("o1", symbol="RISE", order_type=OrderType.STOP, stop_price=D("51.05"))
        world.advance(minutes=5)
        assert world.executions() == ()
        world.advance(minutes=1)
        (execution,) = world.executions()
        assert execution.last_px == D("51.06")
        kinds = [r.event for r in world.gateway.poll("") if isinstance(r, OrderReport)]
        assert kinds == [OrderEvent.NEW, OrderEvent.TRIGGERED]

    def test_stop_limit_beyond_its_limit_rests(self, world: Harness) -> None:
        world.send("o1", symbol="RISE", order_type=OrderType.STOP_LIMIT, stop_price=D("51.05"), limit_price=D("51.05"))
        world.advance(minutes=30)
        assert world.executions() == ()
        assert world.status("o1").status is ReportedStatus.NEW

    def test_ioc_remainder_is_canceled_after_one_bar(self, world: Harness) -> None:
        world.send("o1", quantity="1500", time_in_force=TimeInForce.IOC)
        world.advance(minutes=2)
        status = world.status("o1")
        assert (status.status, status.filled_qty, status.leaves_qty) == (ReportedStatus.CANCELED, 1000, 0)

    def test_fok_fills_whole_or_not_at_all(self, world: Harness) -> None:
        world.send("big", quantity="1001", time_in_force=TimeInForce.FOK)
        world.send("fits", quantity="1000", time_in_force=TimeInForce.FOK)
        world.advance(minutes=2)
        assert (world.status("big").status, world.status("big").filled_qty) == (ReportedStatus.CANCELED, 0)
        assert world.status("fits").status is ReportedStatus.FILLED

    def test_day_order_expires_with_the_session_and_gtc_does_not(self, world: Harness) -> None:
        world.resting("day", time_in_force=TimeInForce.DAY)
        world.resting("gtc")
        world.advance(hours=8)
        assert world.status("day").status is ReportedStatus.EXPIRED
        assert world.status("gtc").status is ReportedStatus.NEW

    def test_a_day_order_that_was_partly_filled_expires_with_what_it_has(self, world: Harness) -> None:
        world.resting("day", quantity="1500", limit_price=D("50.50"), time_in_force=TimeInForce.DAY)
        world.advance(minutes=2)
        assert world.status("day").status is ReportedStatus.PARTIALLY_FILLED
        world.steer({"op": "halt", "symbol": "FLAT"})
        world.advance(hours=8)
        status = world.status("day")
        assert (status.status, status.filled_qty, status.leaves_qty) == (ReportedStatus.EXPIRED, 1000, 0)
        assert world.position() == 1000

    # -- cancel and replace

    def test_cancel_of_a_working_order(self, world: Harness) -> None:
        world.resting()
        outcome = world.gateway.cancel(OrderRef("R"), "c1")
        assert outcome.kind is OutcomeKind.CONFIRMED and outcome.report is not None
        assert outcome.report.status is ReportedStatus.CANCELED
        assert len(world.gateway.open_orders()) == 0

    def test_cancel_by_the_brokers_id(self, world: Harness) -> None:
        report = world.resting().report
        assert report is not None
        world.gateway.cancel(OrderRef("", report.ref.broker_order_id, report.ref.session_epoch), "c1")
        assert world.status("R").status is ReportedStatus.CANCELED

    def test_cancel_after_a_partial_fill_keeps_the_fill(self, world: Harness) -> None:
        world.send("o1", quantity="2500")
        world.advance(minutes=2)
        world.gateway.cancel(OrderRef("o1"), "c1")
        world.advance(minutes=5)
        assert (world.status("o1").status, world.position()) == (ReportedStatus.CANCELED, 1000)

    def test_cancel_too_late_is_rejected(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        outcome = world.gateway.cancel(OrderRef("o1"), "c1")
        assert (outcome.kind, outcome.reason) == (OutcomeKind.REJECTED, "TOO_LATE")
        assert world.status("o1").status is ReportedStatus.FILLED

    def test_cancel_of_an_unknown_order_is_rejected(self, world: Harness) -> None:
        assert world.gateway.cancel(OrderRef("nothing"), "c1").kind is OutcomeKind.REJECTED

    def test_cancel_race_is_won_by_the_fill(self, open_world: OpenWorld) -> None:
        world = open_world(cancel_latency_us=120_000_000)
        world.send("o1")
        outcome = world.gateway.cancel(OrderRef("o1"), "c1")
        assert outcome.report is not None and outcome.report.status is ReportedStatus.PENDING_CANCEL
        world.advance(minutes=3)
        assert (world.status("o1").status, world.position()) == (ReportedStatus.FILLED, 100)
        events = [r.event for r in world.gateway.poll("") if isinstance(r, OrderReport)]
        assert events == [OrderEvent.NEW, OrderEvent.PENDING_CANCEL, OrderEvent.CANCEL_REJECTED]

    def test_cancel_race_with_a_partial_fill_ends_canceled(self, open_world: OpenWorld) -> None:
        world = open_world(cancel_latency_us=120_000_000)
        world.send("o1", quantity="5000")
        world.gateway.cancel(OrderRef("o1"), "c1")
        world.advance(minutes=5)
        assert (world.status("o1").status, world.position()) == (ReportedStatus.CANCELED, 1000)

    def test_replace_changes_quantity_and_price_and_both_references_find_it(self, world: Harness) -> None:
        world.resting()
        better = world.request("R2", quantity="50", order_type=OrderType.LIMIT, time_in_force=TimeInForce.GTC, limit_price=D("50.01"))
        outcome = world.gateway.replace(OrderRef("R"), better)
        assert outcome.kind is OutcomeKind.CONFIRMED and outcome.report is not None
        assert outcome.report.orig_client_order_id == "R" and outcome.report.quantity == 50
        assert world.status("R") == world.status("R2")
        world.advance(minutes=2)
        assert world.position() == 50

    def test_replace_below_the_filled_quantity_is_rejected(self, world: Harness) -> None:
        world.send("o1", quantity="2500")
        world.advance(minutes=2)
        assert world.gateway.replace(OrderRef("o1"), world.request("o2", quantity="900")).kind is OutcomeKind.REJECTED
        assert world.status("o1").leaves_qty == 1500

    def test_replace_of_another_instrument_is_rejected(self, world: Harness) -> None:
        world.send("o1")
        assert world.gateway.replace(OrderRef("o1"), world.request("o2", symbol="RISE")).reason == "BAD_TERMS"

    def test_replace_race_is_won_by_the_fill(self, open_world: OpenWorld) -> None:
        world = open_world(cancel_latency_us=120_000_000)
        world.send("o1")
        outcome = world.gateway.replace(OrderRef("o1"), world.request("o2", quantity="300"))
        assert outcome.report is not None and outcome.report.status is ReportedStatus.PENDING_REPLACE
        world.advance(minutes=5)
        assert (world.status("o1").status, world.status("o1").quantity, world.position()) == (ReportedStatus.FILLED, 100, 100)

    def test_replace_of_a_finished_order_is_rejected(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        assert world.gateway.replace(OrderRef("o1"), world.request("o2", quantity="300")).reason == "TOO_LATE"

    # -- what is not known

    def test_second_transmission_of_a_reference_makes_no_second_order(self, world: Harness) -> None:
        first, second = world.send("o1"), world.send("o1")
        assert second.kind is OutcomeKind.CONFIRMED and first.report is not None and second.report is not None
        assert second.report.event is OrderEvent.DUPLICATE and second.report.ref == first.report.ref
        world.advance(minutes=2)
        assert world.position() == 100

    def test_second_transmission_of_a_rejected_reference_stays_rejected(self, world: Harness) -> None:
        world.send("o1", quantity="0.5")
        assert world.send("o1", quantity="100").kind is OutcomeKind.REJECTED

    def test_lost_acknowledgement_is_unresolved_until_asked(self, world: Harness) -> None:
        world.inject("lose_ack")
        outcome = world.send("o1")
        assert (outcome.kind, outcome.report) == (OutcomeKind.UNRESOLVED, None)
        assert world.status("o1").status is ReportedStatus.NEW

    def test_lost_acknowledgement_of_a_batch_leaves_every_order_unresolved(self, world: Harness) -> None:
        world.inject("lose_ack")
        outcomes = world.gateway.submit_many([world.request(f"o{n}") for n in range(3)], timeout=TIMEOUT)
        assert {o.kind for o in outcomes} == {OutcomeKind.UNRESOLVED}
        assert all(len(world.gateway.order_status(OrderRef(f"o{n}"))) == 1 for n in range(3))

    def test_order_declared_absent_can_still_appear(self, world: Harness) -> None:
        world.inject("hold_request")
        assert world.send("o1").kind is OutcomeKind.UNRESOLVED
        absent = world.gateway.order_status(OrderRef("o1"))
        assert absent.complete and len(absent) == 0
        world.advance(minutes=3)
        assert world.status("o1").status is ReportedStatus.NEW
        reports = world.gateway.poll("")
        assert [r.ref.client_order_id for r in reports] == ["o1"]

    def test_connection_lost_before_the_venue_read_it(self, world: Harness) -> None:
        world.inject("disconnect_before")
        assert world.send("o1").kind is OutcomeKind.UNRESOLVED
        with pytest.raises(GatewayError):
            world.send("o2")
        world.gateway.connect()
        assert len(world.gateway.order_status(OrderRef("o1"))) == 0

    def test_connection_lost_after_the_venue_took_it(self, world: Harness) -> None:
        world.inject("disconnect_after")
        assert world.send("o1").kind is OutcomeKind.UNRESOLVED
        world.gateway.connect()
        assert world.status("o1").status is ReportedStatus.NEW

    def test_lost_answer_to_a_cancel_is_unresolved(self, world: Harness) -> None:
        world.resting()
        world.inject("lose_ack")
        assert world.gateway.cancel(OrderRef("R"), "c1", timeout=TIMEOUT).kind is OutcomeKind.UNRESOLVED
        assert world.status("R").status is ReportedStatus.CANCELED

    def test_status_of_an_unknown_reference_is_an_empty_complete_list(self, world: Harness) -> None:
        listing = world.gateway.order_status(OrderRef("nothing"))
        assert listing.complete and listing.items == ()

    def test_failed_query_is_an_error_and_not_an_empty_list(self, world: Harness) -> None:
        world.inject("fail_query")
        with pytest.raises(GatewayError) as caught:
            world.gateway.order_status(OrderRef("o1"))
        assert not caught.value.permanent

    # -- the stream of reports

    def test_poll_tells_everything_once_and_then_nothing(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        first = world.gateway.poll("")
        assert [type(r) for r in first] == [OrderReport, ExecutionReport] and first.complete
        again = world.gateway.poll(first.cursor)
        assert len(again) == 0 and again.complete

    def test_duplicated_report_has_the_same_identity(self, world: Harness) -> None:
        world.send("o1")
        cursor = world.gateway.poll("").cursor
        world.advance(minutes=2)
        world.inject("duplicate_report")
        first, second = world.gateway.poll(cursor)
        assert first == second and isinstance(first, ExecutionReport)

    def test_missing_report_is_a_gap_and_comes_again(self, world: Harness) -> None:
        world.send("o1")
        world.send("o2")
        world.inject("drop_report")
        gapped = world.gateway.poll("")
        assert not gapped.complete and [r.ref.client_order_id for r in gapped] == ["o2"]
        healed = world.gateway.poll(gapped.cursor)
        assert healed.complete and [r.ref.client_order_id for r in healed] == ["o1", "o2"]

    def test_fill_may_overtake_its_acknowledgement(self, world: Harness) -> None:
        cursor = world.gateway.poll("").cursor
        world.send("o1")
        world.advance(minutes=2)
        world.inject("reorder_report")
        reports = world.gateway.poll(cursor)
        assert reports.complete
        assert [type(r) for r in reports] == [ExecutionReport, OrderReport]

    def test_delayed_report_comes_late_but_comes(self, world: Harness) -> None:
        world.send("o1")
        world.inject("delay_report")
        early = world.gateway.poll("")
        assert len(early) == 0 and not early.complete
        world.advance(seconds=61)
        late = world.gateway.poll(early.cursor)
        assert len(late) == 1 and late.complete

    def test_report_lost_for_good_is_found_by_query(self, world: Harness) -> None:
        world.send("o1")
        cursor = world.gateway.poll("").cursor
        world.advance(minutes=2)
        world.inject("lose_report")
        assert len(world.gateway.poll(cursor)) == 0
        assert [e.last_qty for e in world.executions()] == [100]

    def test_executions_since_a_cursor_are_told_once(self, world: Harness) -> None:
        world.send("o1", quantity="3000")
        world.advance(minutes=2)
        first = world.gateway.executions_since("")
        world.advance(minutes=2)
        second = world.gateway.executions_since(first.cursor)
        ids = [e.broker_exec_id for e in (*first, *second)]
        assert len(first) == 1 and len(second) == 2 and len(set(ids)) == 3
        assert len(world.gateway.executions_since(second.cursor)) == 0

    def test_truncated_page_says_so_and_can_be_continued(self, world: Harness) -> None:
        world.send("o1", quantity="4000")
        world.advance(minutes=6)
        world.inject("truncate_list")
        first = world.gateway.executions_since("")
        assert len(first) == 2 and not first.complete
        second = world.gateway.executions_since(first.cursor)
        assert second.complete and sum(e.last_qty for e in (*first, *second)) == 4000

    def test_incomplete_positions_are_not_flat(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        world.inject("truncate_list")
        listing = world.gateway.positions("A")
        assert len(listing) == 0 and not listing.complete

    # -- busts, corrections, restarts

    def test_bust_takes_back_the_fill_under_a_new_revision(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        (trade,) = world.executions()
        world.steer({"op": "bust", "exec_id": trade.broker_exec_id})
        bust = world.executions()[-1]
        assert (bust.broker_exec_id, bust.revision, bust.kind) == (trade.broker_exec_id, 1, ExecutionKind.BUST)
        assert (bust.last_qty, bust.commission, bust.filled_qty) == (100, 0, 0)
        assert world.position() == 0
        assert world.gateway.cash("A").items[0].trade_date_balance == 1_000_000

    def test_bust_of_a_finished_order_does_not_bring_it_back(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        world.steer({"op": "bust", "exec_id": world.executions()[0].broker_exec_id})
        world.advance(minutes=5)
        assert (world.status("o1").status, world.position()) == (ReportedStatus.CANCELED, 0)

    def test_bust_of_a_working_order_gives_its_quantity_back(self, world: Harness) -> None:
        world.send("o1", quantity="2500")
        world.advance(minutes=2)
        world.steer({"op": "bust", "exec_id": world.executions()[0].broker_exec_id})
        assert world.status("o1").leaves_qty == 2500
        world.advance(minutes=5)
        assert world.position() == 2500

    def test_correction_replaces_price_and_quantity(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        (trade,) = world.executions()
        world.steer({"op": "correct", "exec_id": trade.broker_exec_id, "quantity": "90", "price": "50.02"})
        correction = world.executions()[-1]
        assert (correction.revision, correction.kind) == (1, ExecutionKind.CORRECT)
        assert (correction.last_qty, correction.last_px) == (90, D("50.02"))
        assert world.position() == 90
        assert world.gateway.cash("A").items[0].trade_date_balance == 1_000_000 - 90 * D("50.02") - 1

    def test_overfill_is_reported_as_it_is(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        world.steer({"op": "correct", "exec_id": world.executions()[0].broker_exec_id, "quantity": "150"})
        assert (world.executions()[-1].filled_qty, world.position()) == (150, 150)

    def test_repeated_broker_id_is_told_apart_by_its_epoch(self, world: Harness) -> None:
        first = world.resting("o1").report
        world.steer({"op": "restart", "rollback": 1})
        second = world.resting("o2").report
        assert first is not None and second is not None
        assert first.ref.broker_order_id == second.ref.broker_order_id
        assert first.ref.session_epoch != second.ref.session_epoch
        world.gateway.cancel(OrderRef("", first.ref.broker_order_id, first.ref.session_epoch), "c1")
        assert (world.status("o1").status, world.status("o2").status) == (ReportedStatus.CANCELED, ReportedStatus.NEW)

    def test_restarted_venue_knows_all_it_has_told(self, world: Harness) -> None:
        world.send("o1", quantity="2500")
        world.resting()
        world.advance(minutes=2)
        before = (world.executions(), world.position(), world.status("o1"), world.gateway.poll(""))
        world.restart()
        world.gateway.connect()
        assert (world.executions(), world.position(), world.status("o1"), world.gateway.poll("")) == before
        world.advance(minutes=5)
        assert world.position() == 2500

    # -- the custodian's books and market data

    def test_trade_date_cash_moves_at_once_and_settled_cash_on_the_settlement_date(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        (cash,) = world.gateway.cash("A")
        assert (cash.trade_date_balance, cash.settled_balance) == (1_000_000 - D("5001.00") - 1, 1_000_000)
        world.advance(days=1)
        (cash,) = world.gateway.cash("A")
        assert cash.settled_balance == cash.trade_date_balance

    def test_custodian_lists_trades_and_charges_of_the_day(self, world: Harness) -> None:
        world.send("o1")
        world.advance(minutes=2)
        (trade,), (fee,) = world.gateway.trades(MONDAY), world.gateway.fees(MONDAY)
        assert (trade.client_order_id, trade.quantity, trade.amount, trade.fee) == ("o1", 100, D("-5001.00"), 1)
        assert (fee.account, fee.amount, fee.currency) == ("A", 1, "USD")
        assert len(world.gateway.trades(TUESDAY)) == 0

    def test_block_is_given_up_to_accounts_once(self, world: Harness) -> None:
        world.send("b1", quantity="300", account="BLOCK")
        world.advance(minutes=2)
        shares = (AllocationShare("A", D(200), D("-10002.00"), D("1.00")), AllocationShare("B", D(100), D("-5001.00"), D("0.50")))
        instruction = AllocationInstruction("al1", "BLOCK", "FLAT", Side.BUY, MONDAY, shares)
        assert world.gateway.allocate(instruction).kind is OutcomeKind.CONFIRMED
        assert world.gateway.allocate(instruction).kind is OutcomeKind.CONFIRMED
        assert (world.position(), world.position(account="B"), world.position(account="BLOCK")) == (200, 100, 0)

    def test_allocation_of_more_than_the_block_is_rejected(self, world: Harness) -> None:
        world.send("b1", quantity="300", account="BLOCK")
        world.advance(minutes=2)
        shares = (AllocationShare("A", D(301), D("-15053.01"), D(1)),)
        outcome = world.gateway.allocate(AllocationInstruction("al1", "BLOCK", "FLAT", Side.BUY, MONDAY, shares))
        assert (outcome.kind, outcome.reason) == (OutcomeKind.REJECTED, "MORE_THAN_UNALLOCATED")
        assert world.position() == 0

    def test_query_about_an_unknown_account_is_a_permanent_error(self, world: Harness) -> None:
        with pytest.raises(GatewayError) as caught:
            world.gateway.positions("NOBODY")
        assert caught.value.permanent

    def test_open_orders_are_the_working_ones(self, world: Harness) -> None:
        world.resting("R1")
        world.resting("R2")
        world.send("o1")
        world.advance(minutes=2)
        world.gateway.cancel(OrderRef("R1"), "c1")
        assert [r.ref.client_order_id for r in world.gateway.open_orders()] == ["R2"]

    def test_instrument_rules_and_an_unknown_symbol(self, world: Harness) -> None:
        listing = world.gateway.instrument_rules(["COIN", "NONE"])
        (rules,) = listing
        assert not listing.complete
        assert (rules.tick, rules.lot_step, rules.min_quantity, rules.min_notional) == (D("0.01"), D("0.001"), D("0.01"), 10)

    def test_quote_is_of_now_from_the_last_completed_bar(self, world: Harness) -> None:
        (quote,) = world.gateway.quotes(["RISE"])
        assert (quote.bid, quote.last, quote.ask) == (D("50.49"), D("50.50"), D("50.51"))
        assert quote.at == world.gateway.now() == START
        world.advance(seconds=49)
        assert world.gateway.quotes(["RISE"]).items[0].last == D("50.50")
        world.advance(seconds=1)
        assert world.gateway.quotes(["RISE"]).items[0].last == D("50.60")

    def test_stale_quote_shows_its_age(self, world: Harness) -> None:
        world.steer({"op": "freeze_quotes", "symbol": "FLAT"})
        world.advance(seconds=30)
        (quote,) = world.gateway.quotes(["FLAT"])
        assert world.gateway.now() - quote.at == timedelta(seconds=30)

    def test_quote_after_the_close_is_as_old_as_its_bar(self, world: Harness) -> None:
        world.advance(hours=8)
        (quote,) = world.gateway.quotes(["FLAT"])
        assert quote.at.hour == 21 and quote.at.minute == 0

    def test_halt_shows_in_the_quote(self, world: Harness) -> None:
        world.steer({"op": "halt", "symbol": "FLAT"})
        assert world.gateway.quotes(["FLAT"]).items[0].halted

    def test_rte_1_minute_volumes_are_of_completed_bars(self, world: Harness) -> None:
        listing = world.gateway.minute_volumes("FLAT", 20)
        assert listing.items == (D(10_000),) * 5 and not listing.complete
        world.advance(minutes=20)
        assert world.gateway.minute_volumes("FLAT", 20).complete
