"""Reads of governance. Each runs inside the caller's tenancy block."""

from __future__ import annotations

from base import tenancy

from .enums import Role
from .models import Membership, User


def active_roles(user: User) -> frozenset[Role]:
    """Return the roles the person has in the current firm; none if the person or the membership is inactive."""
    if not user.is_active:
        return frozenset()
    rows = Membership.objects.filter(user=user, is_active=True, firm_id=tenancy.current_firm())
    return frozenset(Role(role) for role in rows.values_list("role", flat=True))
