"""How accounts, their groups and broker connections are called, for apps that know them only by kind and id.

Entry point: `register`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet

from base.addresses import address
from governance.core.subjects import Viewer
from governance.enums import SubjectKind
from governance.queries.names import SubjectName, register_accounts_in_sight, register_codes, register_names, uuids_of

from ..models import AccountGroup, BrokerConnection
from .columns import fetch_rows
from .visibility import visible_to


def register() -> None:
    """Name accounts and connections wherever governance speaks of them."""
    register_names(SubjectKind.ACCOUNT, _accounts)
    register_names(SubjectKind.ACCOUNT_GROUP, _groups)
    register_names(SubjectKind.BROKER_CONNECTION, _connections)
    register_codes(SubjectKind.ACCOUNT, lambda viewer, code: _id_of(visible_to(viewer.user_id, on=viewer.on), code))
    register_codes(SubjectKind.BROKER_CONNECTION, lambda viewer, code: _id_of(BrokerConnection.objects.all(), code))
    register_accounts_in_sight(_in_sight)


def _id_of(rows: QuerySet[Any], code: str) -> Any:
    return rows.filter(code=code).values_list("id", flat=True).first()


def _in_sight(viewer: Viewer) -> QuerySet[Any]:
    return visible_to(viewer.user_id, on=viewer.on).values("id")


def _accounts(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    rows = visible_to(viewer.user_id, on=viewer.on).filter(pk__in=uuids_of(ids)).values_list("pk", "code", "name")
    return {str(pk): SubjectName(f"{code} {name}".strip(), address("reporting:account", pk)) for pk, code, name in rows}


def _groups(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    """Name groups to those who oversee; a group itself is nothing to see to others."""
    if not viewer.oversight:
        return {pk: SubjectName("account group") for pk in ids}
    rows = AccountGroup.objects.filter(pk__in=uuids_of(ids)).values_list("pk", "code", "name")
    return {str(pk): SubjectName(f"group {code} {name}".strip()) for pk, code, name in rows}


def _connections(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    """Name connections, and the custodians that alarms about their files name."""
    sql = (
        "SELECT id, code FROM accounts_brokerconnection WHERE id = ANY(%(ids)s) "
        "UNION ALL SELECT id, code FROM accounts_custodian WHERE id = ANY(%(ids)s)"
    )
    where = address("execution:connections")
    return {str(pk): SubjectName(code, where) for pk, code in fetch_rows(sql, {"ids": uuids_of(ids)})}
