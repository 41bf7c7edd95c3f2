"""The evening of every account: valued once its custodian's market has closed, without anybody asking (ACC-3, PRF-1).

Entry points: `value_evenings` (what beat asks for), `value_evening_again` (after books of a past day were corrected).

Invariants
1. An evening is valued from `SETTLES` after the close until the next session opens: later prices are another day's. What was missed stays open,
   and operations are told until the next evening is valued.
2. An account with an entry of a later trade date is not valued for that evening any more: its books have moved on.
3. Who cannot be valued for want of a price or rate is tried again, and operations are told until it is (CON-5).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from base.core.figures import counted
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import end_alert, raise_alert
from market.core import calendars

from ..models import Custodian
from .snapshots import SnapshotFacts, snapshot_equity

logger = logging.getLogger(__name__)
SETTLES = timedelta(minutes=15)
"""[D] What late fills of the close may take to arrive and be booked."""
AT_LEAST = timedelta(hours=1)
"""[D] How long an evening may be valued where the next session opens at once, as in markets that never close."""
IN_A_ROW = timedelta(days=31)
"""[D] How far back an account's evening before lies at most: one that was closed for months and opened again has missed none."""
_LACKING = """
SELECT a.id FROM accounts_account a
WHERE a.custodian_id = %(custodian)s AND NOT a.is_clearing AND a.opened_on <= %(as_of)s AND (a.closed_on IS NULL OR a.closed_on > %(as_of)s)
    AND NOT EXISTS (SELECT 1 FROM accounts_equitysnapshot s WHERE s.account_id = a.id AND s.as_of = %(as_of)s)
    AND NOT EXISTS (SELECT 1 FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id
        WHERE t.trade_date > %(as_of)s AND e.account_id = a.id)
"""


_MISSED = """
SELECT count(*) FROM accounts_account a
WHERE a.custodian_id = %(custodian)s AND NOT a.is_clearing AND (a.closed_on IS NULL OR a.closed_on > %(as_of)s)
    AND NOT EXISTS (SELECT 1 FROM accounts_equitysnapshot s WHERE s.account_id = a.id AND s.as_of = %(as_of)s)
    AND EXISTS (SELECT 1 FROM accounts_equitysnapshot s WHERE s.account_id = a.id AND s.as_of < %(as_of)s AND s.as_of > %(since)s)
"""


def value_evenings(*, now: datetime) -> int:
    """Value every account whose evening has come and is not on record; return how many were. Safe to repeat."""
    done = 0
    for custodian in Custodian.objects.order_by("id"):
        try:
            with transaction.atomic():
                done += _value(custodian, now)
        except Exception:  # one custodian's trouble is no other's
            logger.exception("the evening at custodian %s could not be valued", custodian.pk)
    return done


def _value(custodian: Custodian, now: datetime) -> int:
    as_of = _evening(custodian.calendar, now)
    if as_of is None:
        _tell_missed(custodian, calendars.last_closed_session(custodian.calendar, now), now)
        return 0
    lacking = _lacking(custodian.pk, as_of)
    found = snapshot_equity(as_of=as_of, now=now, account_ids=lacking) if lacking else SnapshotFacts(0, ())
    _tell(custodian, as_of, found, now)
    return found.written


def value_evening_again(*, account_id: UUID, calendar: str, now: datetime) -> bool:
    """Value an account's last evening by its corrected books; return whether that can still be done (invariants 1 and 2)."""
    as_of = _evening(calendar, now)
    if as_of is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT 1 FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id"
            " WHERE t.trade_date > %s AND e.account_id = %s)",
            [as_of, account_id],
        )
        if not cursor.fetchone()[0]:
            return False
    return bool(snapshot_equity(as_of=as_of, now=now, account_ids=[account_id]).written)


def _evening(calendar: str, now: datetime) -> date | None:
    """Return the session whose evening may be valued now; None outside of its time."""
    as_of = calendars.last_closed_session(calendar, now)
    closed = calendars.session_close(calendar, as_of)
    until = max(calendars.session_open(calendar, calendars.next_session(calendar, as_of)), closed + AT_LEAST)
    return as_of if closed + SETTLES <= now < until else None


def _lacking(custodian_id: UUID, as_of: date) -> Sequence[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_LACKING, {"custodian": custodian_id, "as_of": as_of})
        return [row[0] for row in cursor.fetchall()]


def _tell(custodian: Custodian, as_of: date, found: SnapshotFacts, now: datetime) -> None:
    key = f"ACC-3|evening|{custodian.pk}"
    if not found.unknown:
        end_alert(dedupe_key=_missed(custodian), now=now, reason="a later evening is valued")
        end_alert(dedupe_key=key, now=now, reason="every account is valued")
        return
    n = len(found.unknown)
    raise_alert(
        tier=AlertTier.WARNING,
        audience=Role.OPERATIONS,
        rule="ACC-3",
        subject=Subject(SubjectKind.ACCOUNT, str(found.unknown[0])) if n == 1 else Subject(SubjectKind.FIRM, str(custodian.firm_id)),
        message=f"The evening of {as_of} is not valued for {'an account' if n == 1 else f'{n} accounts'} at {custodian.code}: a price or rate is missing",
        now=now,
        dedupe_key=key,
    )


def _missed(custodian: Custodian) -> str:
    return f"ACC-3|missed|{custodian.pk}"


def _tell_missed(custodian: Custodian, as_of: date, now: datetime) -> None:
    """Tell operations of accounts whose row of evenings has a gap now that nothing can fill: their figures join the days around it."""
    if now < calendars.session_close(custodian.calendar, as_of) + SETTLES:
        return
    with connection.cursor() as cursor:
        cursor.execute(_MISSED, {"custodian": custodian.pk, "as_of": as_of, "since": as_of - IN_A_ROW})
        n = cursor.fetchone()[0]
    if not n:
        return
    raise_alert(
        tier=AlertTier.WARNING,
        audience=Role.OPERATIONS,
        rule="ACC-3",
        subject=Subject(SubjectKind.FIRM, str(custodian.firm_id)),
        message=f"The evening of {as_of} was never valued for {counted(n, 'account')} at {custodian.code}:"
        " from the close to the next open no price was known, no worker ran, or the books had moved on; returns join the days around it",
        now=now,
        dedupe_key=_missed(custodian),
    )
