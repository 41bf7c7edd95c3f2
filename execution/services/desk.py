"""Cancel, replace and resolve from a screen: once, however often the button is pressed, and only what the person sees.

Entry points: `cancel_order_seen`, `cancel_parent_seen`, `replace_offer`, `replace_parent_seen`, `resolve_order_seen`; inside the caller's tenancy
block.
Invariant: a second cancel of the same order or parent, or the same limit once more, changes nothing and leaves no second audit event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts import queries as accounts
from base.errors import Forbidden, NotFound
from governance.core.subjects import Actor, Viewer
from market import queries as market

from ..core.lifecycle import TERMINAL
from ..core.replacing import Refusal, furthest, why_not
from ..core.states import may_cancel
from ..enums import OrderState, QuoteProblem
from ..models import ChildOrder, ParentOrder
from ..queries.visible import visible_orders, visible_parents
from .cancel import Canceled, cancel_order, cancel_parent
from .crosses import accounts_of
from .replace import Replaced, replace_parent, standing_of
from .stated import house_limit
from .unknowns import ANSWER_WITHIN, UnableToResolve, resolve_as_absent, resolve_as_found


@dataclass(frozen=True, slots=True)
class Offer:
    """What the question about another limit shows. refusal: why there can be none. limit: as it stands, None = best price.

    edge: how far a limit may go now, by edge_rule (RTE-2, ACC-4), None without a usable quote. live: orders at the broker that would be canceled first.
    """

    refusal: Refusal | None
    limit: Decimal | None
    edge: Decimal | None
    edge_rule: str
    tick: Decimal
    is_sliced: bool
    live: int

    @property
    def typed(self) -> str:
        """Return the limit as it would be typed, nothing for best price."""
        return "" if self.limit is None else f"{self.limit.quantize(self.tick):f}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a cancel came to. is_new: False when it had ended or was asked before."""

    done: Canceled
    is_new: bool


def cancel_order_seen(*, order_id: UUID, viewer: Viewer, actor: Actor, now: datetime, reason: str) -> Asked:
    """Cancel one order that the person sees and may trade. Raises NotFound, Forbidden."""
    if not visible_orders(viewer).filter(pk=order_id).exists():
        raise NotFound("order")
    order = ChildOrder.objects.select_for_update(of=("self",), no_key=True).select_related("parent").get(pk=order_id)
    _refuse_who_only_looks(accounts_of(order.parent) if order.is_block else [order.account_id.bytes], actor, now)
    if not order.to_resend and (not may_cancel(str(order.state)) or order.cancel_requested_at is not None):
        return Asked(Canceled(), is_new=False)
    return Asked(cancel_order(order_id=order_id, actor=actor, now=now, reason=reason), is_new=True)


def cancel_parent_seen(*, parent_id: UUID, viewer: Viewer, actor: Actor, now: datetime, reason: str) -> Asked:
    """Cancel a parent that the person sees: its slices, what waits, and what works. Raises NotFound, Forbidden."""
    if not visible_parents(viewer).filter(pk=parent_id).exists():
        raise NotFound("parent order")
    parent = ParentOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=parent_id)
    _refuse_who_only_looks(accounts_of(parent), actor, now)
    if not may_cancel(str(parent.state)) or parent.cancel_requested_at is not None:
        return Asked(Canceled(), is_new=False)
    return Asked(cancel_parent(parent_id=parent_id, actor=actor, now=now, reason=reason), is_new=True)


def _refuse_who_only_looks(account_ids: Iterable[Any], actor: Actor, now: datetime) -> None:
    """Stopping is for who may trade one of the accounts behind it: it is one order for all of them, and less trading hurts nobody."""
    ids = [UUID(bytes=bytes(raw)) for raw in account_ids]
    if not accounts.tradable_by(int(actor.user_id), on=now.date()).filter(pk__in=ids).exists():
        raise Forbidden("grant", "you may look at these accounts, not trade them")


def resolve_order_seen(
    *, order_id: UUID, viewer: Viewer, broker_order_id: str, session_epoch: int, actor: Actor, now: datetime, reason: str
) -> None:
    """Take a person's word on an order that is UNKNOWN: the broker's order it is, or with "" that the broker does not have it (RTE-7).

    Raises NotFound, UnableToResolve for one that is not UNKNOWN, or since less than the minute in which its gateway asks.
    """
    order = visible_orders(viewer).filter(pk=order_id).first()
    if order is None:
        raise NotFound("order")
    if order.state == OrderState.UNKNOWN and order.unknown_since is not None and order.unknown_since > now - ANSWER_WITHIN:
        raise UnableToResolve(
            "RTE-7", "the broker is being asked; a person decides when it has not answered for a minute", value=order.state
        )
    if broker_order_id:
        resolve_as_found(
            order_id=order_id, broker_order_id=broker_order_id, session_epoch=session_epoch, actor=actor, now=now, reason=reason
        )
    else:
        resolve_as_absent(order_id=order_id, actor=actor, now=now, reason=reason)


def replace_offer(*, parent_id: UUID, viewer: Viewer, now: datetime) -> Offer:
    """Return what may be changed of a parent's limit now. Raises NotFound."""
    parent = visible_parents(viewer).filter(pk=parent_id).first()
    if parent is None:
        raise NotFound("parent order")
    standing, tick = standing_of(parent, now), market.instrument(parent.instrument_id).tick
    house = house_limit(parent, now)
    waiting = [OrderState.PENDING.value, *(state.value for state in TERMINAL)]
    live = ChildOrder.objects.filter(parent_id=parent_id, cancel_requested_at=None).exclude(state__in=waiting).count()
    edge, rule = (None, "") if isinstance(house, QuoteProblem) else furthest(standing, house)
    return Offer(why_not(standing), parent.limit_price if parent.is_limit_stated else None, edge, rule, tick, standing.is_sliced, live)


def replace_parent_seen(
    *, parent_id: UUID, viewer: Viewer, limit: Decimal | None, shown: Decimal | None, actor: Actor, now: datetime, reason: str
) -> Replaced:
    """Give a parent that the person sees another limit; None = the house's best price. shown: the limit they were shown, likewise.

    Raises NotFound, UnableToReplace, Forbidden.
    """
    if not visible_parents(viewer).filter(pk=parent_id).exists():
        raise NotFound("parent order")
    return replace_parent(parent_id=parent_id, limit=limit, shown=(shown,), actor=actor, now=now, reason=reason)
