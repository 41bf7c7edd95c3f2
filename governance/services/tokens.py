"""API tokens: shown once, stored hashed, good in one firm while the person is an active member there."""

from __future__ import annotations

from datetime import datetime, timedelta

from knox.crypto import create_token_string, hash_token
from knox.settings import CONSTANTS, knox_settings

from base import tenancy
from base.errors import NotFound

from ..core.subjects import NAMED, Actor, Subject, token_name
from ..enums import AuditAction, SubjectKind
from ..models import ApiToken
from ..queries.people import actor_for
from .audit_trail import audit


def issue_token(
    *, user_id: int, label: str, now: datetime, firm_id: int, actor: Actor | None = None, lifetime: timedelta | None = None
) -> str:
    """Return a new token that acts as the person in this firm; it cannot be shown again. lifetime None = the setting's 90 days.

    firm_id: the open block's firm. Raises NotFound for somebody who is no active member, ValueError for another firm than the block's.
    """
    if firm_id != tenancy.current_firm():
        raise ValueError(f"a token for firm {firm_id} is issued inside a block of that firm")
    actor_for(user_id)
    token = str(knox_settings.TOKEN_PREFIX) + create_token_string()
    key, digest = token[: CONSTANTS.TOKEN_KEY_LENGTH], hash_token(token)
    expiry = now + (lifetime or knox_settings.TOKEN_TTL)
    ApiToken(digest=digest, token_key=key, user_id=user_id, expiry=expiry, firm_id=firm_id, label=label).save(force_insert=True)
    after = {"user": user_id, "label": label, "expires_at": expiry}
    audit(action=AuditAction.CREATED, subject=_subject(digest), actor=actor, now=now, after=after)
    return token


def revoke_token(*, token_id: str, actor: Actor | None, now: datetime, reason: str = "") -> None:
    """End a token of the current firm at once. token_id: the beginning of its hash, as the audit trail names it. Raises NotFound."""
    rows = list(ApiToken.objects.filter(digest__startswith=token_id, firm_id=tenancy.current_firm())[:2])
    if len(token_id) < NAMED or len(rows) != 1:
        raise NotFound("token")
    subject, before = _subject(rows[0].digest), {"user": rows[0].user_id, "label": rows[0].label}
    rows[0].delete()
    audit(action=AuditAction.GRANT_REVOKED, subject=subject, actor=actor, now=now, before=before, reason=reason)


def _subject(digest: str) -> Subject:
    return Subject(SubjectKind.API_KEY, token_name(digest))
