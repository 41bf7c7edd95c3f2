"""Keys of sources that send signed signals, and messages taken once (S7)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from base.core.ids import new_id
from base.core.webhooks import format_secret
from base.errors import NotFound

from ..core.subjects import Actor, Subject
from ..enums import AuditAction, SubjectKind
from ..models import ReceivedMessage, WebhookKey
from ..queries.people import actor_for
from ..queries.webhooks import webhook_secret
from .audit_trail import audit


def create_webhook_key(*, source: str, user_id: int, now: datetime, actor: Actor | None = None) -> tuple[str, str]:
    """Return a new key's id and its secret ("whsec_…"), which is derived and not stored. Signals it signs act as `user_id`.

    Raises NotFound for somebody who is no active member of the firm.
    """
    person = actor_for(user_id)
    key = WebhookKey.objects.create(id=new_id(), source=source, user_id=user_id, created_at=now)
    after = {"source": source, "user": user_id}
    audit(action=AuditAction.CREATED, subject=_subject(key.id), actor=actor or person, now=now, after=after)
    return str(key.id), format_secret(webhook_secret(key.id))


def revoke_webhook_key(*, key_id: UUID, actor: Actor | None, now: datetime, ends_at: datetime | None = None, reason: str = "") -> None:
    """End a key now, or at `ends_at` so that a sender can change over to a new one. Raises NotFound."""
    row = WebhookKey.objects.select_for_update().filter(id=key_id).first()
    if row is None:
        raise NotFound("webhook key")
    before = {"revoked_at": row.revoked_at}
    row.revoked_at = min(at for at in (ends_at or now, row.revoked_at) if at is not None)
    row.save(update_fields=["revoked_at"])
    after = {"revoked_at": row.revoked_at}
    subject = _subject(row.id)
    audit(action=AuditAction.CREDENTIAL_ROTATED, subject=subject, actor=actor, now=now, before=before, after=after, reason=reason)


def take_message(*, source: str, message_id: str, now: datetime) -> bool:
    """Take a message in the caller's transaction: True the first time, False for a replay.

    Waits for another transaction that is taking the same one, and takes it if that one fails.
    """
    row = ReceivedMessage(id=new_id(), source=source, message_id=message_id, received_at=now)
    ReceivedMessage.objects.bulk_create([row], ignore_conflicts=True)
    return ReceivedMessage.objects.filter(id=row.id).exists()


def _subject(key_id: UUID) -> Subject:
    return Subject(SubjectKind.API_KEY, str(key_id))
