"""Four-eyes approvals (GOV-4).

Entry points: `request_approval` → `approve` or `refuse` → `use`; `never_overridable` lists what nobody can wave through; `state_at` for
display.

Invariants
1. Requester and approver are different people, each in a role the action allows, and both give a reason.
2. An approval holds for one content (its SHA-256), is used once, and ends 15 minutes after the *request*.
3. What the law or the owner forbids is refused at the request already: CST-5 frozen, CST-6, GOV-2, ALC-9 for IRA/ERISA, GOV-5.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from governance.core.killswitch import REARM_ROLES
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, ApprovalState, Role

APPROVAL_LIFETIME = timedelta(minutes=15)
_STAFF = frozenset({Role.MANAGER, Role.TRADER, Role.OPERATIONS, Role.RISK, Role.COMPLIANCE})
_CONTROL = frozenset({Role.RISK, Role.COMPLIANCE})
_COMPLIANCE = frozenset({Role.COMPLIANCE})
APPROVERS: Mapping[ApprovalAction, frozenset[Role]] = MappingProxyType(
    {
        **dict.fromkeys(ApprovalAction, _CONTROL),
        ApprovalAction.LIFT_RESTRICTION: _COMPLIANCE,
        ApprovalAction.REARM_KILL_SWITCH: REARM_ROLES,
        ApprovalAction.RELEASE_OVER_LIMIT: _CONTROL | {Role.MANAGER},
        ApprovalAction.WAIVE_BREAK: _CONTROL | {Role.OPERATIONS},
        ApprovalAction.ADJUST_LEDGER: _CONTROL | {Role.OPERATIONS},
        ApprovalAction.RETIRED: frozenset(),
    }
)
# A rule id without qualifier stands for its strictest form, so "CST-5" alone counts as frozen.
NEVER_OVERRIDABLE: Mapping[str, str] = MappingProxyType(
    {
        "CST-5": "a frozen issuer stays frozen until the list itself changes",
        "CST-5:FROZEN": "a frozen issuer stays frozen until the list itself changes",
        "CST-6": "a legal position limit binds everybody; an exemption is a recorded document",
        "DRV-5": "a legal position limit binds everybody; an exemption is a recorded document",
        "GOV-1": "nobody may trade for a client without recorded authority",
        "GOV-2": "nobody may trade for a client without authority",
        "ALC-9": "crosses with an IRA or ERISA account are prohibited",
        "ALC-9:IRA": "crosses with an IRA or ERISA account are prohibited",
        "ALC-9:ERISA": "crosses with an IRA or ERISA account are prohibited",
        "GOV-5": "clients' and own assets stay apart",
    }
)
_SHA256 = re.compile(r"[0-9a-f]{64}")


class UnableToApprove(Exception):
    """A step of an approval that is refused.

    code: NEVER_OVERRIDABLE, NOT_PERMITTED, NO_REASON, BAD_HASH, SAME_PERSON, EXPIRED, NOT_REQUESTED, NOT_APPROVED, ALREADY_USED,
    CONTENT_CHANGED, WRONG_SUBJECT.
    """

    def __init__(self, code: str, **context: object) -> None:
        super().__init__(code, context)
        self.code = code
        self.context = context


@dataclass(frozen=True, slots=True)
class Approval:
    """A request and what became of it. content_hash: SHA-256 of exactly what is to happen, hexadecimal."""

    approval_id: UUID
    action: ApprovalAction
    subject: Subject
    content_hash: str
    requested_by: str
    requested_at: datetime
    reason: str
    rules: tuple[str, ...] = ()
    state: ApprovalState = ApprovalState.REQUESTED
    decided_by: str = ""
    decided_at: datetime | None = None
    decision_reason: str = ""
    used_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """The first instant it can no longer be given or used."""
        return self.requested_at + APPROVAL_LIFETIME


def never_overridable(rule: str) -> str | None:
    """Return why `rule` cannot be overridden by anybody, or None if a second person may decide (GOV-4).

    >>> never_overridable("CST-5:CLOSE_ONLY") is None, never_overridable("CST-6") is None
    (True, False)
    """
    return NEVER_OVERRIDABLE.get(rule.strip().upper())


def request_approval(
    approval_id: UUID,
    action: ApprovalAction,
    subject: Subject,
    *,
    content_hash: str,
    actor: Actor,
    at: datetime,
    reason: str,
    rules: tuple[str, ...] = (),
) -> Approval:
    """Ask for a second person. rules: the ids of the rules to be overridden, each as the finding named it.

    Raises UnableToApprove for a rule nobody may override, a role outside the staff, an action nobody could approve, a missing reason, or a hash
    that is not SHA-256.
    """
    if actor.role not in _STAFF or not APPROVERS[action]:
        raise UnableToApprove("NOT_PERMITTED", role=actor.role)
    if action is ApprovalAction.RELEASE_OVER_LIMIT and not rules:
        raise UnableToApprove("NO_REASON", missing="the limits to pass")
    for rule in rules:
        if why := never_overridable(rule):
            raise UnableToApprove("NEVER_OVERRIDABLE", rule=rule, why=why)
    if not _SHA256.fullmatch(content_hash):
        raise UnableToApprove("BAD_HASH")
    return Approval(approval_id, action, subject, content_hash, actor.user_id, at, _reason(reason), rules)


def approve(approval: Approval, actor: Actor, at: datetime, reason: str) -> Approval:
    """Say yes, as another person in a role that may (GOV-4). Raises UnableToApprove otherwise."""
    return _decide(approval, actor, at, reason, ApprovalState.APPROVED)


def refuse(approval: Approval, actor: Actor, at: datetime, reason: str) -> Approval:
    """Say no; the request is closed for good."""
    return _decide(approval, actor, at, reason, ApprovalState.REFUSED)


def use(approval: Approval, action: ApprovalAction, subject: Subject, content_hash: str, at: datetime) -> Approval:
    """Spend the approval on exactly the content it was given for; returns it as USED.

    The caller saves it in the same transaction as the act, on the row it locked, so that it is spent once.

    Raises UnableToApprove if it is for something else, was not given, was used before, or has expired.
    """
    if approval.state is ApprovalState.USED:
        raise UnableToApprove("ALREADY_USED", used_at=approval.used_at)
    if approval.state is not ApprovalState.APPROVED:
        raise UnableToApprove("NOT_APPROVED", state=approval.state)
    _unexpired(approval, at)
    if (approval.action, approval.subject) != (action, subject):
        raise UnableToApprove("WRONG_SUBJECT", approved=str(approval.subject), asked=str(subject))
    if not hmac.compare_digest(approval.content_hash.encode(), content_hash.encode()):
        raise UnableToApprove("CONTENT_CHANGED")
    return replace(approval, state=ApprovalState.USED, used_at=at)


def state_at(approval: Approval, at: datetime) -> ApprovalState:
    """Return the state to show at `at`: EXPIRED once time has run out on a request or an unused approval."""
    pending = approval.state in (ApprovalState.REQUESTED, ApprovalState.APPROVED)
    return ApprovalState.EXPIRED if pending and at >= approval.expires_at else approval.state


def _decide(approval: Approval, actor: Actor, at: datetime, reason: str, state: ApprovalState) -> Approval:
    if approval.state is not ApprovalState.REQUESTED:
        raise UnableToApprove("NOT_REQUESTED", state=approval.state)
    _unexpired(approval, at)
    if actor.user_id == approval.requested_by:
        raise UnableToApprove("SAME_PERSON", user_id=actor.user_id)
    if actor.role not in APPROVERS[approval.action]:
        raise UnableToApprove("NOT_PERMITTED", role=actor.role)
    return replace(approval, state=state, decided_by=actor.user_id, decided_at=at, decision_reason=_reason(reason))


def _unexpired(approval: Approval, at: datetime) -> None:
    if not approval.requested_at <= at < approval.expires_at:
        raise UnableToApprove("EXPIRED", expires_at=approval.expires_at)


def _reason(text: str) -> str:
    if not text.strip():
        raise UnableToApprove("NO_REASON")
    return text.strip()
