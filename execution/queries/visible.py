"""Which parents, orders and executions a person may see.

Entry points: `visible_parents`, `visible_orders`, `visible_executions`.
Inside the caller's tenancy block; each returns a queryset that is one statement.

A parent and its blocks are seen by whoever sees an account of its statement; an order of one account, and its executions, by whoever sees
that account. What a broker reported without any order of ours is for oversight alone.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts import queries as accounts
from allocation.queries.visible import visible_statements
from governance.core.subjects import Viewer

from ..models import ChildOrder, Execution, ParentOrder


def visible_parents(viewer: Viewer) -> QuerySet[ParentOrder]:
    """Return the parents of statements the person may see."""
    if viewer.oversight:
        return ParentOrder.objects.all()
    return ParentOrder.objects.filter(statement_id__in=visible_statements(viewer).values("id"))


def visible_orders(viewer: Viewer) -> QuerySet[ChildOrder]:
    """Return the orders of accounts the person sees, and blocks that hold one of them."""
    if viewer.oversight:
        return ChildOrder.objects.all()
    seen = accounts.visible_to(viewer.user_id, on=viewer.on).values("id")
    parents = visible_parents(viewer).values("id")
    return ChildOrder.objects.filter(Q(account_id__in=seen) | Q(is_block=True, parent_id__in=parents))


def visible_executions(viewer: Viewer) -> QuerySet[Execution]:
    """Return the executions of orders the person may see."""
    if viewer.oversight:
        return Execution.objects.all()
    return Execution.objects.filter(order_id__in=visible_orders(viewer).values("id"))
