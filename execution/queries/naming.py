"""How orders are called, for apps that know them only by kind and id.

Entry point: `register`.
"""

from __future__ import annotations

from collections.abc import Collection

from base.addresses import address
from base.core.figures import number
from governance.core.subjects import Viewer
from governance.enums import SubjectKind
from governance.queries.alerts import register_seen
from governance.queries.names import SubjectName, register_names, uuids_of

from .sight import parents_in_sight
from .visible import visible_orders, visible_parents


def register() -> None:
    """Name orders wherever governance speaks of them, and tell of them only who sees them."""
    register_names(SubjectKind.PARENT_ORDER, _parents)
    register_names(SubjectKind.CHILD_ORDER, _orders)
    register_seen(SubjectKind.PARENT_ORDER, visible_parents)
    register_seen(SubjectKind.CHILD_ORDER, visible_orders)


def _parents(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = (
        parents_in_sight(viewer).filter(pk__in=uuids_of(ids)).values_list("pk", "journey_id", "side", "seen_quantity", "instrument__symbol")
    )
    return {
        str(pk): SubjectName(f"{side.capitalize()} {number(quantity)} {symbol}", address("reporting:journey", journey_id))
        for pk, journey_id, side, quantity, symbol in rows
    }


def _orders(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    columns = ("pk", "journey_id", "side", "quantity", "instrument__symbol", "account__code", "account__is_clearing", "connection__code")
    rows = visible_orders(viewer).filter(pk__in=uuids_of(ids)).values_list(*columns)
    return {
        str(pk): SubjectName(
            f"{side.capitalize()} {number(quantity)} {symbol}, {'a block' if is_block else account or ''} at {connection}",
            address("reporting:journey", journey_id),
        )
        for pk, journey_id, side, quantity, symbol, account, is_block, connection in rows
    }
