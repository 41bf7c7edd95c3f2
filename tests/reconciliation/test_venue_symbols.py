"""One day under another name: sent, filled, booked, shared out, and reconciled with what the venue's custodian says (ACC-2, REC-3)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from base import tenancy
from execution.enums import OrderState
from market.core.venue_symbols import VenueSymbolSpec
from market.services import load_venue_symbols
from reconciliation.enums import RunState
from reconciliation.models import Break
from reconciliation.queries.codebook import codebook_of
from reconciliation.services import reconcile_custodian, take_snapshot_from_gateway
from tests.execution.services.order_world import OrderWorld, instrument, make_world
from tests.factories import as_loader, make_firm, number

from .books import DAY, EVENING

pytestmark = pytest.mark.django_db
OURS = f"OURS{number()}"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OrderWorld]:
    """A venue that calls our instrument FLAT, while we have a FLAT of our own; 100 bought for A and a block of 500 for A and B."""
    with tenancy.firm(make_firm().id):
        made = make_world(tmp_path / "venue.journal")
        for symbol in (OURS, "FLAT", "THIN"):
            instrument(symbol)
        as_loader(lambda: load_venue_symbols([VenueSymbolSpec(made.connection.custodian.code, "FLAT", OURS)]))
        made.session.start()
        orders = [made.single(100, symbol=OURS), made.block({"A": 300, "B": 200}, symbol=OURS)]
        made.live(minutes=3)
        assert [made.state(order) for order in orders] == [OrderState.FILLED] * 2
        made.advance(seconds=(EVENING - made.now) // timedelta(seconds=1))
        yield made


def evening(world: OrderWorld) -> RunState:
    asked = {"custodian_id": world.connection.custodian_id, "as_of": DAY, "now": EVENING}
    taken = take_snapshot_from_gateway(gateway=world.gateway, **asked)
    return reconcile_custodian(taken=taken, **asked).state


def test_rec_3_what_was_traded_under_another_name_agrees_with_the_custodian(world: OrderWorld) -> None:
    assert (world.position("A", OURS), world.position("B", OURS), world.position("A", "FLAT")) == (400, 200, 0)
    assert evening(world) == RunState.COMPLETE and not Break.objects.exists()


def test_rec_3_what_differs_is_a_break_in_our_instrument(world: OrderWorld) -> None:
    world.steer(op="plant", what="position", account="B", key="FLAT", delta="7")
    evening(world)
    found = Break.objects.get(item_kind="POSITION")
    assert (found.account_id, found.instrument_id, found.difference) == (world.accounts["B"].id, instrument(OURS).id, Decimal(7))


def test_rec_3_our_own_symbol_is_no_name_of_the_custodians(world: OrderWorld) -> None:
    names = codebook_of(custodian_id=world.connection.custodian_id)
    known = dict(zip(names.directory.symbols, names.instrument_ids.tolist(), strict=True))
    assert known["FLAT"] == instrument(OURS).id and OURS not in known and instrument("FLAT").id not in known.values()
    assert names.instrument_ids.tolist() == sorted(known.values()) and known["THIN"] == instrument("THIN").id
