"""Which runs and breaks a person may see.

Entry points: `visible_runs`, `visible_breaks`. oversight: the person's role covers every account of the firm. Inside the caller's tenancy
block; each returns a queryset that is one statement.
"""

from __future__ import annotations

from django.db.models import QuerySet

from accounts import queries as accounts

from ..models import Break, ReconciliationRun


def visible_runs(*, user_id: int, oversight: bool) -> QuerySet[ReconciliationRun]:
    """Return the runs of custodians that keep an account the person sees."""
    if oversight:
        return ReconciliationRun.objects.all()
    return ReconciliationRun.objects.filter(custodian_id__in=accounts.visible_to(user_id).values("custodian_id"))


def visible_breaks(*, user_id: int) -> QuerySet[Break]:
    """Return the breaks of accounts the person sees."""
    return Break.objects.filter(account_id__in=accounts.visible_to(user_id).values("id"))
