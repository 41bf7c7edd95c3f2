"""Who a program is: its token names a person and one firm."""

from __future__ import annotations

import re
from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from base import tenancy

from .core.subjects import token_name
from .queries import active_roles

_FORM = re.compile(rb"[A-Za-z0-9_]{1,200}")


class FirmTokenAuthentication(TokenAuthentication):
    """A knox token that is good in its firm only, once its person accepted it and while they are an active member there.

    The roles of this moment are left on the token as `roles`: the checks of this request look at them, the next request reads them anew.
    `public_id` is what the audit trail calls the token.
    """

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return (user, token). Raises AuthenticationFailed."""
        if not _FORM.fullmatch(token):  # knox reads it as UTF-8, and the database refuses NUL
            raise AuthenticationFailed("Invalid token.")
        user, auth_token = super().authenticate_credentials(token)
        with tenancy.firm(auth_token.firm_id):
            auth_token.roles = active_roles(user)
        auth_token.public_id = token_name(auth_token.digest)
        if not auth_token.roles or not auth_token.is_accepted:
            raise AuthenticationFailed("Invalid token.")
        return user, auth_token
