"""What was released before is counted by what is released after it, whether its orders are written, not yet, or held (SIZ-1, RSK-1, RTE-5)."""

from __future__ import annotations

import importlib
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Reservation
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from allocation.services.statements import UnableToFreeze
from base import tenancy
from execution.enums import ParentState
from execution.models import ParentOrder
from execution.services.booking import finish_parents
from execution.services.cancel import cancel_parent
from execution.services.drafting import unwritten
from execution.services.release import ReleaseFacts, continue_release, run_signal
from execution.services.slices import release_held
from market.models import Instrument
from tests.desk import Desk, make_desk, together
from tests.factories import number

pytestmark = pytest.mark.django_db
releasing = importlib.import_module("execution.services.release")
# A1 may reach 1% of its equity with 52 shares.
TARGET, SHARES = "0.01", Decimal(52)


class Killed(BaseException):
    """A process that dies where it stands."""


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


def kill(point: str) -> None:
    raise Killed(point)


def release_and_die(desk: Desk, monkeypatch: pytest.MonkeyPatch, **signal: Any) -> None:
    """Release, and die between the intent's commit and the first chunk's."""
    stated = desk.receive(**signal) if "quantities" in signal else desk.receive(TARGET, **signal)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(releasing, "crash_point", kill)
        desk.release(stated)


def state(desk: Desk) -> ReleaseFacts:
    """State the target as a program does."""
    with tenancy.firm(desk.firm_id):
        accounts = tuple(desk.ids("A1"))
    body = SignalBody("CORE", "XYZ", SizingMethod.TARGET_WEIGHT, Decimal(TARGET), accounts=accounts)
    return run_signal(firm_id=desk.firm_id, source="test", idempotency_key=f"T{number()}", body=body, actor=desk.trader, now=desk.now)


def ordered(desk: Desk) -> list[tuple[str, Decimal]]:
    with tenancy.firm(desk.firm_id):
        return [(str(parent.side), parent.quantity) for parent in ParentOrder.objects.order_by("id")]


def held(desk: Desk) -> list[tuple[str, Decimal]]:
    with tenancy.firm(desk.firm_id):
        return sorted(Reservation.objects.filter(released_at=None).values_list("side", "quantity"))


def test_siz_1_a_release_that_died_before_its_orders_were_written_is_not_ordered_again(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    release_and_die(desk, monkeypatch, codes="A1")
    assert ordered(desk) == [("BUY", SHARES)] and held(desk) == []
    assert state(desk).parents == () and ordered(desk) == [("BUY", SHARES)]
    assert continue_release(firm_id=desk.firm_id, now=desk.now) == 0, "who came next has written them"
    assert held(desk) == [("BUY", SHARES)]


def test_siz_1_what_was_previewed_before_it_died_is_refused_and_its_orders_are_finished_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    later = desk.receive(TARGET, codes="A1")
    shown = desk.preview(later)
    release_and_die(desk, monkeypatch, codes="A1")
    with pytest.raises(UnableToFreeze, match="not what was previewed"):
        desk.release(later, shown)
    assert ordered(desk) == [("BUY", SHARES)]
    assert continue_release(firm_id=desk.firm_id, now=desk.now) == 1 and held(desk) == [("BUY", SHARES)]


def test_rsk_1_gate_one_counts_what_is_not_written_in_any_instrument(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    release_and_die(desk, monkeypatch, codes="A1")
    seen: list[Any] = []
    judge = releasing.risk.gate_one_many
    monkeypatch.setattr(releasing.risk, "gate_one_many", lambda **facts: (seen.append(facts["pending"]()), judge(**facts))[1])
    with tenancy.firm(desk.firm_id):
        xyz = desk.instrument().id
        other = (
            Instrument.objects.filter(pk__in=[one.id for one in desk.market.instruments.values()], kind="EQUITY").exclude(pk=xyz).first()
        )
        assert unwritten() == {xyz: (SHARES, Decimal(0))}
    assert other is not None
    desk.release(desk.receive(quantities={"A1": 1}, symbol=other.symbol))
    assert seen == [{xyz: (SHARES, Decimal(0))}]


def test_siz_1_two_programs_that_state_one_target_at_once_order_it_once():
    desk = make_desk(committed=True)
    answers = together(*[lambda: state(desk)] * 4)
    assert not [answer for answer in answers if isinstance(answer, BaseException)], answers
    assert together(lambda: ordered(desk)) == [[("BUY", SHARES)]]


def test_rte_5_a_held_side_holds_what_it_will_order_and_hands_it_to_its_orders(desk: Desk):
    desk.hold({"A1": 100})
    desk.control("A1 A3", "M")
    both = desk.trade({"A1": -10, "A3": 10})
    assert desk.states(both) == {"SELL": "WORKING", "BUY": "HELD"}
    assert held(desk) == [("BUY", 10), ("SELL", 10)]
    with tenancy.firm(desk.firm_id):
        ParentOrder.objects.filter(pk=desk.parents(both)["SELL"].pk).update(state=ParentState.DONE, done_at=desk.now)
    assert release_held(firm_id=desk.firm_id, now=desk.now) == 1
    assert held(desk) == [("BUY", 10), ("SELL", 10)], "the orders hold, the parent no longer"


def test_rte_5_a_held_side_that_is_canceled_gives_back_what_it_held(desk: Desk):
    desk.hold({"A1": 100})
    desk.control("A1 A3", "M")
    both = desk.trade({"A1": -10, "A3": 10})
    with tenancy.firm(desk.firm_id):
        cancel_parent(parent_id=desk.parents(both)["BUY"].pk, actor=desk.trader, now=desk.now, reason="changed my mind")
        finish_parents(now=desk.now)
    assert held(desk) == [("SELL", 10)]
