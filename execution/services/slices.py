"""TWAP over time: children when a slice falls due, and parents that were held for an opposite one (RTE-3, RTE-5).

Entry points: `release_due_slices`, `release_held`. A task runs them every few seconds; running them twice, late, or from two workers at once
changes nothing: the parent's row is locked, and what is ordered is the cumulative target less what is filled or still works.
Who comes late orders the first slice that is due and moves the rest by the delay: the pace is RTE-3's, not the worker's. Nothing goes in a later
session than the one it was released in, however late the worker, the quote or the opposite order's end comes (ALC-3, decision 6).
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q, Sum

from accounts import services as accounts
from allocation import queries as allocation
from base import tenancy
from base.errors import Refused
from governance.enums import AlertTier
from market import queries as market
from market.core.calendars import is_open_at

from ..core.lifecycle import TERMINAL
from ..enums import ParentState, RouteKind, SliceState, TimeInForce
from ..models import ChildOrder, ParentOrder, Slice
from .alarms import alarm_stuck, alert_parent
from .cancel import cancel_parent
from .children import write_children
from .crosses import accounts_of, find_cross, one_at_a_time
from .planning import CHUNK, UNIT, due_quantity, is_sliced
from .release import _write_chunks, plan_from_rows, wake_gateways
from .stated import end_of_day, fresh_limit
from .telling import tell_parents

TOO_LATE = "it waited for an opposite order until its session had ended"


def release_due_slices(*, firm_id: int, now: datetime) -> int:
    """Order what is due of every sliced parent. Returns how many orders were written."""
    with tenancy.firm(firm_id):
        due = list(
            Slice.objects.filter(state=SliceState.PENDING, due_at__lte=now, parent__state=ParentState.WORKING)
            .order_by("parent_id")
            .values_list("parent_id", flat=True)
            .distinct()
        )
    written = 0
    for parent_id in due:
        try:
            with tenancy.firm(firm_id):
                parent = ParentOrder.objects.select_for_update().get(pk=parent_id)
                written += _release_slice(parent, now)
        except (ValueError, ArithmeticError, Refused) as error:
            alarm_stuck(firm_id, parent_id, error, now)
    return written


def release_held(*, firm_id: int, now: datetime) -> int:
    """Let a held parent work once no opposite order does (RTE-5). Returns how many were let go."""
    with tenancy.firm(firm_id):
        held = list(ParentOrder.objects.filter(state=ParentState.HELD).order_by("id").values_list("id", "instrument_id"))
    released = 0
    for parent_id, instrument_id in held:
        try:
            with tenancy.firm(firm_id):
                one_at_a_time(instrument_id=instrument_id)
                parent = ParentOrder.objects.select_for_update().get(pk=parent_id)
                if parent.state != ParentState.HELD or not _let_go(parent, now):
                    continue
                plan = plan_from_rows(parent)
            released += 1
            if parent.state == ParentState.RELEASING:
                _write_chunks(firm_id, parent_id, plan, now)
        except (ValueError, ArithmeticError, Refused) as error:
            alarm_stuck(firm_id, parent_id, error, now)
    return released


def _let_go(parent: ParentOrder, now: datetime) -> bool:
    """Let a held parent go if nothing it could meet works; what was held until its session ended is canceled, and told."""
    if _is_over(parent, market.instrument(parent.instrument_id).calendar, now):
        cancel_parent(parent_id=parent.id, actor=None, now=now, reason=TOO_LATE)
        alert_parent(parent.id, tier=AlertTier.WARNING, rule="ALC-3", message=f"Never sent: {TOO_LATE}", now=now, what="HELD_TOO_LONG")
        return False
    limit = fresh_limit(parent, now)
    if limit is None:
        return False
    parent.limit_price = limit
    if find_cross(parent, ids=accounts_of(parent), now=now) is not None:
        return False
    parent.state = ParentState.WORKING if is_sliced(RouteKind(parent.route)) else ParentState.RELEASING
    parent.save(update_fields=["state", "limit_price"])
    if parent.state == ParentState.RELEASING:  # its orders reserve for themselves
        accounts.release_reservations(order_ids=[parent.id], now=now)
    tell_parents([(parent.id, parent.journey_id)])
    return True


def _is_over(parent: ParentOrder, calendar: str, now: datetime) -> bool:
    """Return whether the session that the parent was released in has ended (ALC-3). Raises UnableToRelease where it is not known when."""
    return (parent.expires_at or end_of_day(calendar, parent.created_at)) <= now


def _release_slice(parent: ParentOrder, now: datetime) -> int:
    rows = list(Slice.objects.select_for_update().filter(parent=parent).order_by("number"))
    due = [row for row in rows if row.due_at <= now and row.state == SliceState.PENDING]
    if not due or parent.state != ParentState.WORKING:
        return 0
    instrument = market.instrument(parent.instrument_id)
    if not is_open_at(instrument.calendar, now) or _is_over(parent, instrument.calendar, now):
        Slice.objects.filter(parent=parent, state=SliceState.PENDING).update(state=SliceState.CANCELED)
        return 0
    limit = fresh_limit(parent, now)
    if limit is None:
        return 0  # no usable quote: the slice stays due
    plan = plan_from_rows(parent)
    current = due[0]
    lot = int(instrument.lot_step * UNIT)
    parts = [int(row.quantity * UNIT) for row in rows]
    quantity = due_quantity(plan, lot, parts, current.number, done=_done(parent), seed=parent.plan_seed)
    written = write_children(
        parent_id=parent.id,
        journey_id=parent.journey_id,
        sleeve_id=allocation.sleeve_of(strategy_id=parent.strategy_id),
        slice_id=current.id,
        slice_number=current.number,
        plan=plan,
        entries=plan.entries,
        quantity=quantity,
        first_sequence=current.number * CHUNK,
        instrument=instrument,
        limit_price=limit,
        time_in_force=TimeInForce(parent.time_in_force),
        now=now,
        reserve=False,  # the parent reserved for all its slices when it was released
    )
    Slice.objects.filter(pk=current.pk).update(state=SliceState.RELEASED)
    if len(due) > 1:
        Slice.objects.filter(parent=parent, state=SliceState.PENDING).update(due_at=F("due_at") + (now - current.due_at))
    if written:
        wake_gateways()
    return written


def _done(parent: ParentOrder) -> dict[bytes, int]:
    """Return quantity filled or still working by account, UNIT = 1. What is to be sent again works: its rest is nobody else's to order."""
    rows = ChildOrder.objects.filter(parent=parent)
    is_over = Q(state__in=[str(state) for state in TERMINAL], to_resend=False)
    filled = rows.filter(is_over).values_list("account_id").annotate(Sum("filled_qty"))
    live = rows.exclude(is_over).values_list("account_id").annotate(Sum(F("quantity")))
    done: dict[bytes, int] = {}
    for account, quantity in [*filled, *live]:
        done[account.bytes] = done.get(account.bytes, 0) + int(quantity * UNIT)
    return done
