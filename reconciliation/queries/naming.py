"""How breaks are called, for apps that know them only by kind and id.

Entry point: `register`.
"""

from __future__ import annotations

from collections.abc import Collection

from base.addresses import address
from governance.core.subjects import Viewer
from governance.enums import SubjectKind
from governance.queries.names import SubjectName, register_names, uuids_of

from .visible import visible_breaks


def register() -> None:
    """Name breaks wherever governance speaks of them."""
    register_names(SubjectKind.BREAK, _breaks)


def _breaks(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = visible_breaks(viewer).filter(pk__in=uuids_of(ids)).values_list("pk", "break_type", "symbol", "currency", "account__code")
    where = address("reconciliation:desk")
    return {
        str(pk): SubjectName(f"{kind.replace('_', ' ').lower()} break {symbol or currency}, {code}", f"{where}?break={pk}" if where else "")
        for pk, kind, symbol, currency, code in rows
    }
