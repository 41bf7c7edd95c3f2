"""What became of decisions, as far as a person sees the accounts: of many journeys in figures, of one in parents, fills and shares.

Entry points: `progress`, `parents_of`, `results_of`, `share_page`, `fill_facts`, `bookings_of`, `shares_in_sight`. Inside the caller's tenancy block; a fixed
number of statements, whatever the number of accounts.

Invariants
1. Where every line of a statement is in sight the figures are the orders'; else they are those of the accounts in sight alone: their own
   orders, and their shares of blocks once these are booked. Blocks are then in no row and no figure.
2. A share counts in its booking's newest revision.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Sum

from accounts import queries as accounts
from governance.core.subjects import Viewer

from ..core.replacing import may_replace
from ..core.states import WORKING_ORDERS, WORKING_PARENTS
from ..models import Booking, ChildOrder, Execution, ParentOrder, Share
from .visible import newest, visible_orders, visible_parents

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of one journey. notional: Σ quantity × price × multiplier, in the instrument's currency."""

    orders: int = 0
    working: int = 0
    unknown: int = 0
    denied: int = 0
    rejected: int = 0
    canceled: int = 0
    filled: Decimal = _ZERO
    notional: Decimal = _ZERO


@dataclass(frozen=True, slots=True)
class ParentRow:
    """A parent. quantity, filled: None where not every line is in sight."""

    id: UUID
    side: str
    quantity: Decimal | None
    filled: Decimal | None
    state: str
    route: str
    time_in_force: str
    limit_price: Decimal | None
    is_limit_stated: bool
    arrival_price: Decimal | None
    one_minute_volume: Decimal | None
    remainder_policy: str
    is_paper: bool
    created_at: datetime
    cancel_requested_at: datetime | None
    done_at: datetime | None
    needs_booking: bool

    @property
    def may_replace(self) -> bool:
        """Return whether it has something whose limit could be changed."""
        return may_replace(self)


@dataclass(frozen=True, slots=True)
class FillFacts:
    """The executions of a journey. fee: as the broker reported it."""

    count: int
    first_at: datetime | None
    last_at: datetime | None
    fee: Decimal
    days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class ShareRow:
    """An account's final share of a block, or what its own orders filled."""

    account: str
    name: str
    quantity: Decimal
    notional: Decimal
    fee: Decimal


def orders_in_sight(viewer: Viewer, *, is_whole: bool) -> QuerySet[ChildOrder]:
    """Return orders whose figures the viewer may know, to be narrowed to journeys in sight of which `is_whole` is known."""
    return ChildOrder.objects.all() if is_whole else visible_orders(viewer).filter(is_block=False)


def executions_in_sight(viewer: Viewer, *, journey_id: UUID, is_whole: bool) -> QuerySet[Execution]:
    """Return the newest revision of each execution of a journey, busts left out."""
    seen = Execution.objects.filter(journey_id=journey_id, order__isnull=False, last_qty__gt=0)
    if not is_whole:
        seen = seen.filter(order_id__in=orders_in_sight(viewer, is_whole=False).filter(journey_id=journey_id).values("pk"))
    return newest(seen)


def progress(viewer: Viewer, whole: Collection[UUID], partly: Collection[UUID]) -> dict[UUID, Progress]:
    """Return what became of journeys that are wholly in sight, and of those that are partly; at most three statements."""
    found = _sums(orders_in_sight(viewer, is_whole=True), whole) if whole else {}
    if partly:
        own = _sums(orders_in_sight(viewer, is_whole=False), partly)
        shares = shares_in_sight(viewer).filter(booking__journey_id__in=list(partly)).order_by()
        sums = shares.values_list("booking__journey_id").annotate(q=Sum("quantity"), n=Sum("notional"))
        booked = {row[0]: (row[1], row[2]) for row in sums}
        for journey in partly:
            one, (quantity, notional) = own.get(journey, Progress()), booked.get(journey, (_ZERO, _ZERO))
            found[journey] = replace(one, filled=one.filled + quantity, notional=one.notional + abs(notional))
    return found


def open_parents(viewer: Viewer, journey_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many parents of each journey have not ended."""
    rows = visible_parents(viewer).filter(journey_id__in=list(journey_ids), state__in=WORKING_PARENTS).order_by()
    return dict(rows.values_list("journey_id").annotate(n=Count("pk")))


def parents_of(viewer: Viewer, *, journey_id: UUID, is_whole: bool) -> list[ParentRow]:
    """Return the parents of a journey."""
    columns = [name for name in ParentRow.__dataclass_fields__ if name != "filled"]
    seen = ParentOrder.objects.all() if is_whole else visible_parents(viewer)
    rows = seen.filter(journey_id=journey_id).order_by("created_at", "id")
    found = []
    for row in rows.values("filled_qty", *columns):
        filled = row.pop("filled_qty")
        if not is_whole:
            row["quantity"] = None
        found.append(ParentRow(filled=filled if is_whole else None, **row))
    return found


def fill_facts(viewer: Viewer, *, journey_id: UUID, is_whole: bool) -> FillFacts:
    """Return how many fills there were, when, and on which trade dates."""
    rows = executions_in_sight(viewer, journey_id=journey_id, is_whole=is_whole)
    sums = rows.aggregate(
        n=Count("pk"), first=Min("executed_at"), last=Max("executed_at"), fee=Sum("fee"), days=ArrayAgg("trade_date", distinct=True)
    )
    days = set(sums["days"] or ())
    if not is_whole:
        days |= set(shares_in_sight(viewer).filter(booking__journey_id=journey_id).values_list("booking__trade_date", flat=True))
    return FillFacts(sums["n"], sums["first"], sums["last"], sums["fee"] or _ZERO, tuple(sorted(days)))


def bookings_of(viewer: Viewer, *, journey_id: UUID, is_whole: bool) -> list[Any]:
    """Return the newest bookings of a journey in which the viewer sees a share, oldest first, with their connection's code."""
    rows = _newest(Booking.objects.filter(journey_id=journey_id))
    if not is_whole:
        rows = rows.filter(Exists(Share.objects.filter(booking_id=OuterRef("pk"), account_id__in=_accounts(viewer))))
    return list(rows.select_related("connection").order_by("booked_at", "id"))


def share_page(viewer: Viewer, *, journey_id: UUID, is_whole: bool, after: str = "", size: int = 50) -> tuple[list[ShareRow], str]:
    """Return final shares in sight by account, and where the next ones begin."""
    rows = shares_in_sight(viewer, is_whole=is_whole).filter(booking__journey_id=journey_id)
    if after:
        rows = rows.filter(account__code__gt=after)
    sums = (
        rows.values_list("account__code", "account__name")
        .annotate(q=Sum("quantity"), n=Sum("notional"), f=Sum("fee"))
        .order_by("account__code")
    )
    found = [ShareRow(*row) for row in sums[: size + 1]]
    return found[:size], found[size - 1].account if len(found) > size else ""


def results_of(viewer: Viewer, *, journey_id: UUID, is_whole: bool, codes: Collection[str]) -> dict[str, tuple[Decimal, Decimal]]:
    """Return what these accounts got, (quantity, value) by code: their own orders' fills and their booked shares; two statements."""
    own = (
        orders_in_sight(viewer, is_whole=is_whole)
        .filter(parent__journey_id=journey_id, is_block=False, account__code__in=list(codes), filled_qty__gt=0)
        .order_by()
        .values_list("account__code")
        .annotate(q=Sum("filled_qty"), n=Sum(F("filled_notional") * F("instrument__multiplier")))
    )
    shares = shares_in_sight(viewer, is_whole=is_whole).filter(booking__journey_id=journey_id, account__code__in=list(codes)).order_by()
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for code, quantity, value in [*own, *shares.values_list("account__code").annotate(q=Sum("quantity"), n=Sum("notional"))]:
        before = found.get(code, (_ZERO, _ZERO))
        found[code] = (before[0] + quantity, before[1] + abs(value))
    return found


def _sums(rows: QuerySet[ChildOrder], journey_ids: Collection[UUID]) -> dict[UUID, Progress]:
    sums = (
        rows.filter(parent__in=ParentOrder.objects.filter(journey_id__in=list(journey_ids)))
        .order_by()
        .values_list("journey_id")
        .annotate(
            n=Count("pk"),
            working=Count("pk", filter=Q(state__in=WORKING_ORDERS)),
            unknown=Count("pk", filter=Q(state="UNKNOWN")),
            denied=Count("pk", filter=Q(state="DENIED")),
            rejected=Count("pk", filter=Q(state="REJECTED")),
            canceled=Count("pk", filter=Q(state__in=("CANCELED", "EXPIRED"), filled_qty=0)),
            filled=Sum("filled_qty"),
            notional=Sum(F("filled_notional") * F("instrument__multiplier")),
        )
    )
    return {row[0]: Progress(*row[1:]) for row in sums}


def _accounts(viewer: Viewer) -> Any:
    return accounts.visible_to(viewer.user_id, on=viewer.on).values("id")


def _newest(rows: QuerySet[Booking]) -> QuerySet[Booking]:
    newer = Booking.objects.filter(
        parent_id=OuterRef("parent_id"), connection_id=OuterRef("connection_id"), revision__gt=OuterRef("revision")
    )
    return rows.exclude(Exists(newer))


def shares_in_sight(viewer: Viewer, *, is_whole: bool = False) -> QuerySet[Share]:
    """Return the shares of newest bookings that accounts in sight have; all of them where the caller knows the whole to be in sight."""
    rows = Share.objects.exclude(quantity=0).filter(booking_id__in=_newest(Booking.objects.all()).values("pk"))
    return rows if viewer.oversight or is_whole else rows.filter(account_id__in=_accounts(viewer))


def journeys_with(viewer: Viewer, *, state: str) -> Any:
    """Return the journeys with an order in sight in this state, as a subquery."""
    return visible_orders(viewer).filter(state=state).values("journey_id")


def working_journeys(viewer: Viewer) -> Any:
    """Return the journeys that still work, as a subquery."""
    return visible_parents(viewer).filter(state__in=WORKING_PARENTS).values("journey_id")
