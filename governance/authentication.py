"""Who a program is: its token names a person and one firm."""

from __future__ import annotations

from typing import Any

from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from base import tenancy

from .queries import active_roles


class FirmTokenAuthentication(TokenAuthentication):
    """A knox token that is good in its firm only, and only while its person is an active member there."""

    def authenticate_credentials(self, token: bytes) -> Any:
        user, auth_token = super().authenticate_credentials(token)
        with tenancy.firm(auth_token.firm_id):
            if not active_roles(user):
                raise AuthenticationFailed("Invalid token.")
        return user, auth_token
