"""Which parents, orders and executions a person may see.

Entry points: `visible_parents`, `visible_orders`, `visible_executions`; `in_whole`; `newest`.
Inside the caller's tenancy block; each returns a queryset that is one statement.

A parent is seen by whoever released its statement or sees an account of it; an order of one account, and its executions, by whoever sees that
account. A block, with all it says of other accounts, is seen by whoever sees every account of its journey, older revisions included: `in_whole` is
that rule, and the figures of a parent follow it too (`sight`). What a broker reported without any order of ours is for oversight alone.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable

from accounts import queries as accounts
from allocation.queries.visible import lines_out_of_sight, visible_statements
from governance.core.subjects import Viewer

from ..models import ChildOrder, Execution, ParentOrder


def visible_parents(viewer: Viewer) -> QuerySet[ParentOrder]:
    """Return the parents of statements the person may see."""
    if viewer.oversight:
        return ParentOrder.objects.all()
    return ParentOrder.objects.filter(statement_id__in=visible_statements(viewer).values("id"))


def in_whole(viewer: Viewer) -> Combinable | Exists:
    """Return the condition that of a row's journey no account is out of sight, for rows that have a `journey_id`."""
    if viewer.oversight:
        return Value(True)
    return ~Exists(lines_out_of_sight(viewer).filter(statement__journey_id=OuterRef("journey_id")))


def visible_orders(viewer: Viewer) -> QuerySet[ChildOrder]:
    """Return the orders of accounts the person sees, and blocks of which they see every account."""
    if viewer.oversight:
        return ChildOrder.objects.all()
    seen = accounts.visible_to(viewer.user_id, on=viewer.on).values("id")
    parents = visible_parents(viewer).values("id")
    own = Q(is_block=False, account_id__in=seen)
    return ChildOrder.objects.filter(own | Q(is_block=True, parent_id__in=parents) & Q(in_whole(viewer)))


def visible_executions(viewer: Viewer) -> QuerySet[Execution]:
    """Return the executions of orders the person may see."""
    if viewer.oversight:
        return Execution.objects.all()
    return Execution.objects.filter(order_id__in=visible_orders(viewer).values("id"))


def newest(executions: QuerySet[Execution]) -> QuerySet[Execution]:
    """Leave out what a later revision corrected or took back (I3)."""
    later = Execution.objects.filter(
        order_id=OuterRef("order_id"), broker_exec_id=OuterRef("broker_exec_id"), revision__gt=OuterRef("revision")
    )
    return executions.exclude(Exists(later))
