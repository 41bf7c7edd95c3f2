"""Which custodians have confirmed a day of some accounts, and what they disagree about.

Entry points: `Confirmation`, `confirmations`. Inside the caller's tenancy block; a fixed number of statements.
Invariant: only the accounts handed in are asked about, and only their breaks are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count

from ..enums import RunState
from ..models import Break, ReconciliationRun


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A custodian's newest run of a day. accounts: of those asked about; breaks: theirs in this instrument that are still open."""

    custodian: str
    as_of: date
    state: RunState
    finished_at: datetime | None
    due_at: datetime
    accounts: int
    missing: int
    breaks: int

    @property
    def agrees(self) -> bool:
        """Tell whether the custodian spoke for every one of the accounts and agrees."""
        return self.state is RunState.COMPLETE and not self.missing and not self.breaks


def confirmations(held: Any, *, instrument_id: int, days: Collection[date]) -> list[Confirmation]:
    """Return what the custodians of some accounts said of the days, oldest first; at most four statements.

    held: a queryset of rows with `account`, those of accounts in sight alone.
    """
    kept = dict(held.order_by().values_list("account__custodian_id").annotate(n=Count("account_id", distinct=True)))
    if not kept or not days:
        return []
    rows = ReconciliationRun.objects.filter(custodian_id__in=list(kept), as_of__in=list(days)).select_related("custodian")
    runs = list(rows.order_by("custodian_id", "as_of", "-started_at", "-id").distinct("custodian_id", "as_of"))
    found = Break.objects.filter(instrument_id=instrument_id, closed_at=None, opened_on__lte=max(days))
    broken = list(found.values_list("account_id", flat=True))
    named = {*broken, *(account_id for run in runs for account_id in run.incomplete)}
    among = dict(held.filter(account_id__in=named).values_list("account_id", "account__custodian_id")) if named else {}
    breaks = Counter(among[account_id] for account_id in broken if account_id in among)
    return [
        Confirmation(
            run.custodian.code,
            run.as_of,
            RunState(run.state),
            run.finished_at,
            run.due_at,
            kept[run.custodian_id],
            len(among.keys() & set(run.incomplete)),
            breaks[run.custodian_id],
        )
        for run in sorted(runs, key=lambda run: (run.as_of, run.custodian.code))
    ]
