"""Sign-in: what we tell django-allauth and django-axes, and what we write down about it (GOV-7).

Entry points: `AccountAdapter`, `SecondFactorAdapter` (settings); `connect` (app start); `keep_track` (middleware); `named`, `peer` (axes);
`signed_in_lately` for pages that ask again who is there.

Invariants
1. Nobody signs up: people are made by `governance.services.create_user`.
2. Every sign-in, failed attempt, sign-out and change of a credential is an audit event in each firm of the person.
3. The secret of an authenticator app is stored encrypted with a key made from the installation's.
4. An address is the peer's; behind a proxy the server in front of Django puts it right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from typing import Any

from allauth.account import signals as account
from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.core import context
from allauth.mfa import signals as mfa
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse

from base.clock import process_clock
from base.errors import NotFound
from base.origin import plain_address

from .enums import AuditAction
from .models import User
from .services.signing_in import end_sessions, record_signing

BEGAN, SEEN = "began_at", "seen_at"
_RECORDS = "account_authentication_methods"
NOWHERE = "0.0.0.0"  # noqa: S104  # an address for rows that need one, where the server gives none (a Unix socket)


class AccountAdapter(DefaultAccountAdapter):
    """allauth's questions about people, answered."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: nobody signs up."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the peer's address."""
        return peer(request) or NOWHERE

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Tell whether the person has to show again who they are: not within 15 minutes of having done so, sign-in included."""
        return not signed_in_lately(self.request)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors: their secrets are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        """Return the secret as it is stored."""
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret; for one that another key encrypted a random one, which no code fits."""
        try:
            return _fernet().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()


def _fernet() -> Fernet:
    key = hmac.new(settings.SECRET_KEY.encode(), b"second factors", hashlib.sha256).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def signed_in_lately(request: HttpRequest) -> bool:
    """Tell whether the person has shown a credential within `settings.ACCOUNT_REAUTHENTICATION_TIMEOUT` seconds."""
    records = request.session.get(_RECORDS) or []
    return bool(records) and time.time() - float(records[-1]["at"]) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def has_shown_factor(request: HttpRequest) -> bool:
    """Tell whether a second factor, or a passkey instead of a password, was shown in this session."""
    return any(record.get("method") == "mfa" for record in request.session.get(_RECORDS) or [])


def named(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """Return the mail address somebody tried, in one spelling."""
    given = (credentials or {}).get("email") or (credentials or {}).get("username") or request.POST.get("login", "")
    return str(given).strip().lower()[:254]


def peer(request: HttpRequest) -> str:
    """Return the address of who asks; "" where the server gives none."""
    return plain_address(request.META.get("REMOTE_ADDR") or "")


def keep_track(request: HttpRequest) -> None:
    """Note on the list of sessions when and from where this one was last used."""
    from allauth.usersessions.models import UserSession

    UserSession.objects.create_from_request(request)


def password_link(user_id: int, origin: str) -> str:
    """Return the address where the person chooses a password; it works once, for a day. origin: https://host. Raises NotFound."""
    from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
    from allauth.account.utils import user_pk_to_url_str

    user = User.objects.filter(id=user_id).first()
    if user is None:
        raise NotFound("person")
    key = EmailAwarePasswordResetTokenGenerator().make_token(user)
    return origin + reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})


def invite(user_id: int) -> None:
    """Send a person a letter with the link to choose their password, once the transaction is through. Inside a request."""
    user, adapter = User.objects.get(id=user_id), get_adapter(context.request)
    link = password_link(user_id, context.request.build_absolute_uri("/").rstrip("/"))
    letter = adapter.render_mail("account/email/invited", user.email, {"user": user, "link": link})
    transaction.on_commit(letter.send)


def connect() -> None:
    """Listen to sign-in, once."""
    user_logged_in.connect(_begin, dispatch_uid="session begins")
    user_logged_out.connect(_signed_out, dispatch_uid="signed out")
    user_login_failed.connect(_failed, dispatch_uid="sign-in failed")
    account.user_logged_in.connect(_signed_in, dispatch_uid="signed in")
    account.password_changed.connect(_password, dispatch_uid="password changed")
    account.password_reset.connect(_password, dispatch_uid="password reset")
    account.email_changed.connect(_address, dispatch_uid="address changed")
    mfa.authentication_failed.connect(_factor_failed, dispatch_uid="second factor failed")
    mfa.authenticator_added.connect(_factor_added, dispatch_uid="second factor added")
    mfa.authenticator_removed.connect(_factor_removed, dispatch_uid="second factor removed")
    mfa.authenticator_reset.connect(_factor_reset, dispatch_uid="recovery codes made anew")


def _record(user: Any, action: AuditAction, **facts: Any) -> None:
    record_signing(user_id=int(user.pk), action=action, now=process_clock().now(), **facts)


def _begin(request: HttpRequest, **kwargs: Any) -> None:
    request.session[BEGAN] = request.session[SEEN] = time.time()


def _signed_in(request: HttpRequest, user: Any, **kwargs: Any) -> None:
    ways = [record.get("type") or record["method"] for record in request.session.get(_RECORDS) or []]
    _record(user, AuditAction.SIGNED_IN, after={"by": ways})


def _signed_out(user: Any, **kwargs: Any) -> None:
    if user is not None:
        _record(user, AuditAction.SIGNED_OUT)


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    if request is None:
        return
    user = User.objects.filter(email__iexact=named(request, credentials)).first()
    if user is not None:
        _record(user, AuditAction.SIGN_IN_FAILED, proven=False, after={"by": ["password"]})


def _factor_failed(user: Any, authenticator: Any, **kwargs: Any) -> None:
    _record(user, AuditAction.SIGN_IN_FAILED, proven=False, after={"by": [str(authenticator.type)]})


def _password(user: Any, **kwargs: Any) -> None:
    _record(user, AuditAction.CREDENTIAL_ROTATED, after={"kind": "password"})


def _address(user: Any, from_email_address: Any, to_email_address: Any, **kwargs: Any) -> None:
    before = {"email": from_email_address.email} if from_email_address else None
    _record(user, AuditAction.CHANGED, before=before, after={"email": to_email_address.email})


def _factor_added(request: HttpRequest, user: Any, authenticator: Any, **kwargs: Any) -> None:
    """A factor was set up in this session, so it was shown in it; other sessions end: they began without it."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=str(authenticator.type))
        end_sessions(user_id=int(user.pk), but=request.session.session_key)
    _record(user, AuditAction.CREDENTIAL_ROTATED, after={"kind": str(authenticator.type), "is_active": True})


def _factor_removed(user: Any, authenticator: Any, **kwargs: Any) -> None:
    _record(user, AuditAction.CREDENTIAL_ROTATED, after={"kind": str(authenticator.type), "is_active": False})


def _factor_reset(user: Any, authenticator: Any, **kwargs: Any) -> None:
    _record(user, AuditAction.CREDENTIAL_ROTATED, after={"kind": str(authenticator.type), "is_active": True})
