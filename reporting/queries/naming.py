"""How monthly statements are called, for apps that know them only by kind and id.

Entry point: `register`.
"""

from __future__ import annotations

from collections.abc import Collection

from accounts import queries as accounts
from governance.core.subjects import Viewer
from governance.enums import SubjectKind
from governance.queries.names import SubjectName, register_names, uuids_of

from ..models import StatementDocument


def register() -> None:
    """Name statements wherever governance speaks of them."""
    register_names(SubjectKind.STATEMENT, _statements)


def _statements(viewer: Viewer, ids: Collection[str]) -> dict[str, SubjectName]:
    seen = accounts.visible_to(viewer.user_id, on=viewer.on).values("id")
    rows = StatementDocument.objects.filter(pk__in=uuids_of(ids), account_id__in=seen)
    return {
        str(pk): SubjectName(f"statement of {code}, {month:%B %Y}")
        for pk, code, month in rows.values_list("pk", "account__code", "period_start")
    }
