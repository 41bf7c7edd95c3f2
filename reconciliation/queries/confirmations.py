"""Which custodians have confirmed a day of some accounts, and what they disagree about.

Entry points: `Confirmation`, `confirmations`. Inside the caller's tenancy block; a fixed number of statements.
Invariant: only accounts in sight are asked about, and only their breaks are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from accounts import queries as accounts
from governance.core.subjects import Viewer

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


def confirmations(viewer: Viewer, *, account_ids: Any, instrument_id: int, days: Collection[date]) -> list[Confirmation]:
    """Return what the custodians of these accounts said of the days, oldest first. account_ids: ids, or a subquery of them."""
    held = dict(accounts.visible_to(viewer.user_id, on=viewer.on).filter(pk__in=account_ids).values_list("id", "custodian_id"))
    if not held or not days:
        return []
    rows = ReconciliationRun.objects.filter(custodian_id__in=set(held.values()), as_of__in=list(days)).select_related("custodian")
    newest = rows.order_by("custodian_id", "as_of", "-started_at", "-id").distinct("custodian_id", "as_of")
    breaks = Break.objects.filter(account_id__in=list(held), instrument_id=instrument_id, closed_at=None, opened_on__lte=max(days))
    broken = Counter(held[account_id] for account_id in breaks.values_list("account_id", flat=True))
    kept = Counter(held.values())
    return [
        Confirmation(
            run.custodian.code,
            run.as_of,
            RunState(run.state),
            run.finished_at,
            run.due_at,
            kept[run.custodian_id],
            len(set(run.incomplete) & set(held)),
            broken[run.custodian_id],
        )
        for run in sorted(newest, key=lambda run: (run.as_of, run.custodian.code))
    ]
