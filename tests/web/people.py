"""A signed-in browser without the browser."""

from __future__ import annotations

import time
from typing import Any

from django.test import Client

from governance.web import FIRM_KEY


def signed_in(user: Any, firm_id: int | None = None, ways: tuple[str, ...] = ()) -> Client:
    """Return a client whose session is the person's, in the firm if one is named. ways: what was shown just now: "password", "mfa"."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    if firm_id is not None:
        session[FIRM_KEY] = firm_id
    session["account_authentication_methods"] = [{"method": way, "at": time.time()} for way in ways]
    session.save()
    return client
