"""What is to be reconciled now: new snapshots, and custodians whose hour has passed without one (REC-1).

Entry point: `reconcile_due`.
Invariants: 1. a custodian's last closed session has a run once its deadline has passed, INCOMPLETE where nothing came; 2. a snapshot that
no run has looked at is reconciled, however late it came; 3. when nothing is due nothing is written; 4. a custodian whose margin rates
cannot be read is alarmed, and stops no other.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import end_alert, raise_alert
from market.core import calendars

from ..models import ReconciliationRun
from ..queries.columns import execute
from ..queries.margins import UnreadableRates
from .runs import due_at_of, reconcile_custodian

_UNSEEN = """
SELECT DISTINCT s.custodian_id, s.as_of FROM reconciliation_custodiansnapshot s
WHERE NOT EXISTS (SELECT 1 FROM reconciliation_reconciliationrun r WHERE r.custodian_id = s.custodian_id AND r.as_of = s.as_of
                  AND r.started_at >= s.received_at AND r.snapshot_id IS NOT NULL)
ORDER BY s.as_of, s.custodian_id
"""
_EXPECTED = """
SELECT c.id, c.calendar, min(a.opened_on) FROM accounts_custodian c JOIN accounts_account a ON a.custodian_id = c.id
WHERE NOT a.is_clearing AND (a.closed_on IS NULL OR a.closed_on >= %(today)s) GROUP BY c.id, c.calendar ORDER BY c.id
"""


def reconcile_due(*, now: datetime) -> int:
    """Run everything that is due and return how many runs were new. Safe to repeat."""
    done = 0
    for custodian_id, as_of in [*execute(_UNSEEN, {}).fetchall(), *_overdue(now)]:
        key = f"REC-1|rates|{custodian_id}"
        try:
            done += not reconcile_custodian(custodian_id=custodian_id, as_of=as_of, now=now).repeated
        except UnreadableRates as error:
            subject = Subject(SubjectKind.BROKER_CONNECTION, str(custodian_id))
            message = f"Nothing is compared for {as_of}: {error.message}"[:400]
            raise_alert(
                tier=AlertTier.CRITICAL, audience=Role.OPERATIONS, rule="REC-1", subject=subject, message=message, now=now, dedupe_key=key
            )
        else:
            end_alert(dedupe_key=key, now=now)
    return done


def _overdue(now: datetime) -> list[tuple[UUID, date]]:
    found = []
    for custodian_id, calendar, since in execute(_EXPECTED, {"today": now.date()}).fetchall():
        as_of = calendars.last_closed_session(calendar, now)
        if since <= as_of and now > due_at_of(calendar, as_of):
            found.append((custodian_id, as_of))
    known = ReconciliationRun.objects.filter(custodian_id__in=[custodian_id for custodian_id, _ in found])
    seen = set(known.filter(as_of__in={as_of for _, as_of in found}).values_list("custodian_id", "as_of"))
    return [pair for pair in found if pair not in seen]
