"""State a whole month, account by account.

Entry points: `state_month` (a door's work: it opens a tenancy block for each account), `last_month`, `due_accounts`, `report_failure`.
Invariants:
1. One account's failure, whatever it is, stops no other: it is listed, and an alert tells operations until the statement stands.
2. It can be stopped and started again at any point: what is made stays, equal figures are not made twice.
"""

from __future__ import annotations

import logging
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection

from base import tenancy
from base.errors import Refused
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from reporting.models import StatementDocument

from .statements import make_statement

logger = logging.getLogger(__name__)
_DUE = """
SELECT id, code FROM accounts_account
WHERE NOT is_clearing AND opened_on <= %s AND (closed_on IS NULL OR closed_on >= %s) AND (%s = '' OR code = %s)
AND (%s OR NOT EXISTS (SELECT 1 FROM reporting_statementdocument d WHERE d.account_id = accounts_account.id AND d.period_start = %s))
ORDER BY code
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of one account. document_id: None where it failed; `made` is False for a repeat of equal figures."""

    number: int
    count: int
    account: str
    document_id: UUID | None
    made: bool
    problem: str = ""


def month_bounds(month: str) -> tuple[date, date]:
    """Return the first and last day of YYYY-MM.

    >>> month_bounds("2026-02")
    (datetime.date(2026, 2, 1), datetime.date(2026, 2, 28))

    Raises ValueError for anything else.
    """
    first = datetime.strptime(month, "%Y-%m").date()  # noqa: DTZ007 (a month has no time zone)
    if first.isoformat()[:7] != month:
        raise ValueError(f"{month!r} is not YYYY-MM")
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def last_month(today: date) -> str:
    """Return the month before the date's, YYYY-MM.

    >>> last_month(date(2026, 1, 31))
    '2025-12'
    """
    return (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def due_accounts(*, period_start: date, period_end: date, account: str = "", only_missing: bool = False) -> list[tuple[UUID, str]]:
    """Return (id, code) of the accounts that were open in the period, or of the one named. Needs an open block.

    only_missing: leave out those that have a statement of the period.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [period_end, period_start, account, account, not only_missing, period_start])
        return [(row[0], row[1]) for row in cursor.fetchall()]


def state_month(
    *, firm: int, month: str, clock: Callable[[], datetime], account: str = "", only_missing: bool = False
) -> Iterator[Progress]:
    """Make the month's statements one by one, each in a transaction of its own, and yield what became of each.

    account: the code of the only one to state; only_missing: leave alone who has a statement of the month. Raises ValueError for a month that is not YYYY-MM.
    """
    start, end = month_bounds(month)
    with tenancy.firm(firm):
        due = due_accounts(period_start=start, period_end=end, account=account, only_missing=only_missing)
    for number, (account_id, code) in enumerate(due, start=1):
        problem: Refused | None = None
        try:
            with tenancy.firm(firm):
                before = _versions(account_id, start)
                document_id = make_statement(account_id=account_id, period_start=start, period_end=end, now=clock())
                made = _versions(account_id, start) > before
                governance.end_alert(dedupe_key=_alert_key(account_id, month), now=clock(), reason="the statement is made")
        except Refused as error:
            problem = error
        except Exception as error:  # the accounts that come after it wait for theirs
            logger.exception("the statement of account %s failed", account_id)
            problem = Refused("ERROR", f"it failed with {type(error).__name__}; the log says where")
        if problem is None:
            yield Progress(number, len(due), code, document_id, made)
            continue
        with tenancy.firm(firm):
            report_failure(account_id=account_id, month=month, error=problem, now=clock())
        yield Progress(number, len(due), code, None, False, problem.message)


def report_failure(*, account_id: UUID, month: str, error: Refused, now: datetime) -> UUID:
    """Tell operations that an account's statement cannot be made; one open alert an account and month."""
    return governance.raise_alert(
        tier=AlertTier.WARNING,
        audience=Role.OPERATIONS,
        rule="GOV-11",
        subject=Subject(SubjectKind.ACCOUNT, str(account_id)),
        message=f"No statement for {month}: {error.message}"[:400],
        now=now,
        dedupe_key=_alert_key(account_id, month),
    )


def _alert_key(account_id: UUID, month: str) -> str:
    return f"statement|{account_id}|{month}"


def _versions(account_id: UUID, period_start: date) -> int:
    return StatementDocument.objects.filter(account_id=account_id, period_start=period_start).count()
