"""After a replace: wait until the broker has ended the old orders, then send what they left, once, at the new limit (RTE-7).

Entry point: `send_again`, a step of the gateway session that holds the lease.

Invariants:
1. Nothing follows an order but on the broker's word: asked once more after its end, it says CANCELED and has filled exactly what is booked.
2. Asking comes first, fetching executions second, deciding third, under the rows' locks: a fill that raced the cancel is counted.
3. Where that word cannot be had, or the order ended in another way, the rest is given up and alarmed; a person may order it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from governance.enums import AlertTier
from governance.queries import kill_switch_sql

from ..core.lifecycle import TERMINAL
from ..core.replacing import Resend, Told, after_end
from ..enums import OrderState, ParentState
from ..gateways.base import GatewayError
from ..gateways.crash import crash_point
from ..gateways.enums import ReportedStatus
from ..gateways.reports import OrderRef, OrderReport, ReportList
from ..models import ChildOrder, ParentOrder
from .alarms import alert_order
from .evidence import of_order_report
from .line import Line
from .listening import fetch_executions
from .release import wake_gateways
from .reports import process
from .successors import let_go, price_of, write_successors
from .telling import tell_orders
from .unknowns import hold_class_c

MOST_AT_ONCE = 100
_ENDED = [state.value for state in TERMINAL]


@dataclass(frozen=True, slots=True)
class _Ended:
    id: UUID
    client_order_id: str
    broker_order_id: str
    session_epoch: int


def send_again(line: Line, *, now: datetime) -> int:
    """Write the orders that follow what has ended. Returns how many orders were followed or given up. Raises GatewayError, LeaseLost."""
    with line.transaction():
        ended = _waiting(line.connection_id)
    if not ended:
        return 0
    answers = {one.id: _ask(line, one) for one in ended}
    fetch_executions(line, now=now)
    with line.transaction():
        told = [report for answer in answers.values() if answer is not None for report in answer]
        process(connection_id=line.connection_id, evidence=[of_order_report(report) for report in told], now=now)
        return _follow(answers, now)


def _waiting(connection_id: UUID) -> list[_Ended]:
    """Return what has ended and is to be sent again, oldest first; what a tripped switch stops waits for its cancel."""
    sql = f"""SELECT o.id, o.client_order_id, o.broker_order_id, o.session_epoch FROM execution_childorder o
              WHERE o.connection_id = %s AND o.to_resend AND o.state = ANY(%s) AND NOT ({kill_switch_sql(members=True)})
              ORDER BY o.id LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [connection_id, _ENDED, MOST_AT_ONCE])
        return [_Ended(*row) for row in cursor.fetchall()]


def _ask(line: Line, one: _Ended) -> ReportList[OrderReport] | None:
    """Return the broker's answer about an order, None where it cannot be asked. Raises GatewayError."""
    by_broker_id = OrderRef("", one.broker_order_id, one.session_epoch)
    try:
        return line.gateway.order_status(by_broker_id if hold_class_c(line) else OrderRef(one.client_order_id))
    except GatewayError as error:
        if not error.permanent:
            raise
        return None


def _follow(answers: Mapping[UUID, ReportList[OrderReport] | None], now: datetime) -> int:
    found = ChildOrder.objects.filter(pk__in=answers).values_list("parent_id", flat=True)
    parents = {p.pk: p for p in ParentOrder.objects.filter(pk__in=set(found)).order_by("id").select_for_update(no_key=True)}
    locked = ChildOrder.objects.filter(pk__in=answers, to_resend=True, state__in=_ENDED).order_by("id")
    orders = list(locked.select_for_update(of=("self",), no_key=True))
    decided: dict[Resend, list[ChildOrder]] = {one: [] for one in Resend}
    for order in orders:
        decided[_verdict(order, parents[order.parent_id], answers[order.pk], now)].append(order)
    _drop([*decided[Resend.DROP], *decided[Resend.GIVE_UP]], now)
    for order in decided[Resend.GIVE_UP]:
        _alarm(order, now)
    followed = 0
    for parent in parents.values():
        mine = [order for order in decided[Resend.SEND] if order.parent_id == parent.pk]
        price = price_of(parent, now) if mine else None
        if price is not None:
            write_successors(parent, mine, price=price, now=now)
            followed += len(mine)
    crash_point("after_resend")
    if followed:
        wake_gateways()
    return followed + len(decided[Resend.DROP]) + len(decided[Resend.GIVE_UP])


def _verdict(order: ChildOrder, parent: ParentOrder, answer: ReportList[OrderReport] | None, now: datetime) -> Resend:
    reports = (
        [] if answer is None else [one for one in answer if not order.broker_order_id or one.ref.broker_order_id == order.broker_order_id]
    )
    is_over = parent.expires_at is not None and parent.expires_at <= now
    return after_end(
        state=OrderState(order.state),
        filled_qty=order.filled_qty,
        is_declared_absent=order.declared_absent,
        told=[Told(one.status is ReportedStatus.CANCELED, one.status.is_final, one.filled_qty) for one in reports],
        is_complete=answer is None or answer.complete,
        may_follow=parent.state == ParentState.WORKING and parent.cancel_requested_at is None and not is_over,
    )


def _drop(orders: Sequence[ChildOrder], now: datetime) -> None:
    """Let nothing follow these orders; what they hold is released."""
    ChildOrder.objects.filter(pk__in=[order.pk for order in orders]).update(to_resend=False)
    let_go(orders, now=now)
    tell_orders((order.pk, order.account_id, order.parent_id if order.is_block else None) for order in orders)


def _alarm(order: ChildOrder, now: datetime) -> None:
    why = "the broker does not know it any more" if order.state == OrderState.CANCELED else f"it ended as {order.state}"
    message = f"What was left of order {order.client_order_id} is not sent again at the new limit: {why}"
    alert_order(order.pk, tier=AlertTier.WARNING, rule="RTE-7", message=message, now=now, journey_id=order.journey_id, what="NOT_REPLACED")
