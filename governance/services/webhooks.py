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
from .tokens import is_own


def create_webhook_key(*, source: str, user_id: int, now: datetime, actor: Actor | None = None) -> tuple[str, str]:
    """Return a new key's id and its secret ("whsec_…"), which is derived and not stored. Signals it signs act as `user_id`.

    What somebody else makes signs nothing until the person accepts it (`accept_webhook_key`). Raises NotFound for somebody who is no active
    member of the firm.
    """
    actor_for(user_id)
    own = is_own(actor, user_id)
    key = WebhookKey.objects.create(id=new_id(), source=source, user_id=user_id, created_at=now, is_accepted=own)
    after = {"source": source, "user": user_id, "is_accepted": own}
    audit(action=AuditAction.CREATED, subject=_subject(key.id), actor=actor, now=now, after=after)
    return str(key.id), format_secret(webhook_secret(key.id))


def accept_webhook_key(*, key_id: UUID, actor: Actor, now: datetime) -> None:
    """Agree to a key whose signals act as oneself. Raises NotFound for anybody else's."""
    row = WebhookKey.objects.select_for_update().filter(id=key_id, user_id=int(actor.user_id)).first()
    if row is None:
        raise NotFound("webhook key")
    if not row.is_accepted:
        row.is_accepted = True
        row.save(update_fields=["is_accepted"])
        audit(action=AuditAction.APPROVAL_GIVEN, subject=_subject(row.id), actor=actor, now=now, after={"is_accepted": True})


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


def rotate_webhook_key(*, key_id: UUID, ends_at: datetime, actor: Actor | None, now: datetime, reason: str = "") -> tuple[str, str]:
    """Return a new key, id and secret, for the source and person of this one, which ends at `ends_at`: until then either may sign.

    Raises NotFound for a key that is not in force, or whose person is no active member any more.
    """
    row = WebhookKey.objects.select_for_update().filter(id=key_id).first()
    if row is None or (row.revoked_at is not None and row.revoked_at <= now):
        raise NotFound("webhook key")
    made = create_webhook_key(source=row.source, user_id=row.user_id, now=now, actor=actor)
    revoke_webhook_key(key_id=key_id, actor=actor, now=now, ends_at=ends_at, reason=reason)
    return made


def take_message(*, source: str, message_id: str, now: datetime) -> bool:
    """Take a message in the caller's transaction: True the first time, False for a replay.

    Waits for another transaction that is taking the same one, and takes it if that one fails.
    """
    row = ReceivedMessage(id=new_id(), source=source, message_id=message_id, received_at=now)
    ReceivedMessage.objects.bulk_create([row], ignore_conflicts=True)
    return ReceivedMessage.objects.filter(id=row.id).exists()


def _subject(key_id: UUID) -> Subject:
    return Subject(SubjectKind.API_KEY, str(key_id))
