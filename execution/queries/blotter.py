"""The blotter: parents, orders and fills in sight, filtered, sorted and paged by keyset.

Entry points: `Filters`, `parent_rows`, `order_rows`, `fill_rows` (querysets), `page_of`, `parents_shown`, `orders_shown`, `fills_shown`,
`totals`. Inside the caller's tenancy block; a fixed number of statements, whatever the number of rows.

Invariants
1. Everything starts from `visible_*` and `parents_in_sight`: what a person may not see is in no row, no count, no total, and no order of rows.
2. A fill is an execution's newest revision; a busted one has quantity 0.
3. Rows of one value are ordered by id, so no page repeats or skips a row while new ones arrive.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Abs

from governance.core.subjects import Viewer

from ..core.states import WORKING_ORDERS, WORKING_PARENTS, average
from ..models import ChildOrder
from .parts import has_part
from .sight import SEEN, parents_in_sight, shares_of_parts
from .visible import newest, visible_executions, visible_orders

PAGE = 60
MOST_IDS = 100
SORTS = {
    "parents": {
        "time": "created_at",
        "instrument": "instrument__symbol",
        "quantity": "seen_quantity",
        "filled": "seen_filled",
        "state": "state",
    },
    "orders": {
        "time": "created_at",
        "account": "account__code",
        "instrument": "instrument__symbol",
        "quantity": "quantity",
        "filled": "filled_qty",
        "state": "state",
    },
    "fills": {
        "time": "executed_at",
        "account": "account__code",
        "instrument": "instrument__symbol",
        "quantity": "last_qty",
        "price": "last_px",
        "state": "kind",
    },
}
_FIELDS = {seen: column for column, seen in SEEN.items()}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a person asked to see. Empty: no condition. sort: a name of SORTS; ids: only these rows, or rows of these parents and orders."""

    tab: str = "parents"
    text: str = ""
    state: str = ""
    side: str = ""
    instrument: str = ""
    account: str = ""
    connection: str = ""
    strategy: str = ""
    since: datetime | None = None
    until: datetime | None = None
    mine: int | None = None
    is_working: bool = False
    sort: str = "time"
    is_descending: bool = True
    ids: tuple[UUID, ...] = ()
    within: UUID | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next ones begin ("" after the last)."""

    rows: list[Any] = field(default_factory=list)
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows, how many of them work, and the filled notional of each currency."""

    rows: int
    working: int
    notional: list[tuple[str, Decimal]]


def rows_of(viewer: Viewer, filters: Filters) -> QuerySet[Any]:
    """Return the rows of the tab that the viewer sees and the filters keep, in no order."""
    return {"parents": parent_rows, "orders": order_rows, "fills": fill_rows}[filters.tab](viewer, filters)


def parent_rows(viewer: Viewer, filters: Filters) -> QuerySet[Any]:
    """Return parents."""
    rows = _common(parents_in_sight(viewer), filters, "created_at", "strategy__code")
    orders = ChildOrder.objects.filter(parent_id=OuterRef("pk"))
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.is_working:
        rows = rows.filter(state__in=WORKING_PARENTS)
    if filters.connection:
        rows = rows.filter(Exists(orders.filter(connection__code=filters.connection)))
    if filters.account:
        mine = visible_orders(viewer).filter(parent_id=OuterRef("pk"), account__code__iexact=filters.account)
        rows = rows.filter(Q(Exists(mine)) | has_part(viewer, filters.account))
    if filters.mine is not None:
        rows = rows.filter(statement__released_by_id=filters.mine)
    if filters.ids:
        named = ChildOrder.objects.filter(pk__in=filters.ids).values("parent_id")
        rows = rows.filter(Q(pk__in=filters.ids) | Q(pk__in=named) | Q(journey_id__in=filters.ids))
    if filters.text:
        text = filters.text
        rows = rows.filter(
            Q(instrument__symbol__icontains=text)
            | Q(strategy__code__icontains=text)
            | Q(pk__in=_named_orders(viewer, text).values("parent_id"))
            | has_part(viewer, text)
        )
    return rows.select_related("instrument", "strategy")


def order_rows(viewer: Viewer, filters: Filters) -> QuerySet[Any]:
    """Return orders."""
    rows = _common(visible_orders(viewer), filters, "created_at", "parent__strategy__code")
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.is_working:
        rows = rows.filter(state__in=WORKING_ORDERS)
    if filters.connection:
        rows = rows.filter(connection__code=filters.connection)
    if filters.account:
        rows = rows.filter(Q(account__code__iexact=filters.account) | has_part(viewer, filters.account, via="parent__"))
    if filters.mine is not None:
        rows = rows.filter(parent__statement__released_by_id=filters.mine)
    if filters.within is not None:
        rows = rows.filter(parent_id=filters.within)
    if filters.ids:
        rows = rows.filter(Q(pk__in=filters.ids) | Q(parent_id__in=filters.ids) | Q(journey_id__in=filters.ids))
    if filters.text:
        rows = rows.filter(_order_text(filters.text, "") | has_part(viewer, filters.text, via="parent__"))
    return rows.select_related("instrument", "account", "connection", "parent__strategy")


def fill_rows(viewer: Viewer, filters: Filters) -> QuerySet[Any]:
    """Return the newest revision of every execution of our orders."""
    seen = visible_executions(viewer).filter(order__isnull=False)
    rows = newest(_common(seen, filters, "executed_at", "order__parent__strategy__code"))
    if filters.state:
        rows = rows.filter(kind=filters.state)
    if filters.is_working:
        rows = rows.filter(order__state__in=WORKING_ORDERS)
    if filters.connection:
        rows = rows.filter(connection__code=filters.connection)
    if filters.account:
        rows = rows.filter(
            Q(account__code__iexact=filters.account) | has_part(viewer, filters.account, via="order__parent__", block="order__")
        )
    if filters.mine is not None:
        rows = rows.filter(order__parent__statement__released_by_id=filters.mine)
    if filters.within is not None:
        rows = rows.filter(order__parent_id=filters.within)
    if filters.ids:
        rows = rows.filter(Q(pk__in=filters.ids) | Q(order_id__in=filters.ids) | Q(journey_id__in=filters.ids))
    if filters.text:
        text = filters.text
        part = has_part(viewer, text, via="order__parent__", block="order__")
        rows = rows.filter(_order_text(text, "order__") | Q(broker_exec_id__icontains=text) | part)
    return rows.select_related("instrument", "account", "connection", "order")


def page_of(rows: QuerySet[Any], filters: Filters, cursor: str = "", size: int = PAGE) -> Page:
    """Return a page of the rows, newest first unless sorted otherwise. A cursor that is none begins at the beginning."""
    column = SORTS[filters.tab][filters.sort]
    value, last = _parsed_cursor(rows, column, cursor)
    if last is not None:
        beyond = "lt" if filters.is_descending else "gt"
        rows = rows.filter(Q(**{f"{column}__{beyond}": value}) | Q(**{column: value, f"pk__{beyond}": last}))
    sign = "-" if filters.is_descending else ""
    found = list(rows.order_by(f"{sign}{column}", f"{sign}pk")[: size + 1])
    more = len(found) > size
    return Page(found[:size], _cursor_of(found[size - 1], column) if more else "")


def totals(viewer: Viewer, filters: Filters) -> Totals:
    """Return the totals of all rows the filters keep, not only of the page; at most three statements."""
    rows = rows_of(viewer, filters).select_related(None)
    if filters.tab == "parents":
        counted = rows.aggregate(n=Count("pk"), w=Count("pk", filter=Q(state__in=WORKING_PARENTS)))
        filled = visible_orders(viewer).filter(parent_id__in=rows.values("pk"), filled_qty__gt=0)
        notional: Any = F("filled_notional")
    elif filters.tab == "orders":
        counted = rows.aggregate(n=Count("pk"), w=Count("pk", filter=Q(state__in=WORKING_ORDERS)))
        filled, notional = rows.filter(filled_qty__gt=0), F("filled_notional")
    else:
        counted = {"n": rows.count(), "w": 0}
        filled, notional = rows, F("last_qty") * F("last_px")
    sums = dict(filled.order_by().values_list("instrument__currency").annotate(sum=Sum(notional * F("instrument__multiplier"))))
    if filters.tab == "parents" and not viewer.oversight:
        shares = shares_of_parts(viewer, rows.values("pk")).order_by().values_list("booking__parent__instrument__currency")
        for currency, amount in shares.annotate(sum=Sum(Abs("notional"))):
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return Totals(counted["n"], counted["w"], [(currency, amount) for currency, amount in sorted(sums.items()) if amount])


@dataclass(frozen=True, slots=True)
class Children:
    """What a parent's visible orders, and visible shares of blocks that are not, come to. notional: Σ quantity × price filled."""

    orders: int = 0
    unknown: int = 0
    denied: int = 0
    rejected: int = 0
    filled: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)

    @property
    def avg_px(self) -> Decimal | None:
        """Return the average price, None before the first fill."""
        return average(self.notional, self.filled)


def children_of(viewer: Viewer, parent_ids: Collection[UUID]) -> dict[UUID, Children]:
    """Return what the visible orders and shares of these parents come to; at most two statements."""
    sums = (
        visible_orders(viewer)
        .filter(parent_id__in=list(parent_ids))
        .order_by()
        .values_list("parent_id")
        .annotate(
            n=Count("pk"),
            unknown=Count("pk", filter=Q(state="UNKNOWN")),
            denied=Count("pk", filter=Q(state="DENIED")),
            rejected=Count("pk", filter=Q(state="REJECTED")),
            filled=Sum("filled_qty"),
            notional=Sum("filled_notional"),
        )
    )
    found = {row[0]: Children(*row[1:]) for row in sums}
    if not viewer.oversight:
        shares = shares_of_parts(viewer, list(parent_ids)).order_by().values_list("booking__parent_id")
        for parent, quantity, notional in shares.annotate(
            q=Sum("quantity"), n=Sum(Abs("notional") / F("booking__parent__instrument__multiplier"))
        ):
            one = found.get(parent, Children())
            found[parent] = replace(one, filled=one.filled + quantity, notional=one.notional + notional)
    return found


def _common(rows: QuerySet[Any], filters: Filters, instant: str, strategy: str) -> QuerySet[Any]:
    same = {"side": filters.side, "instrument__symbol__iexact": filters.instrument, strategy: filters.strategy}
    rows = rows.filter(**{name: value for name, value in same.items() if value})
    if filters.since is not None:
        rows = rows.filter(**{f"{instant}__gte": filters.since})
    return rows if filters.until is None else rows.filter(**{f"{instant}__lt": filters.until})


def _named_orders(viewer: Viewer, text: str) -> QuerySet[Any]:
    return visible_orders(viewer).filter(Q(client_order_id__iexact=text) | Q(broker_order_id__iexact=text) | Q(account__code__iexact=text))


def _order_text(text: str, via: str) -> Q:
    columns = ("account__code", "account__name", "instrument__symbol", "client_order_id", "broker_order_id")
    found = Q()
    for column in columns:
        found |= Q(**{f"{via}{column}__icontains": text})
    return found


def _cursor_of(row: Any, column: str) -> str:
    value = row
    for name in column.split("__"):
        value = getattr(value, name)
    return f"{value.isoformat() if isinstance(value, datetime) else value}~{row.pk}"


def _parsed_cursor(rows: QuerySet[Any], column: str, cursor: str) -> tuple[Any, UUID | None]:
    value, _, last = cursor.rpartition("~")
    if not value or "\0" in value or len(cursor) > 200:
        return None, None
    column = _FIELDS.get(column, column)
    name = column.rsplit("__", 1)[-1]
    related = rows.model._meta.get_field(column.split("__")[0])
    target = related.related_model._meta.get_field(name) if "__" in column else related  # type: ignore[union-attr]
    try:
        parsed = target.to_python(value)  # type: ignore[union-attr]
        if isinstance(parsed, datetime):
            parsed = parsed.astimezone(UTC)
        is_figure = not isinstance(parsed, Decimal) or (parsed.is_finite() and abs(parsed.adjusted()) < 40)
        return (parsed, UUID(last)) if is_figure else (None, None)
    except Exception:  # noqa: BLE001  (each field has its own error; whatever cannot be read is no cursor)
        return None, None
