"""Against the paper venue's own custody books: what is planted there is found, and nothing else (REC-1 to REC-3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from accounts.core import entries
from base import tenancy
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from market.models import VenueSymbol
from reconciliation.enums import RunState
from reconciliation.models import Break, CustodianSnapshot
from reconciliation.services import UnableToTakeSnapshot, reconcile_custodian, stored_snapshot, take_snapshot_from_gateway
from tests.execution.venue.world import make_service, wire_order
from tests.factories import as_loader, make_firm

from .books import DAY, EVENING, NEXT, Scene, book, make_scene

pytestmark = pytest.mark.django_db
TO_EVENING = timedelta(hours=6, minutes=54, seconds=50)  # from the venue's start, 09:35:10, to 16:30 New York


@dataclass
class World:
    """A venue whose accounts A and B are ours, with one fill of 100 FLAT in A booked on both sides."""

    scene: Scene
    service: object
    gateway: PaperGateway

    def steer(self, **command: object) -> None:
        reply = self.service.handle(command).reply
        assert reply is not None and reply["ok"], reply

    def to_evening(self, span: timedelta = TO_EVENING) -> None:
        self.steer(op="clock", microseconds=span // timedelta(microseconds=1))

    def run(self):
        taken = take_snapshot_from_gateway(custodian_id=self.scene.custodian.id, as_of=DAY, gateway=self.gateway, now=EVENING)
        return reconcile_custodian(custodian_id=self.scene.custodian.id, as_of=DAY, now=EVENING, taken=taken)

    def breaks(self) -> list[tuple[str, str, str, Decimal]]:
        rows = Break.objects.filter(closed_at=None).values_list("account__custodian_account", "item_kind", "break_type", "difference")
        return sorted((account, item, kind, difference) for account, item, kind, difference in rows)


@pytest.fixture
def world(tmp_path):
    with tenancy.firm(make_firm().id):
        scene = make_scene()
        for account, name in zip(scene.accounts, "AB", strict=True):
            type(account).objects.filter(pk=account.pk).update(custodian_account=name)
        venue_symbol = {"venue": scene.custodian.code, "symbol": "FLAT", "instrument_id": scene.instrument.id}
        as_loader(lambda: VenueSymbol.objects.using("loader").create(**venue_symbol))
        service = make_service(tmp_path / "venue.journal")
        gateway = PaperGateway(LocalTransport(service))
        gateway.connect()
        world = World(scene, service, gateway)
        world.steer(op="open", accounts={name: {"cash": {"USD": "250000"}, "positions": {}} for name in "AB"})
        world.steer(op="submit", orders=[wire_order("ref-1", account="A")])
        world.steer(op="clock", microseconds=120_000_000)
        for known in gateway.executions_since("").items:
            stamp = entries.Stamp(
                known.trade_date, known.settle_date, f"fill|{scene.accounts[0].connection_id.hex}|{known.broker_exec_id}|{known.revision}"
            )
            made = entries.trade(
                scene.holder(),
                stamp,
                instrument_id=scene.instrument.id,
                quantity=known.last_qty,
                price=known.last_px,
                currency_code="USD",
                fee=known.commission,
            )
            book([made])
        world.to_evening(TO_EVENING - timedelta(minutes=2))
        yield world


def test_rec_1_the_venues_custodian_agrees_with_what_was_booked_from_its_executions(world):
    facts = world.run()
    assert (facts.state, world.breaks()) == (RunState.COMPLETE, [])
    assert facts.items > 0


def test_rec_1_what_a_gateway_told_is_kept_in_the_documented_form(world):
    world.run()
    row = CustodianSnapshot.objects.get()
    assert bytes(row.content).startswith(b"record,account,kind") and row.source == "GATEWAY" and row.is_complete
    again = take_snapshot_from_gateway(custodian_id=world.scene.custodian.id, as_of=DAY, gateway=world.gateway, now=EVENING)
    assert again.repeated and CustodianSnapshot.objects.count() == 1
    assert stored_snapshot(custodian_id=world.scene.custodian.id, as_of=DAY).snapshot_id == row.id


@pytest.mark.parametrize(
    ("what", "account", "key", "delta", "expected"),
    [
        ("position", "A", "FLAT", "1", [("A", "POSITION", "QUANTITY", Decimal(1))]),
        ("position", "B", "FLAT", "-7", [("B", "POSITION", "QUANTITY", Decimal(-7))]),
        ("cash", "B", "USD", "125.01", [("B", "CASH_SD", "CASH", Decimal("125.01")), ("B", "CASH_TD", "CASH", Decimal("125.01"))]),
        ("cash", "B", "USD", "125", []),
    ],
)
def test_rec_2_exactly_what_was_planted_is_found(world, what, account, key, delta, expected):
    world.steer(op="plant", what=what, account=account, key=key, delta=delta)
    world.run()
    assert world.breaks() == expected


def test_rec_3_a_trade_the_custodian_never_booked_is_a_missing_fill(world):
    trade = world.gateway.trades(DAY).items[0]
    world.steer(op="plant", what="missing_trade", account="A", key=trade.trade_id, delta="0")
    world.run()
    found = {(item, kind) for _, item, kind, _ in world.breaks()}
    assert {("TRADE", "MISSING_FILL"), ("POSITION", "QUANTITY"), ("CASH_TD", "CASH")} <= found
    assert Break.objects.get(break_type="MISSING_FILL").exec_id == trade.trade_id


def test_rec_3_a_charge_we_do_not_know_is_a_fee_break(world):
    world.steer(op="charge_fee", account="B", amount="12.50", currency="USD", text="custody fee")
    world.run()
    assert world.breaks() == [("B", "FEE", "FEE", Decimal("-12.50"))]


def test_rec_1_a_list_that_is_not_whole_is_refused(world):
    world.steer(op="inject", fault="truncate_list")
    with pytest.raises(UnableToTakeSnapshot) as refused:
        world.run()
    assert refused.value.code == "INCOMPLETE" and CustodianSnapshot.objects.count() == 0


def test_rec_1_a_broker_that_does_not_answer_is_refused(world):
    world.steer(op="inject", fault="fail_query")
    with pytest.raises(UnableToTakeSnapshot) as refused:
        world.run()
    assert refused.value.code == "GATEWAY" and CustodianSnapshot.objects.count() == 0


def test_rec_1_a_report_of_the_next_day_is_not_the_days(world):
    world.to_evening(timedelta(days=1))
    with pytest.raises(UnableToTakeSnapshot) as refused:
        world.run()
    assert refused.value.code == "NOT_AS_OF"
    with pytest.raises(UnableToTakeSnapshot) as early:
        take_snapshot_from_gateway(custodian_id=world.scene.custodian.id, as_of=NEXT.replace(day=7), gateway=world.gateway, now=EVENING)
    assert early.value.code == "NOT_AS_OF"


def test_rec_1_an_account_the_broker_does_not_know_is_not_taken_for_flat(world):
    type(world.scene.accounts[1]).objects.filter(pk=world.scene.accounts[1].pk).update(custodian_account="C")
    with pytest.raises(UnableToTakeSnapshot) as refused:
        world.run()
    assert refused.value.code == "UNKNOWN_NAME"  # B is on the broker's books, and is nobody's here
