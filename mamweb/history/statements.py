"""The monthly statements of a history: made when its days are lived, the newest month first, each as of the morning after its month.

Entry point: `state_past`. Invariant: safe to repeat; what is made is not made again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from base import tenancy
from governance import services as governance
from reporting import services as reporting

from .build import load_firm
from .plans import FirmPlan

PREPARED = time(7, 0, tzinfo=UTC)


def months_of(opened_on: date, until: date) -> list[date]:
    """Return the first days of the whole months of a history, the newest first.

    >>> months_of(date(2026, 1, 20), date(2026, 4, 3))
    [datetime.date(2026, 3, 1), datetime.date(2026, 2, 1), datetime.date(2026, 1, 1)]
    """
    found = []
    first = until.replace(day=1)
    while first > opened_on.replace(day=1):
        first = (first - timedelta(days=1)).replace(day=1)
        found.append(first)
    return found


def state_past(*, firm_id: int, plan: FirmPlan, until: date, tell: Callable[[int, int, str], None]) -> int:
    """Make what is missing of every month's statements; `tell` hears how many months are done, of how many, and of failures. Returns
    how many statements could not be made."""
    firm = load_firm(firm_id=firm_id, plan=plan)
    months = months_of(firm.opened_on, until)
    failed = 0
    for number, first in enumerate(months):
        after = (first + timedelta(days=32)).replace(day=1)
        prepared = datetime.combine(after, PREPARED)
        for made in reporting.state_month(firm=firm_id, month=first.isoformat()[:7], clock=lambda at=prepared: at, only_missing=True):  # type: ignore[misc]
            failed += made.document_id is None
            tell(number, len(months), made.problem)
        with tenancy.firm(firm_id):
            governance.seal_audit(now=prepared)
    tell(len(months), len(months), "")
    return failed
