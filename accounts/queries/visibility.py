"""Who sees which accounts, and who may trade them: a role first, then direct grants (DESIGN §6).

Entry points: `visible_to`, `tradable_by`; `sight_marks` tells whether `visible_to` has changed for many people at once, `accounts_with` who is
kept by a custodian.
Invariants: 1. one statement, however many accounts and grants; 2. without an active membership there is nothing, whatever was granted;
3. only grants on the account itself, or on a group it is a member of on the day, count: no global permission, no superuser.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, F, Func, QuerySet

from base import tenancy
from base.core.clock import SystemClock
from governance.enums import Role
from governance.queries import member_sql

from ..models import Account
from .columns import fetch_rows

SEES_ALL = (Role.COMPLIANCE, Role.RISK, Role.OPERATIONS)
SEES_GRANTED = (Role.MANAGER, Role.TRADER, Role.INVESTOR)
TRADES_GRANTED = (Role.MANAGER, Role.TRADER)


_GRANTED = """IN (
    SELECT g.content_object_id FROM accounts_accountuserobjectpermission g
    WHERE g.user_id = %s AND g.permission_id IN (
        SELECT p.id FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
        WHERE c.app_label = 'accounts' AND p.codename = %s)
    UNION ALL
    SELECT i.account_id FROM accounts_accountgroupmember i JOIN accounts_accountgroupuserobjectpermission g ON g.content_object_id = i.group_id
    WHERE g.user_id = %s AND g.permission_id IN (
        SELECT p.id FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
        WHERE c.app_label = 'accounts' AND p.codename = %s)
        AND i.valid_from <= %s AND (i.valid_until IS NULL OR i.valid_until > %s))"""


def visible_to(user: Any, *, on: date | None = None) -> QuerySet[Account]:
    """Return the accounts a person (User or id) may see: all for compliance, risk and operations, else those granted.

    on: the day group memberships count for, today (UTC) unless given.
    """
    return Account.objects.filter(_Sight(_id(user), "view", SEES_GRANTED, SEES_ALL, on))


def tradable_by(user: Any, *, on: date | None = None) -> QuerySet[Account]:
    """Return the accounts a person (User or id) may trade: managers and traders, what they were granted to trade. As `visible_to`."""
    return Account.objects.filter(_Sight(_id(user), "trade", TRADES_GRANTED, (), on))


def _id(user: Any) -> int:
    return int(getattr(user, "pk", user) or 0)


class _Sight(Func):
    """The condition that an account is one a person may see or trade, in one piece: every page asks it several times, and the ORM takes
    milliseconds to build what never changes. Memberships of other firms are in sight of their owner, so the firm is named.
    """

    output_field = BooleanField()

    def __init__(self, user_id: int, verb: str, granted: Collection[Role], everything: Collection[Role], on: date | None) -> None:
        super().__init__(F("pk"))
        day, firm = on or SystemClock().now().date(), tenancy.current_firm() or 0
        grants = (user_id, f"{verb}_account", user_id, f"{verb}_accountgroup", day, day)
        self.members = [(firm, user_id, [str(role) for role in roles]) for roles in (everything, granted)]
        self.grants = grants

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra_context: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition for the account's key, under whatever name the statement has for its table."""
        key, given = compiler.compile(self.get_source_expressions()[0])
        everything, granted = self.members
        return f"({member_sql()} OR {member_sql()} AND {key} {_GRANTED})", (*everything, *granted, *given, *self.grants)


_MARKS = """
WITH views AS (
    SELECT p.id, p.codename FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
    WHERE c.app_label = 'accounts' AND p.codename IN ('view_account', 'view_accountgroup')
), groups AS (
    SELECT group_id, count(*) AS members, bit_xor(hashtextextended(account_id::text, 0)) AS mark FROM accounts_accountgroupmember
    WHERE valid_from <= %(on)s AND (valid_until IS NULL OR valid_until > %(on)s) GROUP BY 1
)
SELECT user_id, string_agg(mark, ' ' ORDER BY mark) FROM (
    SELECT g.user_id, 'A' || count(*) || ':' || bit_xor(hashtextextended(g.content_object_id::text, 0)) AS mark
    FROM accounts_accountuserobjectpermission g JOIN views v ON v.id = g.permission_id AND v.codename = 'view_account'
    WHERE g.user_id = ANY(%(users)s) GROUP BY 1
    UNION ALL
    SELECT g.user_id, 'G' || g.content_object_id || ':' || m.members || ':' || m.mark
    FROM accounts_accountgroupuserobjectpermission g JOIN views v ON v.id = g.permission_id AND v.codename = 'view_accountgroup'
    JOIN groups m ON m.group_id = g.content_object_id WHERE g.user_id = ANY(%(users)s)
) marks GROUP BY 1
"""


def sight_marks(user_ids: Collection[int], *, on: date) -> dict[int, str]:
    """Return a mark of what each of these people was granted, "" for nothing: another mark, another `visible_to`. One statement.

    Roles are asked of governance; with an unchanged role, an unchanged mark means the same accounts.
    """
    found = dict(fetch_rows(_MARKS, {"users": sorted(user_ids), "on": on}))
    return {user_id: found.get(user_id, "") for user_id in user_ids}


def accounts_with(*, custodian_id: UUID) -> frozenset[str]:
    """Return the ids of the accounts a custodian keeps, as text."""
    return frozenset(map(str, Account.objects.filter(custodian_id=custodian_id).values_list("id", flat=True)))


__all__ = ["SEES_ALL", "SEES_GRANTED", "TRADES_GRANTED", "accounts_with", "sight_marks", "tradable_by", "visible_to"]
