"""Who is still signed in, for what stays open longer than a request.

Entry points: `signed_in`, `SignedIn`, `roles_of_many`. Each is one statement, however many people. Sessions count by the wall clock of the database,
as the sign-in counts them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

from base import tenancy

from ..enums import Role
from ..models import Membership


@dataclass(frozen=True, slots=True)
class SignedIn:
    """sessions: keys that stand. people: id of each active person → a mark that changes with their password."""

    sessions: frozenset[str]
    people: dict[int, str]


_SQL = """
SELECT session_key, NULL::bigint, NULL FROM django_session WHERE session_key = ANY(%s) AND expire_date > clock_timestamp()
UNION ALL SELECT NULL, id, md5(password) FROM governance_user WHERE id = ANY(%s) AND is_active
"""


def signed_in(*, sessions: Collection[str], user_ids: Collection[int]) -> SignedIn:
    """Return which of these sessions and people still are. Needs no block of a firm."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [sorted(sessions), sorted(user_ids)])
        rows = cursor.fetchall()
    return SignedIn(frozenset(key for key, _, _ in rows if key), {one: mark for _, one, mark in rows if one is not None})


def roles_of_many(user_ids: Collection[int]) -> dict[int, frozenset[Role]]:
    """Return the active roles in the current firm of those of these people who have any."""
    rows = Membership.objects.filter(
        user_id__in=user_ids, is_active=True, user__is_active=True, firm_id=tenancy.current_firm() or 0
    ).values_list("user_id", "role")
    found: dict[int, set[Role]] = {}
    for user_id, role in rows:
        found.setdefault(user_id, set()).add(Role(role))
    return {user_id: frozenset(roles) for user_id, roles in found.items()}
