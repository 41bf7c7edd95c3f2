"""A venue that calls our instrument otherwise, and calls another one by our symbol: nothing goes out or comes in under the wrong name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accounts import queries as books
from accounts.queries.custody import Nameless
from base.clock import process_clock
from execution.enums import ExecutionKind, NoticeState, OrderState, ParentState
from execution.gateways.enums import ReportedStatus
from execution.gateways.reports import ExecutionReport, OrderRef
from execution.models import AllocationNotice, ChildOrder, Execution, ParentOrder
from execution.services import finish_parents
from execution.services.claim import candidates
from execution.services.evidence import of_execution
from execution.services.notices import send_notices
from execution.services.pricing import fetch_quotes
from execution.services.reports import process
from execution.venue.paper import paper_service
from governance.models import Alert
from market.core.venue_symbols import VenueSymbolSpec
from market.enums import Side
from market.models import Bar
from market.services import load_venue_symbols
from tests.execution.services.order_world import CASH, OrderWorld, instrument
from tests.execution.venue.world import MONDAY, TUESDAY
from tests.factories import as_loader, number

D = Decimal
pytestmark = pytest.mark.django_db


def calls(world: OrderWorld, ours: str, symbol: str, **options: Any) -> None:
    """Say that the world's venue calls our instrument `symbol`."""
    instrument(ours)
    spec = VenueSymbolSpec(world.connection.custodian.code, symbol, ours)
    as_loader(lambda: load_venue_symbols([spec], **options))


@pytest.fixture
def ours(world: OrderWorld) -> str:
    """Return our symbol of what the venue calls FLAT; our own FLAT has no name there."""
    symbol = f"OURS{number()}"
    calls(world, symbol, "FLAT")
    instrument("FLAT")
    return symbol


def waiting(world: OrderWorld) -> dict[str, str]:
    """Return what the venue calls what waits to be sent, by our symbol."""
    found = candidates(connection_id=world.connection.id, hold_unknown=False)
    return {candidate.symbol: candidate.venue_symbol for candidate in found}


def stranger(world: OrderWorld, symbol: str) -> Execution:
    """Hear of an execution of nobody's order in a symbol, and return how it was kept."""
    name = f"STRANGE-{symbol}"
    report = ExecutionReport(
        broker_exec_id=name,
        revision=0,
        kind=ExecutionKind.NEW,
        ref=OrderRef(f"not-ours-{symbol}", "B1", 1),
        account="A",
        symbol=symbol,
        side=Side.BUY,
        last_qty=D(100),
        last_px=D(50),
        commission=D(0),
        currency="USD",
        trade_date=MONDAY,
        settle_date=TUESDAY,
        at=world.now,
        order_status=ReportedStatus.FILLED,
        filled_qty=D(100),
        leaves_qty=D(0),
    )
    process(connection_id=world.connection.id, evidence=[of_execution(report)], now=world.now)
    return Execution.objects.get(broker_exec_id=name)


def test_acc_2_an_order_is_quoted_sent_and_filled_under_the_venues_name_and_booked_under_ours(world: OrderWorld, ours: str) -> None:
    order = world.single(100, symbol=ours)
    assert waiting(world) == {ours: "FLAT"}
    assert world.step().claimed == 1
    (taken,) = [event for event in world.service.host.venue.events if event["kind"] == "NEW"]
    assert (taken["client_order_id"], taken["symbol"]) == (order.client_order_id, "FLAT")
    world.live(minutes=2)
    order.refresh_from_db()
    assert (order.state, order.filled_qty, order.filled_notional) == (OrderState.FILLED, D(100), D("5001"))
    assert (world.position("A", ours), world.position("A", "FLAT"), world.cash("A")) == (100, 0, CASH - D("5001") - D(1))
    assert ParentOrder.objects.get().state == ParentState.DONE
    assert world.service.host.venue.custody.positions("A") == [("A", "FLAT", D(100))]


def test_acc_2_an_order_whose_symbol_means_something_else_there_is_denied_and_never_sent(world: OrderWorld, ours: str) -> None:
    right, wrong = world.single(100, symbol=ours), world.single(100, code="B", symbol="FLAT")
    assert waiting(world) == {ours: "FLAT", "FLAT": ""}
    activity = world.step()
    assert (activity.claimed, activity.denied) == (1, 1)
    denied = ChildOrder.objects.get(pk=wrong.pk)
    assert denied.state == OrderState.DENIED and denied.reason.startswith("ACC-2 the venue calls another instrument FLAT")
    assert "RSK-1" in world.alerts() and world.state(right) is OrderState.ACKED
    world.live(minutes=2)
    assert world.position("B", "FLAT") == 0 and world.service.host.venue.custody.positions("B") == []
    world.assert_nothing_reserved()


def test_acc_2_a_batch_of_nothing_but_nameless_orders_asks_the_broker_for_no_quote(world: OrderWorld, ours: str) -> None:
    world.single(100, symbol="FLAT")
    found = candidates(connection_id=world.connection.id, hold_unknown=False)
    world.steer(op="inject", fault="fail_query")
    assert fetch_quotes(world.session.line, found).by_instrument == {}


def test_acc_2_quotes_come_back_to_the_right_instruments(world: OrderWorld, ours: str) -> None:
    calls(world, "RISE", "THIN")
    calls(world, "THIN", "RISE")
    for symbol in (ours, "RISE", "THIN"):
        world.single(10, symbol=symbol)
    world.advance(minutes=2)
    found = candidates(connection_id=world.connection.id, hold_unknown=False)
    last = {symbol: fetch_quotes(world.session.line, found).by_instrument[instrument(symbol).id].last for symbol in (ours, "RISE", "THIN")}
    assert last[ours] == last["RISE"] == D(50) and last["THIN"] is not None and last["THIN"] > D(50)


def test_acc_2_names_of_another_custodian_are_not_this_ones(world: OrderWorld) -> None:
    symbol = f"ELSE{number()}"
    instrument(symbol)
    as_loader(lambda: load_venue_symbols([VenueSymbolSpec(f"OTHER{number()}", "FLAT", symbol)]))
    world.single(100)
    assert waiting(world) == {"FLAT": "FLAT"}


def test_acc_2_a_strangers_execution_is_known_by_the_venues_name_and_by_no_other(world: OrderWorld, ours: str) -> None:
    right, thin = instrument(ours), instrument("THIN")
    assert stranger(world, "FLAT").instrument_id == right.id
    assert stranger(world, "THIN").instrument_id == thin.id
    unknown = stranger(world, ours)
    assert (unknown.instrument_id, unknown.reported_symbol) == (None, ours)


def test_alc_11_a_block_is_sent_and_shared_out_at_the_custodian_under_its_name(world: OrderWorld, ours: str) -> None:
    order = world.block({"A": 300, "B": 200}, symbol=ours)
    world.live(minutes=3)
    assert world.state(order) is OrderState.FILLED
    assert AllocationNotice.objects.get().state == NoticeState.CONFIRMED
    assert (world.position("A", ours), world.position("B", ours)) == (300, 200)
    assert world.service.host.venue.custody.positions("") == [("A", "FLAT", D(300)), ("B", "FLAT", D(200))]
    world.assert_clearing_is_zero()


def test_alc_11_an_allocation_whose_name_was_taken_away_waits_for_one_with_an_alarm(world: OrderWorld) -> None:
    order, other = world.block({"A": 300, "B": 200}), f"OTHER{number()}"
    world.step()
    world.advance(minutes=2)
    line = world.session.line
    answer = world.gateway.executions_since("")
    process(connection_id=world.connection.id, evidence=[of_execution(report) for report in answer], now=world.now)
    finish_parents(now=world.now)
    assert world.state(order) is OrderState.FILLED
    calls(world, other, "FLAT")
    assert send_notices(line, now=world.now) == 0
    notice = AllocationNotice.objects.get()
    assert (notice.state, notice.attempts) == (NoticeState.PENDING, 0)
    told = Alert.objects.get(ended_at=None, rule="ALC-11")
    assert f"{notice.notice_id} cannot be told: the venue calls another instrument FLAT" in told.message
    assert send_notices(line, now=world.now) == 0 and Alert.objects.filter(rule="ALC-11").count() == 1
    swapped = [VenueSymbolSpec(world.connection.custodian.code, *pair) for pair in ((other, other), ("FLAT", "FLAT"))]
    as_loader(lambda: load_venue_symbols(swapped, replace=True))
    world.advance(seconds=11)
    assert send_notices(line, now=world.now) == 1
    notice.refresh_from_db()
    assert notice.state == NoticeState.CONFIRMED and world.service.host.venue.custody.positions("A") == [("A", "FLAT", D(300))]


def test_acc_2_books_are_handed_to_a_custodian_under_its_names_or_not_at_all(open_world: Any) -> None:
    world = open_world(holdings={"A": 300})
    assert books.custody_books(connection_id=world.connection.id)["A"]["positions"] == {"FLAT": "300"}
    other = f"OTHER{number()}"
    calls(world, "FLAT", "FLAT.N")
    calls(world, other, "FLAT")
    assert books.custody_books(connection_id=world.connection.id)["A"]["positions"] == {"FLAT.N": "300"}
    code = world.connection.custodian.code
    as_loader(lambda: load_venue_symbols([VenueSymbolSpec(code, "FLAT.N", other), VenueSymbolSpec(code, "FLAT", "FLAT")], replace=True))
    assert books.custody_books(connection_id=world.connection.id)["A"]["positions"] == {"FLAT": "300"}


def test_acc_2_a_position_without_a_name_at_the_custodian_refuses_the_handing_over(open_world: Any) -> None:
    world = open_world(holdings={"A": 300})
    calls(world, f"OTHER{number()}", "FLAT")
    with pytest.raises(Nameless, match="account A holds FLAT"):
        books.custody_books(connection_id=world.connection.id)


def test_acc_2_the_paper_venue_lists_instruments_under_its_own_names(world: OrderWorld, settings: Any, tmp_path: Path) -> None:
    symbol, other = f"OURS{number()}", f"OTHER{number()}"
    calls(world, symbol, f"{symbol}.N")
    calls(world, other, "FLAT")
    bar = {"open": D(50), "high": D(50), "low": D(50), "close": D(50), "volume": D(1000), "source": "SIMULATED"}
    bars = [Bar(instrument_id=instrument(name).id, starts_at=world.now.replace(second=0), **bar) for name in (symbol, other, "FLAT")]
    as_loader(lambda: Bar.objects.using("loader").bulk_create(bars, ignore_conflicts=True))
    settings.REHEARSAL_CLOCK = f"{world.now.isoformat()}@{world.now.isoformat()}*0"
    lane = books.connection_facts(connection_id=world.connection.id)
    host = paper_service(lane, tmp_path / "paper", process_clock(), days=1, seed=1).host
    host.journal.close()
    markets = host.venue.markets
    assert {f"{symbol}.N", "FLAT"} <= markets.keys() and not {symbol, other} & markets.keys()
