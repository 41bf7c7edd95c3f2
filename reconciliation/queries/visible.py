"""Which runs and breaks a person may see.

Entry points: `visible_runs`, `visible_breaks`, `open_break_count`. Inside the caller's tenancy
block; each returns a queryset that is one statement.
"""

from __future__ import annotations

from django.db.models import QuerySet

from accounts import queries as accounts
from governance.core.subjects import Viewer

from ..enums import BreakState
from ..models import Break, ReconciliationRun


def visible_runs(viewer: Viewer) -> QuerySet[ReconciliationRun]:
    """Return the runs of custodians that keep an account the person sees."""
    if viewer.oversight:
        return ReconciliationRun.objects.all()
    return ReconciliationRun.objects.filter(custodian_id__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("custodian_id"))


def visible_breaks(viewer: Viewer) -> QuerySet[Break]:
    """Return the breaks of accounts the person sees."""
    if viewer.oversight:
        return Break.objects.all()
    return Break.objects.filter(account_id__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("id"))


def open_break_count(viewer: Viewer) -> int:
    """Return how many breaks the person sees that are still open."""
    return visible_breaks(viewer).filter(closed_at__isnull=True, state=BreakState.OPEN).count()
