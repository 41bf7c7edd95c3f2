"""Two at once, and the wrong firm: nothing is ordered, canceled, shared or resolved twice, or for somebody else (I1, I9)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from accounts.enums import BlockMode
from accounts.models import Reservation, TradingBlock
from accounts.services import block_trading
from base import tenancy
from base.core.ids import new_id
from base.errors import NotFound
from execution.enums import OrderState, SliceState
from execution.models import ChildOrder, ParentOrder, Slice
from execution.queries import executions_of_parent, journey
from execution.services import cancel_order, cancel_parent, finish_parents, resolve_as_absent, resolve_as_found
from execution.services.release import release
from execution.services.slices import release_due_slices
from governance.core.subjects import Actor
from governance.enums import Role
from governance.models import AuditEvent
from tests.desk import make_desk, together
from tests.execution.services.order_world import make_world
from tests.execution.venue.world import close_journals
from tests.factories import make_firm, make_user

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
