"""RTE-3: a parent over time: slices fall due, once each, at their pace, however often and however late the task runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from accounts.models import Account, Reservation
from base import tenancy
from execution.enums import OrderState, ParentState, SliceState
from execution.models import ChildOrder, ParentOrder, Slice
from execution.services.booking import finish_parents
from execution.services.cancel import cancel_killed, cancel_parent
from execution.services.release import ReleaseFacts, continue_release
from execution.services.slices import release_due_slices, release_held
from governance.core.subjects import Actor
from governance.enums import KillScope, Role
from governance.models import Alert
from governance.services import confirm_rearm, request_rearm, trip_kill_switch
from tests.desk import MINUTE, SECOND, Desk, make_desk, together
from tests.factories import make_user

pytestmark = pytest.mark.django_db
# 800 shares where a minute trades 12,000: 600 and more go over time, five minutes at least.
WISH = {"A1": 300, "A3": 300, "A6": 200}


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


def run(desk: Desk, at: datetime) -> int:
    return release_due_slices(firm_id=desk.firm_id, now=at)


def slices(desk: Desk, released: ReleaseFacts) -> list[Slice]:
    with tenancy.firm(desk.firm_id):
        return list(Slice.objects.filter(parent_id__in=released.parents).order_by("number"))


def ordered(desk: Desk, released: ReleaseFacts) -> dict[str, Decimal]:
    """Return what was ordered for each account, and for the block."""
    with tenancy.firm(desk.firm_id):
        codes = dict(Account.objects.values_list("id", "code"))
    found: dict[str, Decimal] = {}
    for order in desk.orders(released):
        code = "BLOCK" if order.is_block else codes[order.account_id]
        found[code] = found.get(code, Decimal(0)) + order.quantity
    return found


def settle(desk: Desk, released: ReleaseFacts, *, filled: bool = True) -> None:
    """Let every order that waits have ended at the venue: filled, or not at all."""
    with tenancy.firm(desk.firm_id):
        for order in ChildOrder.objects.filter(parent_id__in=released.parents, state=OrderState.PENDING):
            for state in [OrderState.SENDING, OrderState.ACKED, OrderState.FILLED if filled else OrderState.CANCELED]:
                order.state = state
                order.filled_qty = order.quantity if state == OrderState.FILLED else 0
                order.save()


def test_rte_3_slices_stand_with_the_parent_and_nothing_is_ordered_before_it_is_due(desk: Desk):
    released = desk.trade(WISH)
    parts = slices(desk, released)
    assert [int(part.quantity) for part in parts] == [160] * 5
    assert [int(part.cumulative) for part in parts] == [160, 320, 480, 640, 800]
    assert parts[0].due_at >= desk.now and all(a.due_at < b.due_at for a, b in pairwise(parts))
    assert desk.states(released) == {"BUY": "WORKING"} and desk.orders(released) == []
    assert run(desk, parts[0].due_at - timedelta(microseconds=1)) == 0
    assert desk.orders(released) == []


def test_rte_3_each_slice_is_ordered_when_it_falls_due_and_all_together_make_the_parent(desk: Desk):
    released = desk.trade(WISH)
    written = []
    for part in slices(desk, released):
        written.append(run(desk, part.due_at))
        settle(desk, released)
    assert all(written)
    assert ordered(desk, released) == {"BLOCK": 600, "A6": 200}
    by_slice: dict[Any, Decimal] = {}
    for order in desk.orders(released):
        by_slice[order.slice_id] = by_slice.get(order.slice_id, Decimal(0)) + order.quantity
    assert list(by_slice.values()) == [160] * 5
    assert {part.state for part in slices(desk, released)} == {SliceState.RELEASED}


def test_rte_3_running_the_task_again_does_nothing_twice(desk: Desk):
    released = desk.trade(WISH)
    first = slices(desk, released)[0].due_at
    assert [run(desk, first) > 0, run(desk, first) > 0, run(desk, first + SECOND) > 0] == [True, False, False]
    assert sum(ordered(desk, released).values()) == 160
    names = [order.client_order_id for order in desk.orders(released)]
    assert len(names) == len(set(names))


def test_rte_3_what_a_slice_did_not_fill_comes_with_the_next(desk: Desk):
    released = desk.trade(WISH)
    parts = slices(desk, released)
    run(desk, parts[0].due_at)
    settle(desk, released, filled=False)
    run(desk, parts[1].due_at)
    with tenancy.firm(desk.firm_id):
        second = ChildOrder.objects.filter(slice_id=parts[1].id)
        assert sum(order.quantity for order in second) == 320


def test_rte_3_what_still_works_is_not_ordered_again(desk: Desk):
    released = desk.trade(WISH)
    parts = slices(desk, released)
    for part in parts[:2]:
        run(desk, part.due_at)
    assert sum(ordered(desk, released).values()) == 320, "the first slice's orders still wait; they count as on their way"


def test_rte_3_a_late_worker_keeps_the_pace(desk: Desk):
    """Nobody ran for eight minutes: what fell due meanwhile is not thrown at the market at once."""
    released = desk.trade(WISH)
    before = slices(desk, released)
    late = desk.now + 8 * MINUTE
    assert run(desk, late) > 0
    assert sum(ordered(desk, released).values()) == 160
    after = slices(desk, released)
    assert [part.state for part in after] == [SliceState.RELEASED] + [SliceState.PENDING] * 4
    gaps = [b.due_at - a.due_at for a, b in zip(before[1:], after[1:], strict=True)]
    assert set(gaps) == {late - before[0].due_at}, "the others keep their distances"
    for part in after[1:]:
        settle(desk, released)
        assert run(desk, part.due_at) > 0
    assert ordered(desk, released) == {"BLOCK": 600, "A6": 200}


def test_rte_2_without_a_usable_quote_a_slice_stays_due_and_goes_when_there_is_one(desk: Desk):
    released = desk.trade(WISH)
    with tenancy.firm(desk.firm_id):
        ParentOrder.objects.filter(pk__in=released.parents).update(is_paper=False)  # live quotes are stale after two seconds
    due = slices(desk, released)[0].due_at
    assert run(desk, due.replace(second=30)) == 0
    assert {part.state for part in slices(desk, released)} == {SliceState.PENDING}
    assert run(desk, due.replace(second=1, microsecond=0) + MINUTE) > 0
    assert sum(ordered(desk, released).values()) == 160


def test_rte_3_what_is_due_after_the_close_is_never_ordered(desk: Desk):
    released = desk.trade(WISH)
    assert run(desk, desk.now + timedelta(hours=12)) == 0
    assert {part.state for part in slices(desk, released)} == {SliceState.CANCELED} and desk.orders(released) == []
    with tenancy.firm(desk.firm_id):
        finished = finish_parents(now=desk.now + timedelta(hours=12))
        assert finished.done == released.parents
        assert not Reservation.objects.filter(released_at=None).exists()


def test_alc_3_what_fell_due_in_one_session_is_not_ordered_in_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """No worker ran for a day; the market is open again, and has a quote."""
    released = desk.trade(WISH)
    monkeypatch.setattr("execution.services.slices.fresh_limit", lambda parent, now: parent.limit_price)
    assert run(desk, desk.now + timedelta(days=1)) == 0
    assert {part.state for part in slices(desk, released)} == {SliceState.CANCELED} and desk.orders(released) == []


def test_a_canceled_parent_orders_no_more_slices_and_gives_back_what_it_reserved(desk: Desk):
    released = desk.trade(WISH)
    parts = slices(desk, released)
    run(desk, parts[0].due_at)
    with tenancy.firm(desk.firm_id):
        assert Reservation.objects.filter(released_at=None).exists()
        cancel_parent(parent_id=released.parents[0], actor=desk.trader, now=parts[0].due_at, reason="a test")
    assert run(desk, parts[1].due_at) == 0
    with tenancy.firm(desk.firm_id):
        finish_parents(now=parts[1].due_at)
        assert ParentOrder.objects.get(pk=released.parents[0]).done_at is not None
        assert not Reservation.objects.filter(released_at=None).exists()


def test_acc_4_a_sliced_parent_reserves_once_whatever_is_ordered(desk: Desk):
    released = desk.trade(WISH)

    def reserved() -> Decimal:
        with tenancy.firm(desk.firm_id):
            return sum(Reservation.objects.filter(released_at=None).values_list("quantity", flat=True), Decimal(0))

    parts = slices(desk, released)
    assert reserved() == 800
    for part in parts[:2]:
        run(desk, part.due_at)
        assert reserved() == 800


def test_rte_5_a_held_parent_over_time_starts_at_its_pace_when_it_may(desk: Desk):
    desk.hold({"A5": 20})
    both = desk.trade({**WISH, "A5": -10})
    assert desk.states(both) == {"SELL": "WORKING", "BUY": "HELD"}
    later = desk.now + 9 * MINUTE
    assert run(desk, later) == 0
    with tenancy.firm(desk.firm_id):
        sell = desk.parents(both)["SELL"]
        ParentOrder.objects.filter(pk=sell.pk).update(state=ParentState.DONE, done_at=later)
    assert release_held(firm_id=desk.firm_id, now=later) == 1
    assert run(desk, later) > 0
    with tenancy.firm(desk.firm_id):
        buys = ChildOrder.objects.filter(parent_id=desk.parents(both)["BUY"].pk)
        assert sum(order.quantity for order in buys) == 160


def test_rte_5_a_canceled_held_parent_ends_and_is_never_let_go(desk: Desk):
    desk.hold({"A5": 20})
    both = desk.trade({"A1": 10, "A5": -10})
    buy = desk.parents(both)["BUY"]
    with tenancy.firm(desk.firm_id):
        cancel_parent(parent_id=buy.pk, actor=desk.trader, now=desk.now, reason="a test")
        finish_parents(now=desk.now)
        assert ParentOrder.objects.get(pk=buy.pk).state == ParentState.CANCELED
    desk.end(ReleaseFacts(both.journey_id, None, (desk.parents(both)["SELL"].pk,)))
    assert release_held(firm_id=desk.firm_id, now=desk.now) == 0
    assert [str(order.side) for order in desk.orders(both)] == ["SELL"]


def test_a_release_interrupted_between_commits_is_finished_once(desk: Desk):
    released = desk.trade({"A1": 10, "A2": 5})
    with tenancy.firm(desk.firm_id):
        before = sorted(order.client_order_id for order in desk.orders(released))
        ChildOrder.objects.all().delete()
        Reservation.objects.all().delete()
        ParentOrder.objects.filter(pk__in=released.parents).update(state=ParentState.RELEASING, chunks_done=0)
    assert [continue_release(firm_id=desk.firm_id, now=desk.now) for _ in range(2)] == [1, 0]
    assert sorted(order.client_order_id for order in desk.orders(released)) == before
    assert desk.states(released) == {"BUY": "WORKING"}


def test_rte_3_three_workers_at_once_order_a_slice_once():
    desk = make_desk(committed=True)

    def ready():
        released = desk.trade(WISH)
        return released, slices(desk, released)[0].due_at

    ((released, due),) = together(ready)
    answers = together(*[lambda: release_due_slices(firm_id=desk.firm_id, now=due)] * 3)
    assert sorted(answers) == [0, 0, 2], answers
    assert sum(ordered(desk, released).values()) == 160


@pytest.mark.parametrize("scope", [KillScope.FIRM, KillScope.STRATEGY, KillScope.INSTRUMENT])
def test_gov_10_what_a_kill_switch_stopped_does_not_go_on_once_it_is_armed_again(desk: Desk, scope: KillScope):
    desk.hold({"A5": 20})
    both = desk.trade({**WISH, "A5": -10})
    assert desk.states(both) == {"SELL": "WORKING", "BUY": "HELD"}
    with tenancy.firm(desk.firm_id):
        parent = desk.parents(both)["BUY"]
        subjects = {KillScope.FIRM: "", KillScope.STRATEGY: str(parent.strategy_id), KillScope.INSTRUMENT: str(parent.instrument_id)}
        trip_kill_switch(scope=scope, subject_id=subjects[scope], actor=desk.trader, now=desk.now, reason="stop")
        cancel_killed(now=desk.now)
        asked = request_rearm(scope=scope, subject_id=subjects[scope], actor=desk.trader, now=desk.now, reason="it is over")
        confirm_rearm(approval_id=asked, actor=Actor(str(make_user(Role.RISK).id), Role.RISK), now=desk.now)
        finish_parents(now=desk.now)
    assert release_held(firm_id=desk.firm_id, now=desk.now + MINUTE) == 0
    assert run(desk, desk.now + 2 * MINUTE) == 0
    assert desk.states(both)["BUY"] == "CANCELED"
    assert [order.state for order in desk.orders(both)] == [OrderState.CANCELED]
    assert {part.state for part in slices(desk, both)} == {SliceState.CANCELED}
    with tenancy.firm(desk.firm_id):
        assert not Reservation.objects.filter(released_at=None).exists()


def test_rte_3_one_parent_that_cannot_go_on_holds_up_no_other(desk: Desk):
    broken, fine = desk.trade(WISH), desk.trade({"A2": 700})
    assert broken.parents < fine.parents
    with tenancy.firm(desk.firm_id):
        first = desk.parents(broken)["BUY"]
        Slice.objects.filter(parent_id=first.pk, number=0).update(quantity=10**9)
    due = max(part.due_at for released in (broken, fine) for part in slices(desk, released) if part.number == 0)
    run(desk, due)
    assert [order.parent_id for order in desk.orders(fine)] == list(fine.parents)
    with tenancy.firm(desk.firm_id):
        assert Alert.objects.filter(subject_id=str(first.pk), rule="RTE-3", ended_at=None).exists()
    assert desk.orders(broken) == []
