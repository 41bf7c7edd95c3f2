"""A custodian with two broker connections: both reports are fetched and matched, and a missing one is never silence (REC-1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.core import entries
from accounts.models import BrokerConnection
from base import tenancy
from execution.gateways.base import GatewayError
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from execution.gateways.reports import PositionReport, ReportList
from governance.models import Alert
from market.models import VenueSymbol
from reconciliation.enums import RunState
from reconciliation.models import Break, CustodianSnapshot, ReconciliationRun
from reconciliation.services import (
    Fetched,
    fetch_reports,
    reconcile_custodian,
    reconcile_due,
    stored_snapshot,
    take_snapshot_from_file,
    take_snapshot_from_gateway,
)
from tests.execution.venue.world import make_service, wire_order
from tests.factories import as_loader, make_connection, make_firm

from .books import DAY, EVENING, NEXT, CustodianFile, Scene, book, make_scene

pytestmark = pytest.mark.django_db
LATER = EVENING + timedelta(minutes=5)
TO_EVENING = timedelta(hours=6, minutes=54, seconds=50)  # from the venue's start, 09:35:10, to 16:30 New York


@dataclass
class Lane:
    """One connection with its own venue, on which one account of ours bought 100 FLAT, booked on both sides."""

    connection: BrokerConnection
    service: Any
    down: str = ""

    def steer(self, **command: object) -> dict[str, Any]:
        reply = self.service.handle(command).reply
        assert reply is not None and reply["ok"], reply
        return reply


@dataclass
class TwoLanes:
    """A firm whose custodian is reached over FIRST (account A) and SECOND (account B)."""

    firm_id: int
    scene: Scene
    lanes: dict[str, Lane]
    asked: list[str] = field(default_factory=list)

    def opening(self, kind: str, settings: Mapping[str, Any]) -> PaperGateway:
        lane = self.lanes[settings["lane"]]
        self.asked.append(settings["lane"])
        if lane.down:
            raise GatewayError(lane.down, permanent=False)
        return PaperGateway(LocalTransport(lane.service))

    def fetch(self, now: datetime = EVENING) -> Fetched:
        self.asked.clear()
        return fetch_reports(firm_id=self.firm_id, now=now, opening=self.opening)

    def breaks(self) -> list[tuple[str, str, str, Decimal]]:
        rows = Break.objects.filter(closed_at=None).values_list("account__custodian_account", "item_kind", "break_type", "difference")
        return sorted(rows)


@pytest.fixture
def world(tmp_path):
    firm = make_firm()
    with tenancy.firm(firm.id):
        scene = make_scene()
        first = scene.accounts[0].connection
        BrokerConnection.objects.filter(pk=first.pk).update(code="FIRST", settings={"lane": "FIRST"})
        second = make_connection(custodian=scene.custodian, code="SECOND", settings={"lane": "SECOND"})
        first.refresh_from_db()
        over = {"A": first, "B": second}
        for account, name in zip(scene.accounts, "AB", strict=True):
            type(account).objects.filter(pk=account.pk).update(custodian_account=name, connection=over[name])
        symbol = {"venue": scene.custodian.code, "symbol": "FLAT", "instrument_id": scene.instrument.id}
        as_loader(lambda: VenueSymbol.objects.using("loader").create(**symbol))
        lanes = {}
        for n, name in enumerate("AB"):
            lane = lanes[over[name].code] = Lane(over[name], make_service(tmp_path / f"{name}.journal"))
            _trade(scene, lane, n, name)
        yield TwoLanes(firm.id, scene, lanes)


def _trade(scene: Scene, lane: Lane, n: int, name: str) -> None:
    lane.steer(op="open", accounts={name: {"cash": {"USD": "250000"}, "positions": {}}})
    lane.steer(op="submit", orders=[wire_order("ref-1", account=name)])
    lane.steer(op="clock", microseconds=120_000_000)
    gateway = PaperGateway(LocalTransport(lane.service))
    gateway.connect()
    for known in gateway.executions_since("").items:
        key = f"fill|{lane.connection.id.hex}|{known.broker_exec_id}|{known.revision}"
        made = entries.trade(
            scene.holder(n),
            entries.Stamp(known.trade_date, known.settle_date, key),
            instrument_id=scene.instrument.id,
            quantity=known.last_qty,
            price=known.last_px,
            currency_code="USD",
            fee=known.commission,
        )
        book([made])
    lane.steer(op="clock", microseconds=(TO_EVENING - timedelta(minutes=2)) // timedelta(microseconds=1))


def alerts() -> list[str]:
    return list(Alert.objects.filter(ended_at=None).order_by("message").values_list("message", flat=True))


def test_rec_1_every_connection_of_a_custodian_is_asked_and_the_reports_are_matched_together(world):
    assert world.fetch() == Fetched(("FIRST", "SECOND"), ())
    assert sorted(CustodianSnapshot.objects.values_list("source", "is_complete")) == [("GATEWAY FIRST", True), ("GATEWAY SECOND", True)]
    assert reconcile_due(now=EVENING) == 1
    run = ReconciliationRun.objects.get()
    assert (run.state, run.reasons, run.incomplete, world.breaks(), alerts()) == (RunState.COMPLETE, [], [], [], [])
    assert run.items == 2 * 5  # an account: a position, cash by trade and by settle date, a trade, a commission


def test_rec_1_what_is_whole_is_not_asked_again_and_not_reconciled_again(world):
    world.fetch()
    reconcile_due(now=EVENING)
    assert world.fetch(LATER) == Fetched((), ()) and world.asked == []
    assert reconcile_due(now=LATER) == 0 and ReconciliationRun.objects.count() == 1


def test_rec_3_a_break_is_found_behind_either_connection(world):
    world.lanes["FIRST"].steer(op="plant", what="position", account="A", key="FLAT", delta="1")
    world.lanes["SECOND"].steer(op="plant", what="position", account="B", key="FLAT", delta="-7")
    world.fetch()
    reconcile_due(now=EVENING)
    assert world.breaks() == [("A", "POSITION", "QUANTITY", Decimal(1)), ("B", "POSITION", "QUANTITY", Decimal(-7))]


@pytest.mark.parametrize("order", ["gateway", "broker"])
def test_rec_1_a_connection_that_does_not_report_is_an_alert_and_an_incomplete_run_that_names_it(world, order):
    if order == "gateway":
        world.lanes["SECOND"].down = "connection refused"
    else:
        world.lanes["SECOND"].steer(op="inject", fault="fail_query")
    fetched = world.fetch()
    assert (fetched.stored, fetched.failed) == (("FIRST",), (("SECOND", "GATEWAY"),))
    (told,) = alerts()
    assert told.startswith(f"No whole custody report from SECOND for {DAY}:") and told.endswith("[GATEWAY]")
    reconcile_due(now=EVENING)
    run = ReconciliationRun.objects.get()
    assert run.state == RunState.INCOMPLETE and run.incomplete == [world.scene.accounts[1].id]
    assert run.reasons == ["1 expected accounts are not in the file", "nothing was reported of connection SECOND (1 accounts)"]
    assert world.breaks() == [] and len(alerts()) == 2


def test_rec_1_the_missing_report_is_asked_for_until_it_comes_and_then_the_day_is_whole(world):
    world.lanes["SECOND"].down = "connection refused"
    world.fetch()
    reconcile_due(now=EVENING)
    world.lanes["SECOND"].down = ""
    assert world.fetch(LATER) == Fetched(("SECOND",), ()) and world.asked == ["SECOND"]
    reconcile_due(now=LATER)
    states = list(ReconciliationRun.objects.order_by("started_at").values_list("state", flat=True))
    assert states == [RunState.INCOMPLETE, RunState.COMPLETE] and alerts() == [] and world.breaks() == []


def test_rec_1_one_report_given_by_hand_is_not_taken_for_the_whole_day(world):
    gateway = world.opening("paper", {"lane": "FIRST"})
    gateway.connect()
    asked = {"custodian_id": world.scene.custodian.id, "as_of": DAY, "now": EVENING}
    taken = take_snapshot_from_gateway(gateway=gateway, connection="FIRST", **asked)
    facts = reconcile_custodian(taken=taken, **asked)
    assert facts.state == RunState.INCOMPLETE and "nothing was reported of connection SECOND (1 accounts)" in facts.reasons
    world.fetch()
    assert reconcile_custodian(taken=taken, **asked).state == RunState.COMPLETE


def test_rec_1_two_connections_that_disagree_on_an_account_leave_it_incomplete(world):
    world.lanes["FIRST"].steer(op="open", accounts={"B": {"cash": {"USD": "1"}, "positions": {}}})
    world.fetch()
    reconcile_due(now=EVENING)
    run = ReconciliationRun.objects.get()
    assert run.state == RunState.INCOMPLETE and run.incomplete == [world.scene.accounts[1].id]
    assert "connections FIRST and SECOND disagree on account B" in run.reasons and len(alerts()) == 1


def test_rec_1_a_report_with_a_name_nobody_knows_is_an_alert(world):
    world.lanes["SECOND"].steer(op="open", accounts={"STRANGER": {"cash": {"USD": "1"}, "positions": {}}})
    assert world.fetch() == Fetched(("FIRST",), (("SECOND", "UNKNOWN_NAME"),))
    assert "STRANGER" in alerts()[0]


def test_rec_1_a_gateway_that_breaks_stops_no_other(world):
    def opening(kind: str, settings: Mapping[str, Any]) -> PaperGateway:
        if settings["lane"] == "FIRST":
            raise ZeroDivisionError
        return world.opening(kind, settings)

    fetched = fetch_reports(firm_id=world.firm_id, now=EVENING, opening=opening)
    assert fetched == Fetched(("SECOND",), (("FIRST", "GATEWAY"),)) and "ZeroDivisionError" in alerts()[0]


def test_rec_1_an_answer_that_breaks_the_storing_is_told_of_every_connection_and_ends_when_one_comes_that_does_not(world):
    """A gateway that leaves out a number is nothing anybody foresaw. What is stored of one custodian is stored together, or not at all."""

    class Broken(PaperGateway):
        def positions(self, account: str = "", *, timeout: float = 5.0) -> ReportList[PositionReport]:
            whole = super().positions(account, timeout=timeout)
            return replace(whole, items=tuple(replace(row, quantity=None) for row in whole))

    def opening(kind: str, settings: Mapping[str, Any]) -> PaperGateway:
        sound = world.opening(kind, settings)
        return Broken(LocalTransport(world.lanes["SECOND"].service)) if settings["lane"] == "SECOND" else sound

    fetched = fetch_reports(firm_id=world.firm_id, now=EVENING, opening=opening)
    reason = "could not be stored; see the log"
    assert fetched == Fetched((), (("FIRST", reason), ("SECOND", reason))) and CustodianSnapshot.objects.count() == 0
    assert [told.partition(":")[0] for told in alerts()] == [
        f"No whole custody report from {one} for {DAY}" for one in ("FIRST", "SECOND")
    ] and all(reason in told for told in alerts())
    assert world.fetch(LATER) == Fetched(("FIRST", "SECOND"), ()) and alerts() == []


def test_rec_1_nothing_is_asked_before_the_close_has_settled_down(world):
    close = EVENING - timedelta(minutes=30)
    assert world.fetch(close - timedelta(minutes=1)).stored == () and world.fetch(close + timedelta(minutes=14)).stored == ()
    assert world.asked == []


def test_rec_1_a_whole_file_makes_asking_needless_and_the_newest_word_counts(world):
    scene = world.scene
    for account in scene.accounts:
        account.refresh_from_db()
    file = CustodianFile(scene).cash("250000", "250000").cash("250000", "250000", account=1)
    take_snapshot_from_file(custodian_id=scene.custodian.id, data=file.data(), now=EVENING)
    assert world.fetch(LATER) == Fetched((), ()) and world.asked == []
    assert stored_snapshot(custodian_id=scene.custodian.id, as_of=DAY).source == "FILE"


def test_rec_1_a_disabled_connection_is_not_asked_and_its_accounts_are_missed(world):
    BrokerConnection.objects.filter(code="SECOND").update(is_enabled=False)
    assert world.fetch() == Fetched(("FIRST",), ())
    reconcile_due(now=EVENING)
    assert ReconciliationRun.objects.get().state == RunState.INCOMPLETE


def test_rec_1_by_the_next_open_the_day_is_over_for_reports(world):
    for lane in world.lanes.values():
        lane.steer(op="clock", microseconds=timedelta(hours=18) // timedelta(microseconds=1))
    morning = datetime.combine(NEXT, EVENING.timetz()) - timedelta(hours=6)
    assert {reason for _, reason in world.fetch(morning).failed} == {"NOT_AS_OF"} and CustodianSnapshot.objects.count() == 0


def test_the_command_ends_with_one_where_a_report_did_not_come(world, settings):
    """The command opens real gateways; these settings name no address."""
    settings.REHEARSAL_CLOCK = f"{EVENING.isoformat()}@{EVENING.isoformat()}*0"
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("fetch_reports", firm=world.firm_id, stdout=out, stderr=err)
    assert ended.value.code == 1
    assert "FIRST did not report [paper]" in err.getvalue() and "SECOND did not report [paper]" in err.getvalue()
