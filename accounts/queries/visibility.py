"""Who sees which accounts, and who may trade them: a role first, then direct grants (DESIGN §6).

Entry points: `visible_to`, `tradable_by`.
Invariants: 1. one statement, however many accounts and grants; 2. without an active membership there is nothing, whatever was granted;
3. only grants on the account itself, or on a group it is a member of on the day, count: no global permission, no superuser.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, Q, QuerySet

from base import tenancy
from base.core.clock import SystemClock
from governance.enums import Role

from ..models import Account, AccountGroupMember, AccountGroupUserObjectPermission, AccountUserObjectPermission

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


__all__ = ["SEES_ALL", "SEES_GRANTED", "TRADES_GRANTED", "tradable_by", "visible_to"]
