"""Propose how a break is resolved, word for word; a second person's yes carries exactly that out (REC-6, REC-7, GOV-4).

Entry points: `propose_adjustment`, `propose_waiver`, `carry_out`.

Invariants
1. A break has one proposal waiting at a time, so that a second press asks nobody twice.
2. What is carried out is read from the proposal, never from whoever approves.
3. The yes, the entries and the break's end stand or fall together.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from base.core.ids import new_id
from base.errors import Conflict, NotFound
from governance.core.subjects import Actor
from governance.enums import ApprovalState
from governance.queries.approvals import approval

from ..enums import AdjustmentKind
from ..models import Break, Evidence, Proposal
from .resolving import request_adjustment, request_waiver, resolve_break, waive_break

EVIDENCE = 400


class AlreadyProposed(Conflict):
    """The break waits for a second person already."""


def propose_adjustment(
    *,
    break_id: UUID,
    kind: AdjustmentKind,
    reason: str,
    evidence: str,
    actor: Actor,
    now: datetime,
    document: Evidence | None = None,
    sleeve_id: UUID | None = None,
) -> UUID:
    """Ask for a second person for a typed entry; returns the approval's id. Raises NotFound, AlreadyProposed, UnableToResolve.

    document: kept evidence, which the approval is bound to by its hash.
    """
    _lock_unproposed(break_id, now)
    bound = evidence.strip()
    if document is not None:
        bound = f"{bound}; {document.name} sha256 {document.sha256}".removeprefix("; ")[-EVIDENCE:]
    approval_id = request_adjustment(break_id=break_id, kind=kind, reason=reason, evidence=bound, actor=actor, now=now)
    _keep(break_id, approval_id, actor, now, reason, kind=kind, evidence=bound, sleeve_id=sleeve_id)
    return approval_id


def propose_waiver(*, break_id: UUID, reason: str, expires_at: datetime, actor: Actor, now: datetime) -> UUID:
    """Ask for a second person for setting a break aside until an instant; returns the approval's id. Raises as `propose_adjustment`."""
    _lock_unproposed(break_id, now)
    approval_id = request_waiver(break_id=break_id, reason=reason, expires_at=expires_at, actor=actor, now=now)
    _keep(break_id, approval_id, actor, now, reason, expires_at=expires_at)
    return approval_id


def carry_out(approval_id: UUID, actor: Actor, now: datetime) -> None:
    """Do what an approved proposal says. Raises NotFound, UnableToResolve, UnableToApprove."""
    row = Proposal.objects.filter(approval_id=approval_id).first()
    if row is None:
        raise NotFound("proposal")
    if row.expires_at is not None:
        waive_break(break_id=row.of_break_id, reason=row.reason, expires_at=row.expires_at, approval_id=approval_id, actor=actor, now=now)
        return
    resolve_break(
        break_id=row.of_break_id,
        kind=AdjustmentKind(str(row.kind)),
        reason=row.reason,
        evidence=row.evidence,
        approval_id=approval_id,
        actor=actor,
        now=now,
        sleeve_id=row.sleeve_id,
    )


def _lock_unproposed(break_id: UUID, now: datetime) -> None:
    """Lock the break, so that of two presses one finds the other's proposal."""
    if Break.objects.select_for_update(of=("self",)).filter(id=break_id).first() is None:
        raise NotFound("break")
    newest = Proposal.objects.filter(of_break_id=break_id).order_by("-proposed_at", "-id").first()
    if newest is not None and approval(approval_id=newest.approval_id, now=now).state is ApprovalState.REQUESTED:
        raise AlreadyProposed("GOV-4", "this break waits for a second person already")


def _keep(
    break_id: UUID,
    approval_id: UUID,
    actor: Actor,
    now: datetime,
    reason: str,
    *,
    kind: AdjustmentKind | None = None,
    evidence: str = "",
    sleeve_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> None:
    Proposal.objects.create(
        id=new_id(),
        of_break_id=break_id,
        approval_id=approval_id,
        kind=kind,
        reason=reason,
        evidence=evidence,
        sleeve_id=sleeve_id,
        expires_at=expires_at,
        proposed_by_id=int(actor.user_id),
        proposed_at=now,
    )
