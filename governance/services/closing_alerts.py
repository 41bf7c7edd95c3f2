"""End an alert by hand: the cause is gone and nothing says so by itself (RSK-10).

Entry points: `close_alert`, `CLOSERS`, `UnableToClose`.
Invariants: 1. a name stands on an alert before it is ended; 2. whoever ends it is one of its audience, in a role that answers for it, and says why; 3. a
cause that remains raises it again.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from base.errors import NotFound, Refused

from ..core.subjects import Actor
from ..enums import Role
from ..models import Alert
from .alerts import end_alert
from .permission import require_role

CLOSERS = frozenset({Role.OPERATIONS, Role.RISK, Role.COMPLIANCE})


class UnableToClose(Refused):
    """An end that is refused. code: NOT_ACKNOWLEDGED, ENDED, NO_REASON."""


def close_alert(*, alert_id: UUID, actor: Actor, now: datetime, reason: str) -> None:
    """End an acknowledged alert with a reason. Raises NotFound, NotPermitted, UnableToClose."""
    require_role(actor, CLOSERS)
    row = Alert.objects.select_for_update().filter(id=alert_id, audience__contains=[str(actor.role)]).first()
    if row is None:
        raise NotFound("alert")
    if not reason.strip():
        raise UnableToClose("NO_REASON", "a reason must be given", field="reason")
    if row.acknowledged_at is None:
        raise UnableToClose("NOT_ACKNOWLEDGED", "somebody acknowledges an alert before it is ended")
    if not end_alert(alert_id=alert_id, actor=actor, now=now, reason=reason.strip()):
        raise UnableToClose("ENDED", "the alert has ended already")
