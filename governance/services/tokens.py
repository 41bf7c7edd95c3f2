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

    What somebody else makes waits until the person accepts it (`accept_token`). firm_id: the open block's firm. Raises NotFound for somebody
    who is no active member, ValueError for another firm than the block's.
    """
    if firm_id != tenancy.current_firm():
        raise ValueError(f"a token for firm {firm_id} is issued inside a block of that firm")
    actor_for(user_id)
    token = str(knox_settings.TOKEN_PREFIX) + create_token_string()
    key, digest = token[: CONSTANTS.TOKEN_KEY_LENGTH], hash_token(token)
    expiry = now + (lifetime or knox_settings.TOKEN_TTL)
    own = is_own(actor, user_id)
    row = ApiToken(digest=digest, token_key=key, user_id=user_id, expiry=expiry, firm_id=firm_id, label=label, is_accepted=own)
    row.save(force_insert=True)
    after = {"user": user_id, "label": label, "expires_at": expiry, "is_accepted": own}
    audit(action=AuditAction.CREATED, subject=_subject(digest), actor=actor, now=now, after=after)
    return token


def is_own(actor: Actor | None, user_id: int) -> bool:
    """Tell whether a key that acts as the person needs nobody else's word: they make it themselves, or who runs the installation does."""
    return actor is None or int(actor.user_id) == user_id


def accept_token(*, token_id: str, actor: Actor, now: datetime) -> None:
    """Agree to a token that acts as oneself. Raises NotFound for anybody else's."""
    row = _named(token_id)
    if row.user_id != int(actor.user_id):
        raise NotFound("token")
    if not row.is_accepted:
        ApiToken.objects.filter(pk=row.pk).update(is_accepted=True)
        audit(action=AuditAction.APPROVAL_GIVEN, subject=_subject(row.digest), actor=actor, now=now, after={"is_accepted": True})


def revoke_token(*, token_id: str, actor: Actor | None, now: datetime, reason: str = "") -> None:
    """End a token of the current firm at once. token_id: the beginning of its hash, as the audit trail names it. Raises NotFound."""
    row = _named(token_id)
    subject, before = _subject(row.digest), {"user": row.user_id, "label": row.label}
    row.delete()
    audit(action=AuditAction.GRANT_REVOKED, subject=subject, actor=actor, now=now, before=before, reason=reason)


def _named(token_id: str) -> ApiToken:
    """Return a token of the firm, locked: of two who answer at once the second finds what the first has done."""
    rows = list(ApiToken.objects.select_for_update().filter(digest__startswith=token_id, firm_id=tenancy.current_firm())[:2])
    if len(token_id) < NAMED or len(rows) != 1:
        raise NotFound("token")
    return rows[0]


def _subject(digest: str) -> Subject:
    return Subject(SubjectKind.API_KEY, token_name(digest))
