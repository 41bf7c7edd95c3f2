"""A second person's yes to a release over a limit of gate 1 (GOV-4).

Entry points: `ask_for_approval`, `approval_of`, `spend_approval`.
Invariants: 1. an approval is bound to the signal and to every account's quantity: one lot more and it is for something else. 2. it waives only the
limits it names; missing data (CON-5) and what GOV-4 lists as hard is never waived. 3. gate 2 is judged all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from allocation.services.sizing import SizedSignal
from base.core.ids import digest
from base.errors import Conflict
from governance import queries as governance
from governance import services as approvals
from governance.core.approvals import never_overridable
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, SubjectKind
from governance.queries import ApprovalFacts
from risk.core.findings import Finding
from risk.enums import GateCode

_WAIVABLE = frozenset({GateCode.ORDER_NOTIONAL, GateCode.ADV, GateCode.GROSS, GateCode.NET, GateCode.SINGLE_NAME, GateCode.DAILY_LOSS})


class UnableToOverride(Conflict):
    """The approval does not cover what gate 1 finds now."""


def rules_of(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the limits of findings as an approval names them: rule and limit, once each."""
    return tuple(dict.fromkeys(f"{finding.rule}:{finding.code.value}" for finding in findings))


def is_waivable(findings: Sequence[Finding]) -> bool:
    """Return whether a second person may wave all of these through (GOV-4)."""
    return bool(findings) and all(f.code in _WAIVABLE and not never_overridable(f.rule) for f in findings)


def content_of(sized: SizedSignal) -> str:
    """Return the hash of what an approval is for: the signal as stated and every account's quantity."""
    quantities = [[account, quantity] for account, quantity in zip(sized.account_ids, sized.result.quantity[:, 0].tolist(), strict=True)]
    return digest(["release over a limit", sized.signal.body_sha256, sized.instrument.id, sorted(quantities)])


def ask_for_approval(*, sized: SizedSignal, findings: Sequence[Finding], actor: Actor, now: datetime, reason: str) -> UUID:
    """Ask a second person to let this sizing of a received signal pass these findings. Raises UnableToApprove, UnableToOverride."""
    if not is_waivable(findings):
        raise UnableToOverride("GOV-4", "what gate 1 found cannot be waived by anybody")
    return approvals.request_approval(
        action=ApprovalAction.RELEASE_OVER_LIMIT,
        subject=_subject(sized),
        content_hash=content_of(sized),
        actor=actor,
        now=now,
        reason=reason,
        rules=rules_of(findings),
        journey_id=sized.signal.journey_id,
    )


def approval_of(*, sized: SizedSignal, now: datetime) -> ApprovalFacts | None:
    """Return the newest unexpired request for exactly this sizing, None if there is none."""
    return governance.latest_approval(
        action=ApprovalAction.RELEASE_OVER_LIMIT, subject=_subject(sized), content_hash=content_of(sized), now=now
    )


def spend_approval(*, approval_id: UUID, sized: SizedSignal, findings: Sequence[Finding], actor: Actor | None, now: datetime) -> None:
    """Spend an approval on this sizing. Raises NotFound, UnableToApprove, UnableToOverride where gate 1 finds more than was approved."""
    known = governance.approval(approval_id=approval_id, now=now)
    if not is_waivable(findings) or not set(rules_of(findings)) <= set(known.rules):
        raise UnableToOverride("GOV-4", "gate 1 finds more than was approved")
    approvals.use_approval(
        approval_id=approval_id,
        action=ApprovalAction.RELEASE_OVER_LIMIT,
        subject=_subject(sized),
        content_hash=content_of(sized),
        now=now,
        actor=actor,
        journey_id=sized.signal.journey_id,
    )


def _subject(sized: SizedSignal) -> Subject:
    return Subject(SubjectKind.SIGNAL, str(sized.signal.id))
