"""The keys that may sign for a source. Secrets are derived anew each time; nothing is stored (S7)."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef

from base import tenancy
from base.core.webhooks import SigningKey, derive_secret
from base.errors import NotFound

from ..models import Membership, WebhookKey


def webhook_keys(source: str) -> list[SigningKey]:
    """Return the keys of `source` whose person has accepted them and is an active member of the firm; `verify` looks at the instant."""
    member = Membership.objects.filter(
        user_id=OuterRef("user_id"), is_active=True, user__is_active=True, firm_id=tenancy.current_firm() or 0
    )
    rows = WebhookKey.objects.filter(Exists(member), source=source, is_accepted=True).order_by("created_at", "id")
    return [SigningKey(str(row.id), webhook_secret(row.id), row.created_at, row.revoked_at) for row in rows]


def webhook_user(key_id: str) -> int:
    """Return the person a key signs for. Raises NotFound."""
    row = WebhookKey.objects.filter(id=key_id).values_list("user_id", flat=True).first()
    if row is None:
        raise NotFound("webhook key")
    return row


def webhook_secret(key_id: UUID) -> bytes:
    """Return the secret of a key of the current firm, 32 bytes."""
    return derive_secret(settings.SECRET_KEY, str(tenancy.current_firm()), str(key_id))
