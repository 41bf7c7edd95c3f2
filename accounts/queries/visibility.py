"""Who sees and who trades which accounts: role first, then direct object grants (DESIGN §6)."""

from __future__ import annotations

from datetime import date

from django.db.models import Q, QuerySet

from base import tenancy
from governance.enums import Role
from governance.queries.people import roles_of

from ..models import Account, AccountGroupMember, AccountGroupUserObjectPermission, AccountUserObjectPermission

_SEE_ALL = {Role.COMPLIANCE, Role.RISK, Role.OPERATIONS}
_TRADE = {Role.MANAGER, Role.TRADER}


def visible_to(user_id: int, *, on: date | None = None) -> QuerySet[Account]:
    """Return the accounts a person may see: all for compliance, risk and operations, the granted ones for everybody else.

    on: the day group membership counts for; None counts members without an end. One query, whatever the number of grants.
    """
    roles = roles_of(user_id)
    accounts = Account.objects.filter(firm_id=tenancy.current_firm(), is_clearing=False)
    if roles & _SEE_ALL:
        return accounts
    return accounts.filter(_granted(user_id, "view", on)) if roles else accounts.none()


def tradable_by(user_id: int, *, on: date | None = None) -> QuerySet[Account]:
    """Return the accounts a manager or trader may trade: those granted to them for it."""
    accounts = Account.objects.filter(firm_id=tenancy.current_firm(), is_clearing=False, closed_on=None)
    return accounts.filter(_granted(user_id, "trade", on)) if roles_of(user_id) & _TRADE else accounts.none()


def _granted(user_id: int, verb: str, on: date | None) -> Q:
    codes = {"view": ["view_account", "trade_account"], "trade": ["trade_account"]}[verb]
    direct = AccountUserObjectPermission.objects.filter(user_id=user_id, permission__codename__in=codes)
    groups = AccountGroupUserObjectPermission.objects.filter(user_id=user_id, permission__codename__in=[f"{code}group" for code in codes])
    members = AccountGroupMember.objects.filter(group__in=groups.values("content_object_id"))
    if on is None:
        members = members.filter(valid_until=None)
    else:
        members = members.filter(Q(valid_until=None) | Q(valid_until__gte=on), valid_from__lte=on)
    return Q(pk__in=direct.values("content_object_id")) | Q(pk__in=members.values("account_id"))
