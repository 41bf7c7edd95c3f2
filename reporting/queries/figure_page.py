"""A page of the dashboard's rows, or all of them for a download (PERFORMANCE P7).

Entry point: `page_of_rows`. Inside the caller's tenancy block.
Invariants: 1. what is in sight is `Sight.rows`' to say; only columns, order and bounds are added. 2. a page brings what it shows and no more:
the statement is put together here, because Django takes longer over forty columns than the database over fifty rows.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Q

from ..core.account_filter import SORTS, AccountFilter, Cursor
from ..models import AccountFigures
from .figures import PAGE, Sight, condition_of

_TABLE = AccountFigures._meta.db_table
# A price that old is told of beside the figure that rests on it; of others the page needs no instant.
STALE_AFTER = "96 hours"
_UNSEEN = ("id", "firm", "start_to", "flow_to", "gross", "net", "realised", "unit", "peak", "history_on", "working")
_LOADED = tuple(field.attname for field in AccountFigures._meta.local_concrete_fields if field.name not in _UNSEEN)
_SHOWN = (
    "account_id", "code", "name", "custodian", "currency", "connection_id", "custodian_id", "currency_to", "rate", "rate_label", "rate_as_of",
    "equity", "day_start", "equity_to", "day_pnl", "day_rate", "day_loss", "loss_use", "open_pnl", "open_pnl_own", "margin_used",
    "margin_rate", "margin_reason", "open_risk", "open_risk_to", "risk_reason", "drawdown", "positions", "orders", "fills", "breaks", "block", "block_reason",
    "authority", "is_short_of_cash", "attention", "reason", "points", "stale_since",
)  # fmt: skip
_WORKED_OUT = {"stale_since": f"CASE WHEN computed_at - priced_at > interval '{STALE_AFTER}' THEN priced_at END"}


def page_of_rows(sight: Sight, *, after: Cursor | None = None, limit: int = PAGE, whole: bool = False) -> tuple[list[Any], Cursor | None]:
    """Return the next rows in the order asked for, and where to go on; None at the end. One statement.

    What is not known sorts last either way; codes settle ties. whole: with every column that a download states.
    """
    chosen, field = sight.chosen, SORTS[sight.chosen.sort]
    make, columns = _columns(tuple(dict.fromkeys((*(_LOADED if whole else _SHOWN), *([chosen.by] if chosen.by else [])))))
    where, values = _condition(sight, after)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {_TABLE} WHERE {where} ORDER BY {_order(chosen)} LIMIT {int(limit) + 1}", values)
        found = [make(*row) for row in cursor.fetchall()]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    value = getattr(last, field)
    label = getattr(last, chosen.by) if chosen.by else ""
    return found[:limit], Cursor(label, Decimal(value) if isinstance(value, int) else value, last.code)


@cache
def _columns(names: tuple[str, ...]) -> tuple[Any, str]:
    """Return what makes a row of these columns, and their list."""
    written = (f"{_WORKED_OUT[name]} AS {name}" if name in _WORKED_OUT else f'"{name}"' for name in names)
    return namedtuple("Row", names), ", ".join(written)  # type: ignore[misc]  # the names are this module's own


def _condition(sight: Sight, after: Cursor | None) -> tuple[str, Sequence[Any]]:
    """Return the condition of what is in sight after the cursor."""
    chosen, rows = sight.chosen, sight.rows()
    if chosen.by and chosen.collapsed:
        rows = rows.exclude(**{f"{chosen.by}__in": chosen.collapsed})
    if after is not None:
        rows = rows.filter(_after(chosen.by, SORTS[chosen.sort], chosen.descending, after))
    return condition_of(rows)


def _order(chosen: AccountFilter) -> str:
    field = SORTS[chosen.sort]
    nulls = " NULLS LAST" if AccountFigures._meta.get_field(field).null else ""
    order = [*([f'"{chosen.by}"'] if chosen.by else []), f'"{field}"{" DESC" if chosen.descending else ""}{nulls}']
    return ", ".join([*order, *(['"code"'] if field != "code" else [])])


def _after(by: str, field: str, descending: bool, after: Cursor) -> Q:
    code = Q(code__lt=after.code) if field == "code" and descending else Q(code__gt=after.code)
    if field == "code":
        rest = code
    elif after.value is None:
        rest = Q(**{field: None}) & code
    else:
        further = Q(**{f"{field}__lt" if descending else f"{field}__gt": after.value})
        rest = further | Q(**{field: after.value}) & code
        if AccountFigures._meta.get_field(field).null:
            rest |= Q(**{field: None})
    return Q(**{f"{by}__gt": after.label}) | Q(**{by: after.label}) & rest if by else rest
