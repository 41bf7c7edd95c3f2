"""How strategies, signals and allocation statements are called, for apps that know them only by kind and id.

Entry point: `register`.
"""

from __future__ import annotations

from collections.abc import Collection

from base.addresses import address
from governance.core.subjects import Viewer
from governance.enums import SubjectKind
from governance.queries.names import SubjectName, register_codes, register_names, uuids_of

from .visible import visible_signals, visible_statements, visible_strategies


def register() -> None:
    """Name strategies, signals and statements wherever governance speaks of them."""
    register_names(SubjectKind.STRATEGY, _strategies)
    register_codes(
        SubjectKind.STRATEGY, lambda viewer, code: visible_strategies(viewer).filter(code=code).values_list("id", flat=True).first()
    )
    register_names(SubjectKind.SIGNAL, _signals)
    register_names(SubjectKind.ALLOCATION_STATEMENT, _statements)


def _strategies(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = visible_strategies(viewer).filter(pk__in=uuids_of(ids)).values_list("pk", "code", "name")
    return {str(pk): SubjectName(f"strategy {code} {name}".strip()) for pk, code, name in rows}


def _signals(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = visible_signals(viewer).filter(pk__in=uuids_of(ids)).values_list("pk", "journey_id", "instrument__symbol", "strategy__code")
    return {
        str(pk): SubjectName(f"signal {code} in {symbol}", address("reporting:journey", journey_id))
        for pk, journey_id, symbol, code in rows
    }


def _statements(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = visible_statements(viewer).filter(pk__in=uuids_of(ids)).values_list("pk", "journey_id", "signal__instrument__symbol")
    return {str(pk): SubjectName(f"allocation of {symbol}", address("reporting:journey", journey_id)) for pk, journey_id, symbol in rows}
