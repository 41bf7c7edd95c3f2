"""Another limit for a parent that works: cancel, hear the end, send again what is left, once (RTE-2, RTE-7, I1, I5)."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection as database

from accounts.models import CashBalance, Reservation
from base.errors import Forbidden, NotFound, Refused
from execution.enums import OrderState, ParentState, RouteKind, TimeInForce
from execution.gateways import crash
from execution.gateways.reports import OrderRef, ReportList
from execution.models import ChildOrder, ParentOrder
from execution.services import (
    Replaced,
    UnableToReplace,
    cancel_killed,
    cancel_order,
    cancel_parent,
    finish_parents,
    replace_parent,
)
from execution.services.desk import cancel_order_seen
from execution.services.orders import lock_orders
from execution.services.resending import send_again
from execution.venue.faults import FaultPlan
from governance.core.subjects import Actor, Viewer
from governance.enums import AuditAction, KillScope, Role
from governance.models import Alert, AuditEvent
from governance.services import trip_kill_switch
from market.enums import Side
from market.models import Quote
from tests.api.scene import grant
from tests.execution.services.order_world import OrderWorld, instrument
from tests.factories import as_loader, make_user

D = Decimal
S = OrderState
pytestmark = pytest.mark.django_db
# FLAT quotes 49.99 to 50.01, so the collar ends at 50.06; 1,000 of our shares fill a minute at 50.01 and above.
PASSIVE, TAKING, EDGE = D("49.90"), D("50.05"), D("50.06")


def trader(world: OrderWorld, codes: str = "ABCDE") -> Actor:
    user = make_user(Role.TRADER)
    for code in codes:
        grant(user, world.accounts[code], "view", "trade")
    return Actor(str(user.id), Role.TRADER)


def quote(world: OrderWorld) -> None:
    """Store the quote of this instant, as the market's feed does."""
    row = {"instrument": instrument("FLAT"), "source": "SIMULATED", "as_of": world.now, "bid": D("49.99"), "ask": D("50.01"), "last": D(50)}
    as_loader(lambda: Quote.objects.using("loader").bulk_create([Quote(**row)], ignore_conflicts=True))


def resting(world: OrderWorld, quantity: int = 100, limit: Decimal = PASSIVE, side: Side = Side.BUY, lines: Any = None) -> ChildOrder:
    """Write a parent at a stated limit for the day, with one account's order, or the block of several."""
    terms: dict[str, Any] = {"limit_price": limit, "is_limit_stated": True}
    parent = world.parent(lines or {"A": quantity}, "FLAT", side, **terms)
    return world.order(parent, None if lines else "A", parent.quantity, order_type="LIMIT", limit_price=limit)


def move(world: OrderWorld, order: ChildOrder, limit: Decimal | None, by: Actor | None = None, **more: Any) -> Replaced:
    quote(world)
    who = by or trader(world)
    return replace_parent(parent_id=order.parent_id, limit=limit, actor=who, now=world.now, reason="chase it", **more)


def chain(world: OrderWorld, order: ChildOrder) -> list[ChildOrder]:
    """Return the orders of the parent, oldest first."""
    return list(ChildOrder.objects.filter(parent_id=order.parent_id).order_by("created_at", "id"))


def assert_sound(world: OrderWorld) -> None:
    world.assert_venue_has_each_order_once()
    world.assert_shares_equal_executions()
    for parent in ParentOrder.objects.all():
        assert parent.filled_qty <= parent.quantity
    if not ParentOrder.objects.filter(done_at=None).exists():
        world.assert_books_equal_custody()
        world.assert_clearing_is_zero()
        world.assert_nothing_reserved()


def test_a_resting_order_is_canceled_and_followed_by_one_at_the_new_limit(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    assert world.state(order) is S.ACKED
    done = move(world, order, TAKING)
    assert (done.exchanged, done.requested, done.is_new) == (0, 1, True)
    assert len(chain(world, order)) == 1, "nothing is written before the broker has ended the old one"
    world.step(3)
    old, new = chain(world, order)
    assert (old.state, old.to_resend, old.reason) == (S.CANCELED, False, "replaced by a new limit")
    assert (new.limit_price, new.quantity, new.time_in_force, new.chain_id) == (TAKING, D(100), TimeInForce.DAY, old.pk)
    world.live(minutes=2)
    assert [one.state for one in chain(world, order)] == [S.CANCELED, S.FILLED]
    parent = ParentOrder.objects.get()
    assert (parent.state, parent.filled_qty, parent.released_limit_price) == (ParentState.DONE, D(100), PASSIVE)
    assert world.position("A") == 100
    assert_sound(world)


def test_i5_what_was_filled_is_not_ordered_again(world: OrderWorld) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=2)
    order.refresh_from_db()
    filled = order.filled_qty
    assert 0 < filled < 2_500
    move(world, order, PASSIVE)
    world.step(3)
    old, new = chain(world, order)
    assert (new.quantity, new.limit_price) == (2_500 - old.filled_qty, PASSIVE)
    world.live(minutes=3)
    assert world.position("A") == old.filled_qty and world.state(new) is S.ACKED
    move(world, order, TAKING)
    world.live(minutes=5)
    assert ParentOrder.objects.get().state == ParentState.DONE and world.position("A") == 2_500
    assert_sound(world)


def test_i5_a_fill_that_races_the_cancel_wins(world: OrderWorld) -> None:
    """The venue fills while our cancel is on its way: what it filled is counted before anything follows."""
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, PASSIVE)
    world.advance(minutes=1)  # a bar trades before the session sends the cancel
    world.live(minutes=1)
    old, new = chain(world, order)
    assert old.filled_qty > 0 and old.filled_qty + new.quantity == 2_500
    assert_sound(world)


def test_i5_an_order_that_fills_whole_before_its_cancel_is_followed_by_nothing(world: OrderWorld) -> None:
    order = resting(world, 500, TAKING)
    world.step(2)
    move(world, order, PASSIVE)
    world.advance(minutes=2)
    world.live(minutes=1)
    assert [one.state for one in chain(world, order)] == [S.FILLED]
    assert ParentOrder.objects.get().state == ParentState.DONE and world.position("A") == 500
    assert_sound(world)


def test_i5_a_fill_we_have_not_heard_of_is_fetched_before_anything_follows(world: OrderWorld) -> None:
    """The stream loses the fill's report: the answer to our question shows it, and the list of executions has it."""
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    world.steer(op="inject", fault="lose_report", count=50)
    world.advance(minutes=1)
    move(world, order, PASSIVE)
    world.live(minutes=3)
    first, *others = chain(world, order)
    assert first.filled_qty > 0 and len(others) == 1 and first.filled_qty + others[0].quantity == 2_500
    assert_sound(world)


def overtaken(world: OrderWorld) -> ChildOrder:
    """Return an order whose cancel has overtaken a fill: the venue filled 1,000 and ended it, our books know of the end alone."""
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, PASSIVE)
    world.advance(minutes=1)
    world.gateway.cancel(OrderRef(order.client_order_id), "CANCEL-1")
    for state in (S.PENDING_CANCEL, S.CANCELED):
        ChildOrder.objects.filter(pk=order.pk).update(state=state)
    return order


def test_i5_a_cancel_that_overtook_a_fill_is_followed_by_what_the_fill_left(world: OrderWorld) -> None:
    order = overtaken(world)
    assert send_again(world.session.line, now=world.now) == 1
    old, new = chain(world, order)
    assert (old.filled_qty, new.quantity) == (D(1_000), D(1_500))
    world.live(minutes=1)
    assert_sound(world)


def test_i5_while_a_fill_cannot_be_fetched_nothing_follows(world: OrderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's list of executions lags behind its word on the order."""
    order = overtaken(world)
    none_yet: ReportList[Any] = ReportList(items=(), as_of=world.now, complete=True)
    monkeypatch.setattr(world.gateway, "executions_since", lambda cursor, **more: none_yet)
    assert send_again(world.session.line, now=world.now) == 0 and len(chain(world, order)) == 1
    monkeypatch.undo()
    assert send_again(world.session.line, now=world.now) == 1
    assert chain(world, order)[1].quantity == 1_500


def test_acc_4_what_is_to_be_sent_again_is_held_for_all_along(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, TAKING)
    for _ in range(6):
        held = Reservation.objects.filter(released_at=None)
        assert sum(row.quantity for row in held) == 100, [str(one.state) for one in chain(world, order)]
        world.step()
    assert len(chain(world, order)) == 2


def test_i5_a_fill_that_comes_after_the_successor_is_left_out_of_the_next(world: OrderWorld) -> None:
    """1,000 of the first order turn up when 2,500 were sent again already: the next one is for what the chain has left."""
    order = resting(world, 2_500)
    world.live(minutes=1)
    move(world, order, D("49.95"))
    world.step(4)
    ChildOrder.objects.filter(pk=order.pk).update(filled_qty=1_000)
    ParentOrder.objects.update(filled_qty=1_000)
    move(world, order, D("49.93"))
    world.step(4)
    assert [one.quantity for one in chain(world, order)] == [2_500, 2_500, 1_500]


def test_twice_is_once(world: OrderWorld) -> None:
    order, who = resting(world), trader(world)
    world.live(minutes=1)
    answers = [move(world, order, TAKING, who) for _ in range(2)]
    assert [one.is_new for one in answers] == [True, False]
    world.step(3)
    assert not move(world, order, TAKING, who).is_new
    world.live(minutes=2)
    assert len(chain(world, order)) == 2
    (event,) = AuditEvent.objects.filter(action=AuditAction.ORDER_UPDATED)
    assert (event.before["limit_price"], event.after["limit_price"]) == ("49.90", "50.05")
    assert (event.reason, str(event.actor_id), event.journey_id) == ("chase it", who.user_id, order.journey_id)
    assert_sound(world)


def test_two_people_do_not_overwrite_each_other(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, TAKING, shown=(PASSIVE,))
    with pytest.raises(UnableToReplace, match="another by now") as refused:
        move(world, order, D("49.95"), shown=(PASSIVE,))
    assert refused.value.status == 409


def test_what_was_not_sent_is_exchanged_at_once(world: OrderWorld) -> None:
    order = resting(world)
    done = move(world, order, TAKING)
    assert (done.exchanged, done.requested) == (1, 0)
    old, new = chain(world, order)
    assert (old.state, new.state, new.limit_price) == (S.CANCELED, S.PENDING, TAKING)
    held = Reservation.objects.get(released_at=None)
    assert (held.order_id, held.quantity, held.limit_price) == (new.pk, D(100), TAKING)
    world.live(minutes=2)
    assert world.state(old) is S.CANCELED and world.state(new) is S.FILLED
    assert_sound(world)


def test_a_second_change_before_the_first_has_ended_sends_the_newest_limit_once(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, D("49.95"))
    assert move(world, order, TAKING).requested == 0
    world.step(3)
    assert [one.limit_price for one in chain(world, order)] == [PASSIVE, TAKING]


def test_a_limit_may_become_the_best_price_which_does_not_rest(world: OrderWorld) -> None:
    order = resting(world, 1_500)
    world.live(minutes=1)
    assert not (done := move(world, order, None)).is_limit_stated and done.limit_price == EDGE
    world.live(minutes=3)
    new = chain(world, order)[1]
    assert (new.limit_price, new.time_in_force, new.state, new.filled_qty) == (EDGE, TimeInForce.IOC, S.CANCELED, D(1_000))
    assert ParentOrder.objects.get().state == ParentState.DONE
    assert_sound(world)


def test_a_sale_is_replaced_likewise(open_world: Callable[..., OrderWorld]) -> None:
    world = open_world(holdings={"A": 300})
    order = resting(world, 300, D("50.20"), Side.SELL)
    world.live(minutes=1)
    move(world, order, D("49.97"))
    world.live(minutes=2)
    assert ParentOrder.objects.get().state == ParentState.DONE and world.position("A") == 0
    assert_sound(world)


def test_alc_3_a_block_is_shared_out_once_over_all_its_orders(world: OrderWorld) -> None:
    order = resting(world, limit=TAKING, lines={"A": 1_000, "B": 700, "C": 300})
    world.live(minutes=2)
    order.refresh_from_db()
    assert 0 < order.filled_qty < 2_000
    move(world, order, PASSIVE)
    world.step(3)
    new = chain(world, order)[1]
    held = {pk: sum(row.quantity for row in Reservation.objects.filter(released_at=None, order_id=pk)) for pk in (order.pk, new.pk)}
    assert held == {order.pk: order.filled_qty, new.pk: new.quantity}, "each holds for its own part, and no share twice"
    move(world, order, TAKING)
    world.live(minutes=4)
    assert ParentOrder.objects.get().state == ParentState.DONE
    assert {code: world.position(code) for code in "ABC"} == {"A": 1_000, "B": 700, "C": 300}
    assert_sound(world)


def test_a_cancel_after_a_replace_is_final(world: OrderWorld) -> None:
    order, who = resting(world), trader(world)
    world.live(minutes=1)
    move(world, order, TAKING, who)
    assert cancel_parent(parent_id=order.parent_id, actor=who, now=world.now, reason="enough").requested == 1
    world.live(minutes=1)
    assert [one.state for one in chain(world, order)] == [S.CANCELED]
    assert ParentOrder.objects.get().state == ParentState.CANCELED
    with pytest.raises(UnableToReplace, match="ended"):
        move(world, order, D("49.95"), who)
    assert_sound(world)


def test_one_order_of_a_parent_that_is_replaced_can_be_canceled_for_good(world: OrderWorld) -> None:
    parent = world.parent({"A": 100, "B": 100}, limit_price=PASSIVE, is_limit_stated=True)
    one, two = (world.order(parent, code, 100, order_type="LIMIT", limit_price=PASSIVE) for code in "AB")
    world.live(minutes=1)
    who = trader(world)
    move(world, one, TAKING, who)
    viewer = Viewer(int(who.user_id), False, world.now.date())
    assert cancel_order_seen(order_id=one.pk, viewer=viewer, actor=who, now=world.now, reason="not A").is_new
    world.live(minutes=2)
    assert (world.position("A"), world.position("B")) == (0, 100)
    assert len(chain(world, two)) == 3  # A's order, B's, and the one that follows B's
    assert_sound(world)


def test_a_cancel_between_the_end_and_the_successor_releases_what_was_held(world: OrderWorld) -> None:
    order = resting(world)
    world.live(minutes=1)
    move(world, order, TAKING)
    for state in (S.PENDING_CANCEL, S.CANCELED):
        ChildOrder.objects.filter(pk=order.pk).update(state=state)
    assert Reservation.objects.filter(released_at=None).exists()
    assert cancel_order(order_id=order.pk, actor=None, now=world.now, reason="enough").canceled == 1
    world.assert_nothing_reserved()
    finish_parents(now=world.now)
    assert ParentOrder.objects.get().done_at is not None and len(chain(world, order)) == 1


def test_gov_10_what_a_kill_switch_stops_is_not_sent_again(world: OrderWorld) -> None:
    order, who = resting(world), trader(world)
    world.live(minutes=1)
    move(world, order, TAKING, who)
    trip_kill_switch(scope=KillScope.FIRM, subject_id="", actor=who, now=world.now, reason="stop")
    with pytest.raises(UnableToReplace, match="kill switch"):
        move(world, order, D("49.95"), who)
    world.step(3)
    cancel_killed(now=world.now)
    world.live(minutes=1)
    assert [one.state for one in chain(world, order)] == [S.CANCELED]
    assert ParentOrder.objects.get().done_at is not None
    assert_sound(world)


def test_rte_7_what_is_unknown_is_not_followed_until_the_broker_has_spoken(world: OrderWorld) -> None:
    order = resting(world)
    world.service.faults.plan = FaultPlan(hold_us=20_000_000)
    world.steer(op="inject", fault="hold_request", count=1)
    world.step()
    assert world.state(order) is S.UNKNOWN
    move(world, order, TAKING)
    assert len(chain(world, order)) == 1
    world.live(minutes=2)
    assert [one.state for one in chain(world, order)] == [S.CANCELED, S.FILLED]
    assert_sound(world)


def test_rte_7_what_was_declared_absent_is_given_up_and_alarmed_and_a_late_one_is_canceled(world: OrderWorld) -> None:
    """Two minutes late at the venue: the broker does not know it twice, so it counts as gone; then it lives after all."""
    order = resting(world, 2_500, TAKING)
    world.steer(op="inject", fault="hold_request", count=1)
    world.step()
    move(world, order, D("50.04"))
    world.live(minutes=1, every=10)
    order.refresh_from_db()
    assert (order.state, order.declared_absent, order.to_resend) == (S.CANCELED, True, False)
    assert Alert.objects.filter(subject_id=str(order.pk), message__contains="not sent again").exists()
    world.live(minutes=4)
    order.refresh_from_db()
    assert order.state is not S.ACKED and len(chain(world, order)) == 1 and ParentOrder.objects.get().done_at is not None
    assert_sound(world)


class Died(BaseException):
    """What `os._exit` is to a test of one process."""


@pytest.mark.parametrize("point", ["after_claim", "after_resend", "after_ack", "between_execution_and_booking"])
def test_a_session_that_dies_on_the_way_leaves_one_successor(world: OrderWorld, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, D("50.04"))

    def stop(status: int) -> None:
        raise Died(status)

    monkeypatch.setattr(crash.os, "_exit", stop)
    monkeypatch.setattr(crash, "_name", point)
    monkeypatch.setattr(crash, "_passages_left", 1)
    with pytest.raises(Died):
        world.live(minutes=3)
    world.restart()
    world.live(minutes=6)
    assert len(chain(world, order)) == 2 and ParentOrder.objects.get().done_at is not None
    # What was claimed and never written is never sent by anybody else (RTE-7): it ends without a fill, as any order does there.
    assert world.position("A") == (0 if point == "after_claim" else 2_500)
    assert_sound(world)


@pytest.mark.parametrize("steps", range(6))
def test_a_new_session_goes_on_where_the_old_one_was(world: OrderWorld, steps: int) -> None:
    order = resting(world, 2_500, TAKING)
    world.live(minutes=1)
    move(world, order, D("50.04"))
    for _ in range(steps):
        world.advance(seconds=7)
        world.step()
    world.restart()
    world.live(minutes=6)
    assert len(chain(world, order)) == 2 and world.position("A") == 2_500
    assert_sound(world)


FAULTS = FaultPlan(
    lose_ack=500, disconnect_after=200, drop_report=1_000, lose_report=300, duplicate_report=800, reorder_report=500, delay_report=500
)


@pytest.mark.parametrize("seed", range(6))
def test_r1_replaces_amid_faults_never_overfill_and_both_sides_agree(open_world: Callable[..., OrderWorld], seed: int) -> None:
    draw, world = random.Random(seed), open_world(faults=FAULTS, seed=seed)
    orders = [resting(world, 3_000, TAKING), resting(world, 100), resting(world, limit=TAKING, lines={"B": 900, "C": 600})]
    who = trader(world)
    for _ in range(12):
        world.live(minutes=1, every=draw.choice([15, 20, 30]))
        order = draw.choice(orders)
        if ParentOrder.objects.filter(pk=order.parent_id, done_at=None).exists():
            move(world, order, D(draw.choice(["49.90", "49.95", "50.02", "50.05"])), who)
        if draw.random() < 0.2:
            world.restart()
        for parent in ParentOrder.objects.all():
            live = ChildOrder.objects.filter(parent=parent).exclude(state__in=["FILLED", "CANCELED", "EXPIRED", "REJECTED", "DENIED"])
            assert parent.filled_qty + sum((o.quantity - o.filled_qty for o in live), D(0)) <= parent.quantity
    world.service.faults.plan = FaultPlan()
    for order in orders:
        if ParentOrder.objects.filter(pk=order.parent_id, done_at=None).exists():
            move(world, order, D("50.03"), who)
    world.live(minutes=12)
    assert_sound(world)


# -- what is refused ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "code", "status"),
    [("50.07", "RTE-2", 409), ("49.905", "tick", 422), ("0", "positive", 422), ("-1", "positive", 422)],
)
def test_what_the_ticket_refuses_is_refused_and_nothing_is_written(world: OrderWorld, limit: str, code: str, status: int) -> None:
    order = resting(world)
    world.live(minutes=1)
    with pytest.raises(Refused) as refused:
        move(world, order, D(limit))
    assert (refused.value.code, refused.value.status, refused.value.context["field"]) == (code, status, "limit_price")
    assert ParentOrder.objects.get().limit_price == PASSIVE
    assert not ChildOrder.objects.filter(cancel_requested_at__isnull=False).exists()
    assert not AuditEvent.objects.filter(action=AuditAction.ORDER_UPDATED).exists()


def test_con_5_without_a_usable_quote_no_limit_is_changed(world: OrderWorld) -> None:
    order = resting(world)
    with pytest.raises(UnableToReplace, match="no usable quote"):
        late = world.now.replace(hour=23)
        replace_parent(parent_id=order.parent_id, limit=TAKING, actor=trader(world), now=late, reason="late")


def test_an_immediate_order_is_not_replaced(world: OrderWorld) -> None:
    order = resting(world)
    ParentOrder.objects.update(time_in_force=TimeInForce.IOC)
    with pytest.raises(UnableToReplace, match="nothing rests"):
        move(world, order, TAKING)


def test_alc_3_nothing_is_replaced_once_the_session_has_ended(world: OrderWorld) -> None:
    order = resting(world)
    ParentOrder.objects.update(expires_at=world.now)
    with pytest.raises(UnableToReplace, match="session has ended"):
        move(world, order, TAKING)


def test_who_may_not_trade_every_account_behind_it_may_not_replace(world: OrderWorld) -> None:
    order = resting(world, lines={"A": 10, "B": 10})
    with pytest.raises(Forbidden):
        move(world, order, TAKING, trader(world, "A"))
    assert move(world, order, TAKING, trader(world, "AB")).is_new


def test_another_firms_parent_is_not_there(world: OrderWorld) -> None:
    """Row-level security hides it: what one may not see and what does not exist are the same answer."""
    order, who = resting(world), trader(world)
    with database.cursor() as cursor:
        cursor.execute("SELECT set_config('app.firm', %s, true)", [str(world.firm_id + 1)])
    with pytest.raises(NotFound):
        replace_parent(parent_id=order.parent_id, limit=TAKING, actor=who, now=world.now, reason="mine?")


def test_acc_4_a_higher_limit_needs_the_cash_for_it(world: OrderWorld) -> None:
    order = resting(world, 100)
    world.live(minutes=1)
    Reservation.objects.update(original_cash=D("4992.50"), cash=D("4992.50"))
    CashBalance.objects.filter(account=world.accounts["A"]).update(amount=D("5000"))
    with pytest.raises(UnableToReplace, match="A has no cash") as refused:
        move(world, order, TAKING)
    assert refused.value.code == "ACC-4"
    assert move(world, order, D("49.85")).is_new, "a lower limit takes less"


def test_rte_5_a_limit_that_could_meet_an_opposite_order_is_refused(open_world: Callable[..., OrderWorld]) -> None:
    world = open_world(holdings={"A": 300})
    sale = resting(world, 100, D("50.03"), Side.SELL)
    buy = resting(world, 100, PASSIVE)
    with pytest.raises(UnableToReplace) as refused:
        move(world, buy, D("50.03"))
    assert refused.value.code == "RTE-5"
    assert move(world, buy, D("50.02")).is_new
    assert world.state(sale) is S.PENDING


def test_rte_5_what_still_works_at_the_old_limit_counts_until_it_has_ended(open_world: Callable[..., OrderWorld]) -> None:
    world = open_world(holdings={"A": 300})
    buy = resting(world, 100, D("50.00"))
    world.step(3)
    assert world.state(buy) is S.ACKED
    move(world, buy, PASSIVE)
    sale = resting(world, 100, D("50.10"), Side.SELL)
    with pytest.raises(UnableToReplace) as refused:
        move(world, sale, D("49.98"))
    assert refused.value.code == "RTE-5", "the old order at 50.00 is still at the venue"
    world.step(4)
    assert move(world, sale, D("49.98")).is_new


def test_locked_rows_are_those_the_reports_lock(world: OrderWorld) -> None:
    """The rest an order leaves is read under the lock that a report takes before it changes the figure."""
    order = resting(world)
    (locked,) = lock_orders(connection_id=world.connection.id, ids=[order.pk])
    assert not locked.to_resend
    ChildOrder.objects.filter(pk=order.pk).update(to_resend=True)
    assert lock_orders(connection_id=world.connection.id, ids=[order.pk])[0].to_resend


def test_a_parent_over_time_is_no_route_of_the_order_world(world: OrderWorld) -> None:
    order = resting(world)
    ParentOrder.objects.update(route=RouteKind.TWAP, time_in_force=TimeInForce.IOC)
    with pytest.raises(UnableToReplace) as refused:
        move(world, order, TAKING)
    assert refused.value.code == "ACC-4", "its slices reserved at 49.90"
