"""Two at once, and the wrong firm: nothing is ordered, canceled, shared or resolved twice, or for somebody else (I1, I9)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any
from uuid import UUID

import pytest

from accounts.enums import BlockMode
from accounts.models import Reservation, TradingBlock
from accounts.services import block_trading, check_books
from base import tenancy
from base.core.ids import new_id
from base.errors import NotFound
from execution.enums import ExecutionKind, OrderState, SliceState
from execution.gateways.enums import ReportedStatus
from execution.gateways.reports import ExecutionReport, OrderRef
from execution.models import ChildOrder, Execution, ParentOrder, Slice
from execution.queries import executions_of_parent, journey
from execution.services import cancel_order, cancel_parent, finish_parents, resolve_as_absent, resolve_as_found
from execution.services.evidence import of_execution
from execution.services.orders import lock_orders
from execution.services.release import release
from execution.services.reports import process
from execution.services.slices import release_due_slices
from governance.core.subjects import Actor
from governance.enums import Role
from governance.models import AuditEvent
from market.enums import Side
from tests.desk import make_desk, together
from tests.execution.services.order_world import make_world
from tests.execution.venue.world import close_journals
from tests.factories import make_firm, make_user

pytestmark = pytest.mark.usefixtures("django_db_setup")  # which opens the database for all of the process
WISH = {"A1": 300, "A3": 300, "A6": 200}


def test_a_cancel_while_a_slice_falls_due_leaves_nothing_to_send_and_nothing_reserved() -> None:
    desk = make_desk(committed=True)

    def one_round() -> list[Any]:
        released = desk.trade(WISH)
        parent_id = released.parents[0]
        with tenancy.firm(desk.firm_id):
            due = Slice.objects.filter(parent_id=parent_id).earliest("number").due_at

        def cancel() -> Any:
            with tenancy.firm(desk.firm_id):
                return cancel_parent(parent_id=parent_id, actor=desk.trader, now=due, reason="race")

        answers = together(lambda: release_due_slices(firm_id=desk.firm_id, now=due), cancel, cancel)
        with tenancy.firm(desk.firm_id):
            finish_parents(now=due)
            states = set(ChildOrder.objects.filter(parent_id=parent_id).values_list("state", flat=True))
            slices = set(Slice.objects.filter(parent_id=parent_id).values_list("state", flat=True))
            parent = ParentOrder.objects.get(pk=parent_id)
            held = Reservation.objects.filter(released_at=None).count()
        return [answers, states, slices, parent.done_at is not None, held]

    for _ in range(4):
        ((answers, states, slices, is_done, held),) = together(one_round)
        assert not [answer for answer in answers if isinstance(answer, Exception)], answers
        assert states <= {OrderState.CANCELED.value} and SliceState.PENDING not in slices
        assert is_done and held == 0


def test_two_workers_finish_a_parent_once_and_a_release_after_a_cancel_releases_nothing_more() -> None:
    desk = make_desk(committed=True)

    def prepare() -> Any:
        signal = desk.receive(quantities={"A2": 5})
        shown = desk.preview(signal)
        released = desk.release(signal, shown)
        with tenancy.firm(desk.firm_id):
            cancel_parent(parent_id=released.parents[0], actor=desk.trader, now=desk.now, reason="changed my mind")
        return signal, shown, released

    ((signal, shown, released),) = together(prepare)

    def finish() -> Any:
        with tenancy.firm(desk.firm_id):
            return finish_parents(now=desk.now).done

    done = together(finish, finish)
    assert sorted(map(len, done)) == [0, 1]

    def again() -> Any:
        return release(firm_id=desk.firm_id, signal_id=signal.id, preview_hash=shown.hash, actor=desk.trader, now=desk.now)

    (answer, other) = together(again, again)
    assert answer.repeated and other.repeated and answer.parents == released.parents

    def look() -> Any:
        return [(order.state, order.filled_qty) for order in desk.orders(released)]

    assert together(look) == [[(OrderState.CANCELED, 0)]]


def test_i3_i6_three_who_hear_the_same_fills_at_once_book_each_once() -> None:
    desk = make_desk(committed=True)

    def prepare() -> Any:
        order = desk.orders(desk.trade({"A1": 300}))[0]
        with tenancy.firm(desk.firm_id):
            for state in (OrderState.SENDING, OrderState.ACKED):
                ChildOrder.objects.filter(pk=order.pk).update(state=state)
            return order, ChildOrder.objects.select_related("instrument").get(pk=order.pk).instrument

    ((order, instrument),) = together(prepare)

    def told(exec_id: str, quantity: int) -> Any:
        day = desk.now.date()
        return of_execution(
            ExecutionReport(
                ref=OrderRef(order.client_order_id),
                account="A1",
                symbol=instrument.symbol,
                side=Side(order.side),
                broker_exec_id=exec_id,
                revision=0,
                kind=ExecutionKind.NEW,
                last_qty=D(quantity),
                last_px=D(10),
                commission=D(1),
                currency=instrument.currency,
                trade_date=day,
                settle_date=day + timedelta(days=1),
                at=desk.now,
                order_status=ReportedStatus.PARTIALLY_FILLED,
                filled_qty=D(0),
                leaves_qty=D(0),
            )
        )

    for number in range(8):
        fills = [told(f"{number}/{part}", 1 + part) for part in range(3)]

        def hear(evidence: list[Any]) -> Any:
            with tenancy.firm(desk.firm_id):
                return process(connection_id=order.connection_id, evidence=evidence, now=desk.now).executions

        heard = together(lambda: hear(fills), lambda: hear(fills[::-1]), lambda: hear(fills[1:]))  # noqa: B023 - joined within the round
        assert sum(heard) == 3, heard

    def look() -> Any:
        with tenancy.firm(desk.firm_id):
            return ChildOrder.objects.get(pk=order.pk).filled_qty, Execution.objects.filter(order_id=order.pk).count(), check_books()

    assert together(look) == [(D(48), 24, [])]


def test_no_order_is_locked_before_all_parents_are() -> None:
    desk = make_desk(committed=True)

    def prepare() -> Any:
        return [desk.orders(desk.trade({name: 5}))[0] for name in ("A1", "A3")]

    ((first, second),) = together(prepare)
    is_held, has_looked = Event(), Event()

    def hold_the_last_parent() -> None:
        with tenancy.firm(desk.firm_id):
            ParentOrder.objects.select_for_update().get(pk=max(first.parent_id, second.parent_id))
            is_held.set()
            assert has_looked.wait(20)

    def lock_both() -> int:
        assert is_held.wait(20)
        with tenancy.firm(desk.firm_id):
            return len(lock_orders(connection_id=first.connection_id, ids=[first.id, second.id]))

    def look() -> int:
        assert is_held.wait(20)
        with tenancy.firm(desk.firm_id):
            sleep(0.5)
            free = ChildOrder.objects.filter(pk__in=[first.id, second.id]).select_for_update(skip_locked=True, no_key=True)
            found = len(free)
        has_looked.set()
        return found

    assert together(hold_the_last_parent, lock_both, look) == [None, 2, 2]


@pytest.mark.django_db
def test_i9_ids_of_another_firm_are_not_found_and_nothing_is_written(tmp_path: Path) -> None:
    ours, theirs = make_firm(), make_firm()
    with tenancy.firm(ours.id):
        world = make_world(tmp_path / "venue.journal")
        world.session.start()
        order = world.single(100)
        account, now = world.accounts["A"].id, world.now
        parent, told, signal = order.parent_id, order.journey_id, order.parent.statement.signal_id
    close_journals()
    with tenancy.firm(theirs.id):
        actor = Actor(str(make_user(Role.OPERATIONS).id), Role.OPERATIONS)
        before = AuditEvent.objects.count()
        who: dict[str, Any] = {"actor": actor, "now": now, "reason": "not mine"}
        for attempt in (
            lambda: cancel_order(order_id=order.id, **who),
            lambda: cancel_parent(parent_id=parent, **who),
            lambda: resolve_as_absent(order_id=order.id, **who),
            lambda: resolve_as_found(order_id=order.id, broker_order_id="1", session_epoch=1, **who),
            lambda: block_trading(account_id=account, instrument_id=None, mode=BlockMode.CLOSED, rule="X", reason="x", now=now),
        ):
            with pytest.raises(NotFound):
                attempt()
        assert journey(told) == [] and list(executions_of_parent(parent_id=parent)) == []
        assert (AuditEvent.objects.count(), TradingBlock.objects.count()) == (before, 0)
    with pytest.raises(NotFound):
        release(firm_id=theirs.id, signal_id=signal, preview_hash="0" * 64, actor=None, now=datetime(2026, 1, 5, tzinfo=UTC))
    with pytest.raises(NotFound):
        release(firm_id=theirs.id, signal_id=UUID(str(new_id())), preview_hash="0" * 64, actor=None, now=now)
    with tenancy.firm(ours.id):
        order.refresh_from_db()
        assert order.state == OrderState.PENDING and order.cancel_requested_at is None
