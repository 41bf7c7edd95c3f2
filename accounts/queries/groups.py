"""Account groups as they stand on a day.

Entry points: `groups_of`, `group_names`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from django.db.models import Q

from base.core.clock import SystemClock

from ..models import AccountGroup, AccountGroupMember


def groups_of(*, account_ids: Sequence[UUID], on: date | None = None) -> Mapping[UUID, tuple[str, ...]]:
    """Return the codes of the groups each account belongs to on a day (today, UTC, unless given); accounts without one are left out."""
    day = on or SystemClock().now().date()
    rows = AccountGroupMember.objects.filter(Q(valid_until=None) | Q(valid_until__gt=day), valid_from__lte=day)
    found: dict[UUID, tuple[str, ...]] = {}
    wanted = set(account_ids)
    for account_id, code in rows.order_by("group__code").values_list("account_id", "group__code"):
        if account_id in wanted:
            found[account_id] = (*found.get(account_id, ()), code)
    return found


def group_names() -> Mapping[str, str]:
    """Return the name of every group of the firm by its code."""
    return dict(AccountGroup.objects.order_by("code").values_list("code", "name"))
