"""Resolve a break by a typed adjustment, or set it aside by a waiver: always two people (REC-6, REC-7, GOV-4).

Entry points: `request_adjustment`, `resolve_break`, `request_waiver`, `waive_break`, `assign_break`, `UnableToResolve`.
Invariants: 1. the second person approved exactly this: break, figures, kind, reason, evidence, and for a waiver its end; 2. an adjustment
is new ledger entries in the open, never a change of old ones; 3. what posts nothing (a claim, corrected reference data) leaves the break
open until a run finds it gone; 4. figures that other adjustments of the account may have outdated are not booked: reconcile again first; 5. what a break blocked is free in the
same transaction, and the account's last evening is valued anew where that can be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.services import post, value_evening_again
from base.core.ids import digest, new_id
from base.errors import NotFound, Refused
from base.live import Topic, announce
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, AuditAction, SubjectKind
from governance.queries.approvals import approval
from governance.services import audit, request_approval, use_approval

from ..core.aging import UnableToWaive, content_of, waive
from ..core.breaks import Break as Found
from ..core.resolution import UnableToAdjust, adjust
from ..enums import AdjustmentKind, BreakState
from ..models import Adjustment, Break, Waiver
from ..queries.columns import execute
from ..queries.since import booked_since
from .blocking import lift_resolved
from .entries import ledger_transaction
from .rows import to_value


class UnableToResolve(Refused):
    """A resolution that is refused. code: CLOSED, RUN_AGAIN, SLEEVE_NEEDED, or one of the core's or the approval's words."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was recorded: the adjustment, the ledger transaction it posted (None for claims and corrections), the break's state."""

    adjustment_id: UUID
    transaction_id: UUID | None
    state: BreakState


def request_adjustment(*, break_id: UUID, kind: AdjustmentKind, reason: str, evidence: str, actor: Actor, now: datetime) -> UUID:
    """Ask for a second person for exactly this adjustment; return the approval's id. Raises NotFound, UnableToResolve."""
    row, found = _locked(break_id)
    _adjusted(found, kind, reason, evidence, actor.user_id, "second person")
    return request_approval(
        action=ApprovalAction.ADJUST_LEDGER,
        subject=_subject(row),
        content_hash=_adjustment_content(found, kind, reason, evidence),
        reason=reason,
        actor=actor,
        now=now,
    )


def resolve_break(
    *,
    break_id: UUID,
    kind: AdjustmentKind,
    reason: str,
    evidence: str,
    approval_id: UUID,
    actor: Actor,
    now: datetime,
    sleeve_id: UUID | None = None,
) -> Resolution:
    """Carry out an approved adjustment: post its entries, keep it with its evidence, and close the break if it posted.

    sleeve_id: whose books; may be left out where the account has one that fits. Raises NotFound, UnableToResolve, UnableToApprove.
    """
    row, found = _locked(break_id)
    _check_fresh(row)
    use_approval(
        approval_id=approval_id,
        action=ApprovalAction.ADJUST_LEDGER,
        subject=_subject(row),
        content_hash=_adjustment_content(found, kind, reason, evidence),
        now=now,
    )
    requested_by, approved_by = _people(approval_id, now)
    made = _adjusted(found, kind, reason, evidence, requested_by, approved_by)
    transaction_id = None
    adjustment_id = new_id()
    if made.postings:
        entry = ledger_transaction(row, made, source_key=f"adjustment|{adjustment_id}", sleeve_id=sleeve_id or _sleeve_of(row))
        post(transactions=[entry], now=now)
        transaction_id = _transaction_id(entry.source_key)
    Adjustment.objects.create(
        id=adjustment_id,
        of_break=row,
        kind=kind,
        transaction_id=transaction_id,
        reason=made.reason,
        evidence=evidence.strip(),
        approval_id=approval_id,
        recorded_at=now,
    )
    _tell(row)
    before = {"state": str(row.state)}
    if transaction_id is not None:
        row.state, row.closed_at = BreakState.RESOLVED, now
        row.save(update_fields=["state", "closed_at"])
        lift_resolved(custodian_id=row.run.custodian_id, account_id=row.account_id, now=now)
        value_evening_again(account_id=row.account_id, calendar=row.run.custodian.calendar, now=now)
    audit(
        action=AuditAction.LEDGER_ADJUSTED,
        subject=_subject(row),
        actor=actor,
        now=now,
        before=before,
        after={"state": str(row.state), "kind": str(kind), "transaction": str(transaction_id or ""), "evidence": evidence},
        reason=made.reason,
        rule="REC-7",
        approval_id=approval_id,
    )
    return Resolution(adjustment_id, transaction_id, BreakState(row.state))


def request_waiver(*, break_id: UUID, reason: str, expires_at: datetime, actor: Actor, now: datetime) -> UUID:
    """Ask for a second person for setting a break aside until `expires_at`; return the approval's id."""
    row, found = _locked(break_id)
    _waived(found, actor.user_id, "second person", reason, now, expires_at)
    return request_approval(
        action=ApprovalAction.WAIVE_BREAK,
        subject=_subject(row),
        content_hash=_waiver_content(found, reason, expires_at),
        reason=reason,
        actor=actor,
        now=now,
    )


def waive_break(*, break_id: UUID, reason: str, expires_at: datetime, approval_id: UUID, actor: Actor, now: datetime) -> UUID:
    """Set a break aside as it stands, until `expires_at` (a week at most); return the waiver's id.

    Raises NotFound, UnableToResolve (SAME_PERSON, NO_REASON, NO_EXPIRY, TOO_LONG), UnableToApprove.
    """
    row, found = _locked(break_id)
    use_approval(
        approval_id=approval_id,
        action=ApprovalAction.WAIVE_BREAK,
        subject=_subject(row),
        content_hash=_waiver_content(found, reason, expires_at),
        now=now,
    )
    requested_by, approved_by = _people(approval_id, now)
    given = _waived(found, requested_by, approved_by, reason, now, expires_at)
    waiver = Waiver.objects.create(
        of_break=row,
        content_hash=given.content,
        reason=given.reason,
        approval_id=approval_id,
        approved_at=given.approved_at,
        expires_at=given.expires_at,
    )
    before = {"state": str(row.state)}
    row.state = BreakState.WAIVED
    row.save(update_fields=["state"])
    lift_resolved(custodian_id=row.run.custodian_id, account_id=row.account_id, now=now)
    _tell(row)
    audit(
        action=AuditAction.BREAK_WAIVED,
        subject=_subject(row),
        actor=actor,
        now=now,
        before=before,
        after={"state": str(row.state), "expires_at": expires_at.isoformat()},
        reason=given.reason,
        rule="REC-6",
        approval_id=approval_id,
    )
    return waiver.id


def assign_break(*, break_id: UUID, owner_id: int | None, actor: Actor, now: datetime) -> None:
    """Name the person who works on a break (None: nobody). Raises NotFound, UnableToResolve where it is closed."""
    row, _ = _locked(break_id)
    before = {"owner": row.owner_id}
    row.owner_id = owner_id
    row.save(update_fields=["owner"])
    _tell(row)
    audit(
        action=AuditAction.CHANGED,
        subject=_subject(row),
        actor=actor,
        now=now,
        before=before,
        after={"owner": owner_id},
        rule="REC-6",
    )


def _locked(break_id: UUID) -> tuple[Break, Found]:
    row = Break.objects.select_for_update(of=("self",)).select_related("run", "account").filter(id=break_id).first()
    if row is None:
        raise NotFound("break")
    if row.closed_at is not None:
        raise UnableToResolve("CLOSED", f"the break is {row.state}", value=row.state)
    return row, to_value(row, row.account.custodian_account)


def _check_fresh(row: Break) -> None:
    """Refuse figures that anything booked after the run may have outdated: an adjustment of the account, or a fill that came late."""
    later = Adjustment.objects.filter(of_break__account_id=row.account_id, transaction__isnull=False, recorded_at__gte=row.run.started_at)
    if later.exists():
        raise UnableToResolve("RUN_AGAIN", "the account was adjusted since the run that found this break: reconcile it again first")
    if booked_since(row.run_id, row.run.as_of, account_id=row.account_id):
        raise UnableToResolve("RUN_AGAIN", "the account's books have moved since the run that found this break: reconcile it again first")


def _adjusted(found: Found, kind: AdjustmentKind, reason: str, evidence: str, requested_by: str, approved_by: str) -> Any:
    try:
        return adjust(found, kind, reason=reason, evidence=(evidence,), requested_by=requested_by, approved_by=approved_by)
    except UnableToAdjust as error:
        raise UnableToResolve(error.code, str(error), value=kind) from error


def _waived(found: Found, requested_by: str, approved_by: str, reason: str, now: datetime, expires_at: datetime) -> Any:
    try:
        return waive(found, requested_by=requested_by, approved_by=approved_by, reason=reason, now=now, expires_at=expires_at)
    except UnableToWaive as error:
        raise UnableToResolve(error.code, f"the waiver is refused: {error.code}", value=expires_at) from error


def _adjustment_content(found: Found, kind: AdjustmentKind, reason: str, evidence: str) -> str:
    return digest(
        {
            "break": content_of(found),
            "effect": [found.difference, found.cash_difference, found.settles_on],
            "kind": kind,
            "reason": reason.strip(),
            "evidence": evidence.strip(),
        }
    )


def _waiver_content(found: Found, reason: str, expires_at: datetime) -> str:
    return digest({"break": content_of(found), "reason": reason.strip(), "expires_at": expires_at})


def _people(approval_id: UUID, now: datetime) -> tuple[str, str]:
    given = approval(approval_id=approval_id, now=now)
    return str(given.requested_by), str(given.decided_by)


def _tell(row: Break) -> None:
    announce(Topic.BREAKS, [row.id], accounts=[row.account_id])


def _subject(row: Break) -> Subject:
    return Subject(SubjectKind.BREAK, str(row.id))


def _sleeve_of(row: Break) -> UUID | None:
    """Return the one sleeve that holds the instrument, else the account's only sleeve; none is needed for money alone."""
    if row.instrument_id is None:
        return None
    held = "SELECT DISTINCT sleeve_id FROM accounts_position WHERE account_id = %(account)s AND instrument_id = %(instrument)s"
    booked = "SELECT DISTINCT sleeve_id FROM accounts_ledgerentry WHERE account_id = %(account)s AND sleeve_id IS NOT NULL"
    for sql in (held, booked):
        found = execute(sql, {"account": row.account_id, "instrument": row.instrument_id}).fetchall()
        if len(found) == 1:
            return UUID(str(found[0][0]))
    raise UnableToResolve("SLEEVE_NEEDED", "the account has several sleeves: say which one is adjusted", field="sleeve_id")


def _transaction_id(source_key: str) -> UUID:
    found = execute("SELECT id FROM accounts_ledgertransaction WHERE source_key = %(key)s", {"key": source_key}).fetchone()
    if found is None:
        raise LookupError(f"the ledger did not take {source_key}")
    return UUID(str(found[0]))
