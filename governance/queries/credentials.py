"""The tokens and webhook keys of the current firm, as those who run the installation list them. No secret is here to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from base import tenancy

from ..core.subjects import token_name
from ..models import ApiToken, User, WebhookKey


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """id: what the audit trail calls the token."""

    id: str
    email: str
    label: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookKeyFacts:
    """ends_at: from when on the key signs nothing; None: it has no end."""

    id: UUID
    source: str
    user_id: int
    email: str
    created_at: datetime
    ends_at: datetime | None


def api_tokens(*, user_id: int | None = None) -> list[TokenFacts]:
    """Return the firm's tokens, or one person's, oldest first."""
    rows = ApiToken.objects.filter(firm_id=tenancy.current_firm() or 0).select_related("user").order_by("created", "digest")
    if user_id is not None:
        rows = rows.filter(user_id=user_id)
    return [TokenFacts(token_name(row.digest), row.user.email, row.label, row.created, row.expiry) for row in rows]


def signing_keys(*, source: str = "", key_id: UUID | None = None) -> list[WebhookKeyFacts]:
    """Return the firm's webhook keys, revoked ones too, oldest first; of one source, or the one with this id."""
    rows = WebhookKey.objects.select_related("user").order_by("created_at", "id")
    if source:
        rows = rows.filter(source=source)
    if key_id is not None:
        rows = rows.filter(id=key_id)
    return [WebhookKeyFacts(row.id, row.source, row.user_id, row.user.email, row.created_at, row.revoked_at) for row in rows]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A token or webhook key that acts as a person. kind: "token" or "webhook"; id: what `accept_…` and `revoke_…` of that kind take."""

    kind: str
    id: str
    label: str
    created_at: datetime
    ends_at: datetime | None
    is_accepted: bool


def own_keys(*, user_id: int, now: datetime) -> list[OwnKey]:
    """Return what programs act as the person in the current firm with, what waits for their word first."""
    tokens = ApiToken.objects.filter(firm_id=tenancy.current_firm() or 0, user_id=user_id).exclude(expiry__lte=now)
    keys = WebhookKey.objects.filter(user_id=user_id).exclude(revoked_at__lte=now)
    found = [OwnKey("token", token_name(row.digest), row.label, row.created, row.expiry, row.is_accepted) for row in tokens]
    found += [OwnKey("webhook", str(row.id), row.source, row.created_at, row.revoked_at, row.is_accepted) for row in keys]
    return sorted(found, key=lambda one: (one.is_accepted, one.created_at))


def member_with_email(email: str) -> int | None:
    """Return the id of the active member of the firm with this address, in any case; None if there is none."""
    rows = User.objects.filter(
        email__iexact=email, is_active=True, memberships__is_active=True, memberships__firm_id=tenancy.current_firm() or 0
    )
    return rows.values_list("id", flat=True).first()
