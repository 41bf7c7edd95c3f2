"""A parent's figures as far as a person sees its accounts.

Entry points: `parents_in_sight`, `SEEN`, `shares_of_parts`. Inside the caller's tenancy block; each returns a queryset that is one statement.

Invariants
1. Whole figures only where no account of the journey is out of sight (`visible.in_whole`), on every page, in every row, export and answer alike.
2. Else they are those of the accounts in sight: `seen_quantity` is what the statement wants for them on the parent's side, `seen_filled` what their
   own orders filled and their booked shares of blocks. Filters, sorting and sums use these too, so an order of rows tells no more than the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from accounts import queries as accounts
from allocation.queries.visible import visible_lines
from base.fields import QuantityField
from governance.core.subjects import Viewer
from market.enums import Side

from ..models import ChildOrder, ParentOrder, Share
from .story import shares_in_sight
from .visible import in_whole, visible_parents

SEEN: Mapping[str, str] = MappingProxyType({"quantity": "seen_quantity", "filled_qty": "seen_filled"})
_BUYS = [side.value for side in Side if side.is_buy]


def parents_in_sight(viewer: Viewer) -> QuerySet[Any]:
    """Return the parents the person may see, each with `is_whole`, `seen_quantity` and `seen_filled`."""
    rows = visible_parents(viewer)
    if viewer.oversight:
        return rows.annotate(is_whole=Value(True), seen_quantity=F("quantity"), seen_filled=F("filled_qty"))
    return rows.annotate(is_whole=in_whole(viewer)).annotate(
        seen_quantity=Case(When(is_whole=True, then=F("quantity")), default=_wanted(viewer), output_field=QuantityField()),
        seen_filled=Case(When(is_whole=True, then=F("filled_qty")), default=_filled(viewer), output_field=QuantityField()),
    )


def shares_of_parts(viewer: Viewer, parents: Any) -> QuerySet[Share]:
    """Return booked shares in sight of those parents that are not wholly in sight: the blocks of the others are orders in sight."""
    partly = ParentOrder.objects.filter(pk__in=parents).exclude(Q(in_whole(viewer)))
    return shares_in_sight(viewer).filter(booking__parent_id__in=partly.order_by().values("pk"))


def _wanted(viewer: Viewer) -> Any:
    """Return what the parent's statement wants for the accounts in sight, on the parent's side."""
    lines = visible_lines(viewer).filter(statement_id=OuterRef("statement_id")).order_by().values("statement_id")
    bought, sold = (
        Subquery(lines.filter(side).annotate(sum=Sum("quantity")).values("sum")) for side in (Q(quantity__gt=0), Q(quantity__lt=0))
    )
    return Case(
        When(side__in=_BUYS, then=_or_none(bought)), default=Value(0, QuantityField()) - _or_none(sold), output_field=QuantityField()
    )


def _filled(viewer: Viewer) -> Any:
    """Return what the accounts in sight got of a parent."""
    seen = accounts.visible_to(viewer.user_id, on=viewer.on).values("id")
    own = ChildOrder.objects.filter(parent_id=OuterRef("pk"), is_block=False, account_id__in=seen).order_by().values("parent_id")
    shares = shares_in_sight(viewer).filter(booking__parent_id=OuterRef("pk")).order_by().values("booking__parent_id")
    return _or_none(Subquery(own.annotate(sum=Sum("filled_qty")).values("sum"))) + _or_none(
        Subquery(shares.annotate(sum=Sum("quantity")).values("sum"))
    )


def _or_none(sum_of: Subquery) -> Coalesce:
    return Coalesce(sum_of, Value(0), output_field=QuantityField())
