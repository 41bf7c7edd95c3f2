"""Who is who in the current firm, and what the firm chose for itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from base import tenancy
from base.errors import NotFound

from ..core.subjects import Actor
from ..enums import Role
from ..models import Firm, FirmSettings, Membership, User

# Of several roles a person acts in the one that controls most, unless another is asked for.
_PRECEDENCE = (Role.COMPLIANCE, Role.RISK, Role.MANAGER, Role.OPERATIONS, Role.TRADER, Role.INVESTOR)


@dataclass(frozen=True, slots=True)
class FirmFacts:
    """cash_buffer_rate: 0.005 = 0.5% of equity is never spent."""

    reporting_currency: str
    cash_buffer_rate: Decimal


def active_roles(user: User) -> frozenset[Role]:
    """Return the roles the person has in the current firm; none if the person or the membership is inactive."""
    if not user.is_active:
        return frozenset()
    rows = Membership.objects.filter(user=user, is_active=True, firm_id=tenancy.current_firm() or 0)
    return frozenset(Role(role) for role in rows.values_list("role", flat=True))


def member_sql() -> str:
    """Return an SQL condition: a person is an active member of a firm in one of some roles. Parameters: firm's id, person's id, roles."""
    return """EXISTS (SELECT 1 FROM governance_membership m JOIN governance_user u ON u.id = m.user_id
                      WHERE m.firm_id = %s AND m.user_id = %s AND m.is_active AND u.is_active AND m.role = ANY(%s))"""


def roles_of(user_id: int) -> frozenset[Role]:
    """Return the active roles of the person with this id in the current firm, in one query."""
    rows = Membership.objects.filter(user_id=user_id, is_active=True, user__is_active=True, firm_id=tenancy.current_firm() or 0)
    return frozenset(Role(role) for role in rows.values_list("role", flat=True))


def actor_for(user_id: int, role: Role | None = None) -> Actor:
    """Return the person as an actor in `role`, or in the role of theirs that controls most.

    Raises NotFound for somebody who is no active member of the firm, or not in this role.
    """
    rows = Membership.objects.filter(user_id=user_id, is_active=True, user__is_active=True, firm_id=tenancy.current_firm() or 0)
    held = set(rows.values_list("role", flat=True))
    for candidate in _PRECEDENCE:
        if candidate in held and role in (None, candidate):
            return Actor(str(user_id), candidate)
    raise NotFound("member of this firm")


@dataclass(frozen=True, slots=True)
class FirmName:
    """A firm as its people see it named."""

    id: int
    name: str


def firms_of(user_id: int) -> list[FirmName]:
    """Return the firms the person is an active member of, by name. Needs no block of a firm."""
    with tenancy.person(user_id):
        ids = set(Membership.objects.filter(user_id=user_id, is_active=True, user__is_active=True).values_list("firm_id", flat=True))
        return [FirmName(row.pk, row.name) for row in Firm.objects.filter(pk__in=ids).order_by("name")]


def members(roles: frozenset[Role] = frozenset(Role)) -> list[tuple[int, str]]:
    """Return id and address of the firm's active members in one of these roles, by address."""
    rows = Membership.objects.filter(is_active=True, user__is_active=True, role__in=roles, firm_id=tenancy.current_firm() or 0)
    return sorted(set(rows.values_list("user_id", "user__email")), key=lambda one: one[1])


def person_with_email(email: str) -> int | None:
    """Return the id of the person who signs in with this address, in whatever firm; None if nobody does. Needs no block."""
    return User.objects.filter(email__iexact=email).values_list("id", flat=True).first()


def firm_settings() -> FirmFacts:
    """Return what the current firm chose."""
    row = FirmSettings.objects.get()
    return FirmFacts(row.reporting_currency, row.cash_buffer_rate)


def firm_ids() -> list[int]:
    """Return the ids of all firms, for work that goes over each in turn. Needs no block."""
    return list(Firm.objects.order_by("id").values_list("id", flat=True))


def names_of(user_ids: Collection[int]) -> dict[int, str]:
    """Return people's names (their addresses where they gave none) by id, for those who belong or belonged to the firm."""
    rows = Membership.objects.filter(user_id__in=list(user_ids)).values_list("user_id", "user__name", "user__email")
    return {user_id: name or email for user_id, name, email in rows}


RESTING = 28_023
"""First key of the advisory locks that say which firms rest; the second is the firm's id."""
_RESTING = """
SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def awake_firm_ids() -> list[int]:
    """Return the ids of the firms that scheduled work may touch now: all but those that rest (`resting`). Needs no block."""
    with connection.cursor() as cursor:
        cursor.execute(_RESTING, [RESTING])
        asleep = {row[0] for row in cursor.fetchall()}
    return [one for one in firm_ids() if one not in asleep]
