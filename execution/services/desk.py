"""Cancel and replace from a screen: once, however often the button is pressed, and only what the person sees.

Entry points: `cancel_order_seen`, `cancel_parent_seen`, `replace_parent_seen`; inside the caller's tenancy block.
Invariant: a second cancel of the same order or parent, or the same limit once more, changes nothing and leaves no second audit event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from base.errors import NotFound
from governance.core.subjects import Actor, Viewer

from ..core.states import may_cancel
from ..models import ChildOrder, ParentOrder
from ..queries.visible import visible_orders, visible_parents
from .cancel import Canceled, cancel_order, cancel_parent
from .replace import Replaced, replace_parent


@dataclass(frozen=True, slots=True)
class Asked:
    """What a cancel came to. is_new: False when it had ended or was asked before."""

    done: Canceled
    is_new: bool


def cancel_order_seen(*, order_id: UUID, viewer: Viewer, actor: Actor, now: datetime, reason: str) -> Asked:
    """Cancel one order that the person sees. Raises NotFound."""
    if not visible_orders(viewer).filter(pk=order_id).exists():
        raise NotFound("order")
    order = ChildOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=order_id)
    if not order.to_resend and (not may_cancel(str(order.state)) or order.cancel_requested_at is not None):
        return Asked(Canceled(), is_new=False)
    return Asked(cancel_order(order_id=order_id, actor=actor, now=now, reason=reason), is_new=True)


def cancel_parent_seen(*, parent_id: UUID, viewer: Viewer, actor: Actor, now: datetime, reason: str) -> Asked:
    """Cancel a parent that the person sees: its slices, what waits, and what works. Raises NotFound."""
    if not visible_parents(viewer).filter(pk=parent_id).exists():
        raise NotFound("parent order")
    parent = ParentOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=parent_id)
    if not may_cancel(str(parent.state)) or parent.cancel_requested_at is not None:
        return Asked(Canceled(), is_new=False)
    return Asked(cancel_parent(parent_id=parent_id, actor=actor, now=now, reason=reason), is_new=True)


def replace_parent_seen(
    *, parent_id: UUID, viewer: Viewer, limit: Decimal | None, shown: Decimal | None, actor: Actor, now: datetime, reason: str
) -> Replaced:
    """Give a parent that the person sees another limit; None = the house's best price. shown: the limit they were shown, likewise.

    Raises NotFound, UnableToReplace, Forbidden.
    """
    if not visible_parents(viewer).filter(pk=parent_id).exists():
        raise NotFound("parent order")
    return replace_parent(parent_id=parent_id, limit=limit, shown=(shown,), actor=actor, now=now, reason=reason)
