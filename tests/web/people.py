"""A signed-in browser without the browser."""

from __future__ import annotations

from typing import Any

from django.test import Client

from governance.web import FIRM_KEY


def signed_in(user: Any, firm_id: int | None = None) -> Client:
    """Return a client whose session is the person's, in the firm if one is named."""
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    if firm_id is not None:
        session = client.session
        session[FIRM_KEY] = firm_id
        session.save()
    return client
