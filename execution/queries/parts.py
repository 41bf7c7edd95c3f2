"""One account's orders: its own, and its part in blocks.

Entry points: `orders_with`, `has_part`. Inside the caller's tenancy block; one statement.

Invariants
1. An account stands behind the blocks of its own connection alone, and only where its line of the statement has a quantity of the block's side
   (ALC-1); that is who `blocks.block_targets` shares a block out to, and whom a kill switch stops it for.
2. All blocks of one parent at one connection are one order of the account: its line is spread over them, its share is one.
3. Who sees the account sees its part; what a block is in whole, and why it ended, only who sees every account of its journey (`is_whole`).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from accounts import queries as accounts
from allocation.queries.visible import visible_lines
from base.fields import QuantityField
from governance.core.subjects import Viewer
from market.enums import Side

from ..core.states import WORKING_ORDERS
from ..models import Booking, ChildOrder, Share
from .visible import in_whole

_BUYS = [side.value for side in Side if side.is_buy]
_NONE = Value(0, QuantityField())


def orders_with(viewer: Viewer, *, account_id: UUID, connection_id: UUID) -> QuerySet[Any]:
    """Return the orders that are an account's own, and one block for each parent it has a part in: one that works, else the newest.

    Nothing for an account out of sight. connection_id: the account's. Each row has `is_whole` (the block's own quantity and reason may be told),
    `is_part` (a block for this account among others), `part` (what the account is to get: its line's quantity, or its own order's), `got` (what it
    got: filled by its own order, its booked share of blocks; None while they have filled something that is not shared) and `blocks` (how many
    blocks of the parent there were; 0 for its own order). Source: ALC-1, ALC-3.
    """
    of_parent = ChildOrder.objects.filter(
        is_block=True, parent_id=OuterRef("parent_id"), connection_id=OuterRef("connection_id")
    ).order_by()
    is_live = Case(When(state__in=WORKING_ORDERS, then=True), default=False, output_field=BooleanField())
    shown = of_parent.annotate(is_live=is_live).order_by("-is_live", "-id").values("pk")[:1]
    is_own = Q(account_id=account_id)
    rows = ChildOrder.objects.filter(is_own | Q(is_block=True, connection_id=connection_id, pk=Subquery(shown)))
    if not viewer.oversight:
        rows = rows.filter(Exists(accounts.visible_to(viewer.user_id, on=viewer.on).filter(pk=account_id)))
    rows = rows.annotate(is_whole=ExpressionWrapper(in_whole(viewer), BooleanField()))
    rows = rows.annotate(is_part=Case(When(is_own, then=False), default=True, output_field=BooleanField()), part=_part(viewer, account_id))
    sums = of_parent.values("parent_id")
    return rows.filter(part__gt=0).annotate(
        blocks=Case(When(is_own, then=0), default=Subquery(sums.annotate(n=Count("pk")).values("n"))),
        got=Case(
            When(is_own, then=F("filled_qty")),
            default=Coalesce(_share(account_id), _nothing_filled(sums)),
            output_field=QuantityField(),
        ),
    )


def has_part(viewer: Viewer, code: str, *, via: str = "", block: str = "") -> Q:
    """Return the condition that an account's line in sight wants something on a parent's side (ALC-1).

    code: of the account, any case. via: the way to the parent ("parent__"). block: the way to the order; then only blocks of its connection count.
    """
    named = accounts.visible_to(viewer.user_id, on=viewer.on).filter(code__iexact=code).order_by("code").values("pk")[:1]
    lines = visible_lines(viewer).filter(statement_id=OuterRef(f"{via}statement_id"), account_id=Subquery(named))
    if via:
        lines = lines.filter(account__connection_id=OuterRef(f"{block}connection_id"))
    is_buy = Q(**{f"{via}side__in": _BUYS})
    wanted = is_buy & Q(Exists(lines.filter(quantity__gt=0))) | ~is_buy & Q(Exists(lines.filter(quantity__lt=0)))
    return Q(**{f"{block}is_block": True}) & wanted if via else wanted


def _part(viewer: Viewer, account_id: UUID) -> Case:
    """Return the account's own order's quantity, or what its line of the statement wants on the order's side, none where it wants nothing."""
    lines = visible_lines(viewer).filter(
        account_id=account_id, statement_id=OuterRef("parent__statement_id"), account__connection_id=OuterRef("connection_id")
    )
    line = Subquery(lines.values("quantity")[:1], output_field=QuantityField())
    return Case(
        When(account_id=account_id, then=F("quantity")), When(side__in=_BUYS, then=line), default=_NONE - line, output_field=QuantityField()
    )


def _share(account_id: UUID) -> Subquery:
    """Return the account's share of the newest booking, 0 where that gave it nothing, NULL where nothing is booked."""
    bookings = Booking.objects.filter(parent_id=OuterRef("parent_id"), connection_id=OuterRef("connection_id")).order_by("-revision")
    mine = Share.objects.filter(account_id=account_id, booking_id=OuterRef("pk")).values("quantity")[:1]
    return Subquery(bookings.annotate(mine=Coalesce(Subquery(mine), _NONE)).values("mine")[:1], output_field=QuantityField())


def _nothing_filled(sums: QuerySet[Any]) -> Subquery:
    """Return 0 where the blocks filled nothing, else NULL."""
    unfilled = sums.annotate(filled=Sum("filled_qty")).filter(filled=0).values("filled")
    return Subquery(unfilled, output_field=QuantityField())
