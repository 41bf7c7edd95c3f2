"""What happened to a person's sign-in, told to each of their firms (GOV-7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.sessions.models import Session

from base import tenancy

from ..core.subjects import Subject
from ..enums import AuditAction, SubjectKind
from ..queries.people import actor_for, firms_of
from .audit_trail import audit


def record_signing(
    *,
    user_id: int,
    action: AuditAction,
    now: datetime,
    proven: bool = True,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> int:
    """Write the event in every firm the person is an active member of and return in how many. Opens the blocks itself.

    proven: the person has shown who they are, so that it was they who acted; a failed attempt is nobody's.
    """
    firms = firms_of(user_id)
    for firm in firms:
        with tenancy.firm(firm.id):
            actor = actor_for(user_id) if proven else None
            subject = Subject(SubjectKind.USER, str(user_id))
            audit(action=action, subject=subject, actor=actor, now=now, before=before, after=after, reason=reason)
    return len(firms)


def end_sessions(*, user_id: int, but: str | None = None) -> None:
    """End the person's sessions, all or all but one; their sockets follow within two seconds."""
    sessions = apps.get_model("usersessions", "UserSession")._default_manager.filter(user_id=user_id).exclude(session_key=but or "")
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    sessions.delete()


def reset_second_factor(*, user_id: int, now: datetime, reason: str) -> int:
    """Take off the person's second factors and recovery codes, end their sessions, and return how many credentials went. Opens its blocks itself."""
    gone, _ = apps.get_model("mfa", "Authenticator")._default_manager.filter(user_id=user_id).delete()
    end_sessions(user_id=user_id)
    after = {"kind": "second factor", "removed_count": gone}
    record_signing(user_id=user_id, action=AuditAction.CREDENTIAL_ROTATED, now=now, proven=False, after=after, reason=reason)
    return gone
