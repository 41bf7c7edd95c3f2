"""A second person's answer, and what it sets off: where an app has said how, an approved act happens in the same transaction (GOV-4).

Entry points: `decide`; for other apps, from their `ready`: `register_act`.

Invariants
1. Saying yes and the act stand or fall together: an act that is refused leaves the request open.
2. Acts nobody registered stay APPROVED, to be used by whoever asked, before the request's 15 minutes are over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from ..core.subjects import Actor
from ..enums import ApprovalAction
from ..queries.approvals import approval
from .approvals import approve, refuse
from .killswitch import confirm_rearm

Act = Callable[[UUID, Actor, datetime], None]
_ACTS: dict[ApprovalAction, Act] = {}


def register_act(action: ApprovalAction, act: Act) -> None:
    """Carry out approved requests of this action: `act(approval_id, actor, now)` spends the approval."""
    _ACTS[action] = act


def acts_at_once(action: ApprovalAction) -> bool:
    """Tell whether a yes carries the act out itself."""
    return action is ApprovalAction.REARM_KILL_SWITCH or action in _ACTS


def decide(*, approval_id: UUID, yes: bool, actor: Actor, now: datetime, reason: str) -> bool:
    """Answer a request; returns whether the act was carried out with it. Raises NotFound, UnableToApprove, and what the act refuses."""
    if not yes:
        refuse(approval_id=approval_id, actor=actor, now=now, reason=reason)
        return False
    action = approval(approval_id=approval_id, now=now).action
    if action is ApprovalAction.REARM_KILL_SWITCH:
        confirm_rearm(approval_id=approval_id, actor=actor, now=now, reason=reason)
        return True
    approve(approval_id=approval_id, actor=actor, now=now, reason=reason)
    if action in _ACTS:
        _ACTS[action](approval_id, actor, now)
    return action in _ACTS
