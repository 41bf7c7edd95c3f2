"""RTE-1, RTE-5: the relationship graphs decide which orders of a firm may not meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from allocation.services import PreviewFacts, SignalFacts
from allocation.services.statements import UnableToFreeze
from base import tenancy
from execution.models import ParentOrder
from execution.services.booking import finish_parents
from execution.services.crosses import working_beside
from execution.services.drafting import UnableToRelease
from execution.services.release import ReleaseFacts
from execution.services.slices import release_held
from governance.models import Alert
from market.enums import Side
from tests.desk import MINUTE, Desk, make_desk, together

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    made = make_desk()
    made.hold({"A1": 100, "A3": 100})
    for code in ("A1", "A3", "A5"):
        made.own(code, f"OWNER {code}")
    return made


def test_rte_5_two_control_groups_of_one_firm_may_trade_opposite(desk: Desk):
    desk.control("A1", "M")
    desk.control("A3", "N")
    first = desk.trade({"A1": -10})
    second = desk.trade({"A3": 10})
    assert desk.states(first) == {"SELL": "WORKING"} and desk.states(second) == {"BUY": "WORKING"}


def test_rte_5_the_later_order_of_one_control_group_is_held_until_the_earlier_has_ended(desk: Desk):
    desk.control("A1 A3", "M")
    first = desk.trade({"A1": -10})
    later = desk.receive(quantities={"A3": 10})
    with pytest.raises(UnableToRelease, match="one control group") as refused:
        desk.release(later)
    assert refused.value.code == "RTE-5" and refused.value.context["against"] == str(first.parents[0])
    desk.end(first)
    assert desk.states(desk.release(later)) == {"BUY": "WORKING"}


def test_rte_5_one_beneficial_owner_on_both_sides_is_prohibited_whoever_decides(desk: Desk):
    desk.control("A1", "M")
    desk.control("A3", "N")
    desk.own("A1 A3", "THE SAME")
    desk.trade({"A1": -10})
    with pytest.raises(UnableToRelease, match="wash trade"):
        desk.trade({"A3": 10})


@pytest.mark.parametrize("recorded", ["", "A1", "A3"])
def test_con_5_an_account_whose_controller_is_not_recorded_may_be_in_anybodys_group(desk: Desk, recorded: str):
    if recorded:
        desk.control(recorded, "M")
    desk.trade({"A1": -10})
    with pytest.raises(UnableToRelease, match="not recorded"):
        desk.trade({"A3": 10})


def test_con_3_an_edge_that_has_ended_controls_nobody(desk: Desk):
    desk.control("A1 A3", "M", valid_until=desk.now)
    desk.control("A1", "X")
    desk.control("A3", "Y")
    desk.trade({"A1": -10})
    assert desk.states(desk.trade({"A3": 10})) == {"BUY": "WORKING"}


def test_rte_5_sides_of_one_statement_go_together_unless_they_could_meet(desk: Desk):
    desk.control("A1", "M")
    desk.control("A3", "N")
    assert desk.states(desk.trade({"A1": -10, "A3": 10})) == {"SELL": "WORKING", "BUY": "WORKING"}


def test_rte_5_a_held_side_goes_on_when_nothing_it_could_meet_works(desk: Desk):
    desk.control("A1 A3", "M")
    both = desk.trade({"A1": -10, "A3": 10})
    assert desk.states(both) == {"SELL": "WORKING", "BUY": "HELD"}
    assert [str(order.side) for order in desk.orders(both)] == ["SELL"]
    assert release_held(firm_id=desk.firm_id, now=desk.now) == 0
    sell = desk.parents(both)["SELL"]
    with tenancy.firm(desk.firm_id):
        sell.state, sell.done_at = "DONE", desk.now
        sell.save()
    assert [release_held(firm_id=desk.firm_id, now=desk.now) for _ in range(3)] == [1, 0, 0]
    assert desk.states(both)["BUY"] == "WORKING"
    assert sorted(str(order.side) for order in desk.orders(both)) == ["BUY", "SELL"]


def test_rte_5_a_held_side_does_not_wait_for_another_group(desk: Desk):
    desk.control("A1 A3", "M")
    desk.control("A5", "N")
    desk.hold({"A5": 50})
    both = desk.trade({"A1": -10, "A3": 10})
    desk.trade({"A5": -5})
    with tenancy.firm(desk.firm_id):
        sell = desk.parents(both)["SELL"]
        sell.state, sell.done_at = "DONE", desk.now
        sell.save()
    assert release_held(firm_id=desk.firm_id, now=desk.now) == 1


def test_rte_5_a_held_side_waits_for_a_quote(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    desk.control("A1 A3", "M")
    both = desk.trade({"A1": -10, "A3": 10})
    desk.end(both)
    with tenancy.firm(desk.firm_id):
        buy = desk.parents(both)["BUY"]
        buy.state, buy.done_at = "HELD", None
        buy.save()
    monkeypatch.setattr("execution.services.slices.fresh_limit", lambda parent, now: None)
    assert release_held(firm_id=desk.firm_id, now=desk.now + MINUTE) == 0
    assert desk.states(both)["BUY"] == "HELD"


def test_alc_3_a_held_side_that_waited_until_its_session_ended_is_canceled_and_told(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """The opposite order is UNKNOWN until tomorrow; what somebody decided today is not sent then, whatever the quote."""
    desk.control("A1 A3", "M")
    both = desk.trade({"A1": -10, "A3": 10})
    buy = desk.parents(both)["BUY"]
    monkeypatch.setattr("execution.services.slices.fresh_limit", lambda parent, now: parent.limit_price)
    tomorrow = desk.now + timedelta(days=1)
    with tenancy.firm(desk.firm_id):
        ParentOrder.objects.filter(pk=desk.parents(both)["SELL"].pk).update(state="DONE", done_at=tomorrow)
    assert release_held(firm_id=desk.firm_id, now=tomorrow) == 0
    with tenancy.firm(desk.firm_id):
        finish_parents(now=tomorrow)
        assert Alert.objects.filter(subject_id=str(buy.pk), rule="ALC-3", ended_at=None).count() == 1
    assert desk.states(both)["BUY"] == "CANCELED" and [str(order.side) for order in desk.orders(both)] == ["SELL"]


def test_rte_5_one_held_side_that_cannot_go_on_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    desk.control("A1 A3", "M")
    first = desk.trade({"A1": -10, "A3": 10})
    desk.end(ReleaseFacts(first.journey_id, None, (desk.parents(first)["SELL"].pk,)))
    desk.control("A2 A4", "N")
    desk.hold({"A2": 100})
    second = desk.trade({"A2": -10, "A4": 10})
    desk.end(ReleaseFacts(second.journey_id, None, (desk.parents(second)["SELL"].pk,)))
    broken = desk.parents(first)["BUY"].pk

    def limit(parent: ParentOrder, now: datetime) -> Decimal | None:
        if parent.pk == broken:
            raise ValueError("a price that is none")
        return parent.limit_price

    monkeypatch.setattr("execution.services.slices.fresh_limit", limit)
    assert release_held(firm_id=desk.firm_id, now=desk.now) == 1
    assert (desk.states(first)["BUY"], desk.states(second)["BUY"]) == ("HELD", "WORKING")
    with tenancy.firm(desk.firm_id):
        assert Alert.objects.filter(subject_id=str(broken), ended_at=None).exists()


def test_rte_1_only_working_parents_of_the_control_group_count_as_liquidity_taken(desk: Desk):
    desk.control("A1 A3", "M")
    desk.control("A5", "N")
    desk.trade({"A1": 30})
    seen = {}
    for code in ("A3", "A5", "A7"):
        with tenancy.firm(desk.firm_id):
            ids = raw(desk.ids(code))
            seen[code] = working_beside(ids=ids, side=Side.BUY, instrument_id=desk.instrument().id, now=desk.now)
            assert working_beside(ids=ids, side=Side.SELL, instrument_id=desk.instrument().id, now=desk.now) == 0
    assert seen == {"A3": 30 * 10**8, "A5": 0, "A7": 30 * 10**8}


def raw(ids: Sequence[UUID]) -> np.ndarray:
    """Return ids as V16[n]."""
    return np.frombuffer(b"".join(one.bytes for one in ids), dtype="V16")


def test_rte_5_two_opposite_releases_at_once_do_not_overlook_each_other():
    desk = make_desk(committed=True)
    assert together(lambda: desk.hold({"A1": 100})) == [None]
    sell, buy = together(lambda: ready(desk, {"A1": -10}), lambda: ready(desk, {"A3": 10}))
    answers = together(*(lambda order=order: desk.release(*order) for order in (sell, buy)))
    released = [answer for answer in answers if isinstance(answer, ReleaseFacts)]
    refused = [answer for answer in answers if isinstance(answer, UnableToRelease | UnableToFreeze)]
    assert len(released) == len(refused) == 1, answers  # the later one finds the order itself, or books that are not what was previewed
    with tenancy.firm(desk.firm_id):
        assert set(ParentOrder.objects.values_list("id", flat=True)) == set(released[0].parents)


def ready(desk: Desk, quantities: Mapping[str, int]) -> tuple[SignalFacts, PreviewFacts]:
    """State and preview a list."""
    signal = desk.receive(quantities=quantities)
    return signal, desk.preview(signal)
