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

from django.contrib.auth import get_user_model
from django.db.models import Exists, Q, QuerySet

from base import tenancy
from base.core.clock import SystemClock
from governance.enums import Role

from ..models import Account, AccountGroupMember, AccountGroupUserObjectPermission, AccountUserObjectPermission
from .columns import fetch_rows

SEES_ALL = (Role.COMPLIANCE, Role.RISK, Role.OPERATIONS)
SEES_GRANTED = (Role.MANAGER, Role.TRADER, Role.INVESTOR)
TRADES_GRANTED = (Role.MANAGER, Role.TRADER)


def visible_to(user: Any, *, on: date | None = None) -> QuerySet[Account]:
    """Return the accounts a person (User or id) may see: all for compliance, risk and operations, else those granted.

    on: the day group memberships count for, today (UTC) unless given.
    """
    user_id = _id(user)
    everything = _is_member(user_id, SEES_ALL)
    return Account.objects.filter(everything | _is_member(user_id, SEES_GRANTED) & _granted(user_id, "view", on))


def tradable_by(user: Any, *, on: date | None = None) -> QuerySet[Account]:
    """Return the accounts a person (User or id) may trade: managers and traders, what they were granted to trade. As `visible_to`."""
    user_id = _id(user)
    return Account.objects.filter(_is_member(user_id, TRADES_GRANTED) & _granted(user_id, "trade", on))


def _id(user: Any) -> int:
    return int(getattr(user, "pk", user) or 0)


def _is_member(user_id: int, roles: Collection[Role]) -> Q:
    """An active member of the open firm in one of these roles; memberships of other firms are in sight of their owner, so the firm is named."""
    people = get_user_model().objects.filter(
        pk=user_id,
        is_active=True,
        memberships__firm_id=tenancy.current_firm() or 0,
        memberships__is_active=True,
        memberships__role__in=[str(role) for role in roles],
    )
    return Q(Exists(people))


def _granted(user_id: int, verb: str, on: date | None) -> Q:
    day = on or SystemClock().now().date()
    direct = AccountUserObjectPermission.objects.filter(
        user_id=user_id, permission__codename=f"{verb}_account", permission__content_type__app_label="accounts"
    )
    groups = AccountGroupUserObjectPermission.objects.filter(
        user_id=user_id, permission__codename=f"{verb}_accountgroup", permission__content_type__app_label="accounts"
    )
    members = AccountGroupMember.objects.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gt=day), valid_from__lte=day, group_id__in=groups.values("content_object_id")
    )
    return Q(pk__in=direct.values("content_object_id")) | Q(pk__in=members.values("account_id"))


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
