"""Another limit for a parent over time, and the rules that need the whole house: quotes, reservations, approvals, other workers (RTE-3, GOV-4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Reservation
from allocation.enums import SignalRoute
from base import tenancy
from execution.enums import OrderState, ParentState, TimeInForce
from execution.models import ChildOrder, ParentOrder, Slice
from execution.services import UnableToReplace, cancel_parent, finish_parents, replace_parent
from execution.services.desk import replace_offer
from execution.services.release import ReleaseFacts
from execution.services.slices import release_due_slices
from governance.core.subjects import Viewer
from governance.enums import ApprovalAction, ApprovalState, SubjectKind
from governance.models import Approval
from tests.desk import MINUTE, Desk, make_desk, together
from tests.execution.services.test_slices import WISH, ordered, run, settle, slices
from tests.execution.services.test_stated_orders import house_limit, limit
from tests.factories import make_user

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Desk:
    return make_desk()


def move(desk: Desk, released: ReleaseFacts, price: Decimal | None, *, at: Any = None) -> Any:
    with tenancy.firm(desk.firm_id):
        return replace_parent(parent_id=released.parents[0], limit=price, actor=desk.trader, now=at or desk.now, reason="a test")


def parent_of(desk: Desk, released: ReleaseFacts) -> ParentOrder:
    (parent,) = desk.parents(released).values()
    return parent


def test_rte_3_slices_to_come_go_at_the_new_limit(desk: Desk) -> None:
    released = desk.trade(WISH, **limit("46.50"))
    first = slices(desk, released)[0]
    assert run(desk, first.due_at) == 2
    settle(desk, released)
    done = move(desk, released, D("46.40"), at=first.due_at)
    assert (done.exchanged, done.requested) == (0, 0)
    for part in slices(desk, released)[1:]:
        run(desk, part.due_at)
    orders = desk.orders(released)
    assert {order.limit_price for order in orders if order.state == OrderState.PENDING} == {D("46.40")}
    assert sum(ordered(desk, released).values()) == 800


def test_rte_3_what_waits_of_a_slice_is_exchanged_and_its_rest_is_nobody_elses(desk: Desk) -> None:
    released = desk.trade(WISH, **limit("46.50"))
    parts = slices(desk, released)
    assert run(desk, parts[0].due_at) == 2
    assert move(desk, released, D("46.40"), at=parts[0].due_at).exchanged == 2
    old, new = ([o for o in desk.orders(released) if o.limit_price == D(price)] for price in ("46.50", "46.40"))
    assert {order.state for order in old} == {OrderState.CANCELED} and {order.state for order in new} == {OrderState.PENDING}
    assert {order.slice_id for order in new} == {order.slice_id for order in old} == {parts[0].pk}
    for part in parts[1:]:
        run(desk, part.due_at)
    live = [order for order in desk.orders(released) if order.state == OrderState.PENDING]
    assert sum(order.quantity for order in live) == 800, "nothing is ordered twice"
    with tenancy.firm(desk.firm_id):
        held = Reservation.objects.filter(released_at=None)
        assert {row.order_id for row in held} == {released.parents[0]} and sum(row.quantity for row in held) == 800


def test_rte_3_a_slice_that_falls_due_while_a_rest_waits_orders_none_of_it(desk: Desk) -> None:
    """The broker has ended the old orders; nobody has sent again what they left; the next slice falls due."""
    released = desk.trade(WISH, **limit("46.50"))
    parts = slices(desk, released)
    run(desk, parts[0].due_at)
    with tenancy.firm(desk.firm_id):
        for order in ChildOrder.objects.filter(parent_id__in=released.parents):
            for state in (OrderState.SENDING, OrderState.ACKED):
                ChildOrder.objects.filter(pk=order.pk).update(state=state)
    assert move(desk, released, D("46.40"), at=parts[0].due_at).requested == 2
    with tenancy.firm(desk.firm_id):
        ChildOrder.objects.filter(parent_id__in=released.parents).update(state=OrderState.CANCELED)
    run(desk, parts[1].due_at)
    fresh = [order for order in desk.orders(released) if order.state == OrderState.PENDING]
    assert sum(order.quantity for order in fresh) == 160, "the second slice, and nothing of the first"
    with tenancy.firm(desk.firm_id):
        finish_parents(now=parts[1].due_at)
        assert ParentOrder.objects.get(pk=released.parents[0]).done_at is None


def test_acc_4_a_buy_over_time_is_not_raised_above_what_it_reserved(desk: Desk) -> None:
    released = desk.trade(WISH, **limit("46.50"))
    with tenancy.firm(desk.firm_id):
        offer = replace_offer(parent_id=released.parents[0], viewer=Viewer(int(desk.trader.user_id), True, desk.now.date()), now=desk.now)
    assert (offer.edge, offer.edge_rule) == (D("46.50"), "ACC-4"), "what the question offers is not refused"
    for price in (D("46.60"), None):
        with pytest.raises(UnableToReplace, match="reserved for its slices") as refused:
            move(desk, released, price)
        assert refused.value.code == "ACC-4" and "46.50" in refused.value.message
    assert move(desk, released, D("46.30")).is_new
    assert move(desk, released, D("46.50")).is_new, "back to where it was released"


def test_the_house_price_over_time_may_become_a_limit_that_rests(desk: Desk) -> None:
    released = desk.trade({"A1": 100}, route=SignalRoute.OVER_TIME)
    before = parent_of(desk, released)
    assert (before.is_limit_stated, before.time_in_force) == (False, TimeInForce.IOC)
    assert move(desk, released, D("46.50")).is_limit_stated
    after = parent_of(desk, released)
    assert (after.limit_price, after.time_in_force, after.released_limit_price) == (D("46.50"), TimeInForce.DAY, before.limit_price)
    assert after.expires_at is not None
    due = slices(desk, released)[0].due_at
    run(desk, due)
    (order,) = desk.orders(released)
    assert (order.limit_price, order.time_in_force) == (D("46.50"), TimeInForce.DAY)


def test_rte_2_a_raise_goes_to_the_collar_and_no_further(desk: Desk) -> None:
    edge = house_limit(desk)
    released = desk.trade({"A1": 10, "A2": 5}, **limit("46.50"))
    with pytest.raises(UnableToReplace, match="past the collar") as refused:
        move(desk, released, edge + D("0.01"))
    assert refused.value.code == "RTE-2" and f"at most {edge:.2f}" in refused.value.message
    assert move(desk, released, edge).exchanged == 2
    with tenancy.firm(desk.firm_id):
        live = Reservation.objects.filter(released_at=None, account__code__in=("A1", "A2"))
        assert {row.limit_price for row in live} == {edge} and sum(row.quantity for row in live) == 15


def test_gov_4_what_a_second_person_approved_goes_at_no_worse_a_limit(desk: Desk) -> None:
    released = desk.trade({"A1": 10}, **limit("46.50"))
    with tenancy.firm(desk.firm_id):
        signal = ParentOrder.objects.values_list("statement__signal_id", flat=True).get(pk=released.parents[0])
        Approval.objects.create(
            action=ApprovalAction.RELEASE_OVER_LIMIT,
            subject_kind=SubjectKind.SIGNAL,
            subject_id=str(signal),
            content_hash="0" * 64,
            reason="a test",
            state=ApprovalState.APPROVED,
            requested_by_id=int(desk.trader.user_id),
            requested_at=desk.now,
            expires_at=desk.now + MINUTE,
            decided_by=make_user(),
            decided_at=desk.now,
            used_at=desk.now,
        )
    with pytest.raises(UnableToReplace, match="second person") as refused:
        move(desk, released, D("46.51"))
    assert refused.value.code == "GOV-4"
    assert move(desk, released, D("46.40")).is_new


def test_a_replace_a_cancel_and_a_slice_at_once_leave_one_outcome() -> None:
    """Whoever comes first: nothing is ordered twice, nothing waits for ever, nothing stays reserved."""
    desk = make_desk(committed=True)

    def one_round() -> list[Any]:
        released = desk.trade(WISH, **limit("46.50"))
        parent_id = released.parents[0]
        with tenancy.firm(desk.firm_id):
            due = Slice.objects.filter(parent_id=parent_id).earliest("number").due_at

        def change(price: str) -> Any:
            with tenancy.firm(desk.firm_id):
                return replace_parent(parent_id=parent_id, limit=D(price), actor=desk.trader, now=due, reason="race")

        def cancel() -> Any:
            with tenancy.firm(desk.firm_id):
                return cancel_parent(parent_id=parent_id, actor=desk.trader, now=due, reason="race")

        answers = together(
            lambda: release_due_slices(firm_id=desk.firm_id, now=due), lambda: change("46.40"), lambda: change("46.30"), cancel
        )
        with tenancy.firm(desk.firm_id):
            finish_parents(now=due)
            orders = list(ChildOrder.objects.filter(parent_id=parent_id))
            parent = ParentOrder.objects.get(pk=parent_id)
            held = Reservation.objects.filter(released_at=None).count()
        return [answers, orders, parent, held]

    for _ in range(4):
        ((answers, orders, parent, held),) = together(one_round)
        trouble = [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, UnableToReplace)]
        assert not trouble, answers
        assert {order.state for order in orders} <= {OrderState.CANCELED} and not any(order.to_resend for order in orders)
        assert parent.state == ParentState.CANCELED and held == 0


def test_two_replaces_at_once_write_one_successor_each() -> None:
    desk = make_desk(committed=True)

    def one_round() -> list[Any]:
        released = desk.trade({"A1": 10, "A2": 5, "A4": 5}, **limit("46.50"))

        def change(price: str) -> Any:
            with tenancy.firm(desk.firm_id):
                return replace_parent(parent_id=released.parents[0], limit=D(price), actor=desk.trader, now=desk.now, reason="race")

        answers = together(*[lambda: change("46.40")] * 3, *[lambda: change("46.30")] * 2)
        return [answers, desk.orders(released), parent_of(desk, released)]

    for _ in range(3):
        ((answers, orders, parent),) = together(one_round)
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        live = [order for order in orders if order.state == OrderState.PENDING]
        assert sum(order.quantity for order in live) == 20 and {order.limit_price for order in live} == {parent.limit_price}
        assert len(orders) == 3 * (1 + sum(answer.is_new for answer in answers)), "each change that was one has one successor an order"
