"""Role first: what a person is in the firm decides which addresses they may use; what they may see is decided by the rows."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from base.errors import Forbidden, NotFound

from .core.subjects import Actor, Viewer
from .enums import Role
from .queries import actor_for

EVERYBODY = frozenset(Role)
STAFF = EVERYBODY - {Role.INVESTOR}
CONTROL = frozenset({Role.COMPLIANCE, Role.RISK})
DEALERS = frozenset({Role.MANAGER, Role.TRADER})
OVERSIGHT = frozenset({Role.COMPLIANCE, Role.RISK, Role.OPERATIONS})
RESOLVERS = frozenset({Role.OPERATIONS, Role.RISK})
# In this order when a person holds several roles that may do something.
PRECEDENCE = (Role.MANAGER, Role.TRADER, Role.RISK, Role.COMPLIANCE, Role.OPERATIONS, Role.INVESTOR)


class RoleAllowed(BasePermission):
    """Lets in whoever holds one of the roles the view names for the method; a method that names none lets nobody in."""

    message = "your role may not do this"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the token's person may use this method here."""
        method = "GET" if request.method == "HEAD" else request.method
        if method not in {name.upper() for name in view.http_method_names if hasattr(view, name)}:
            return request.auth is not None
        return request.auth is not None and not _token(request).roles.isdisjoint(view.roles.get(method, frozenset()))


def actor_of(request: Request, roles: frozenset[Role]) -> Actor:
    """Return the token's person in the first of these roles they hold. Raises ValueError for somebody who was not let in."""
    held = _token(request).roles & roles
    for role in PRECEDENCE:
        if role in held:
            return Actor(str(request.user.pk), role)
    raise ValueError("a person without any of these roles was let in")


def viewer_of(request: Request, at: datetime) -> Viewer:
    """Return the token's person as somebody who looks, on the day of `at`."""
    return Viewer(int(_token(request).user_id), not _token(request).roles.isdisjoint(OVERSIGHT), at.date())


def dealer(user_id: int) -> Actor:
    """Return the person as the manager or trader they are. Inside the firm's block. Raises Forbidden for somebody who is neither."""
    for role in (Role.MANAGER, Role.TRADER):
        with suppress(NotFound):
            return actor_for(user_id, role)
    raise Forbidden("role", "this person may not state signals")


def _token(request: Request) -> Any:
    return request.auth
