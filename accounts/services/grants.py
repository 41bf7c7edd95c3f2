"""Groups of accounts, and who may see or trade which (DESIGN §6).

Entry points: `open_group`, `set_group_members`, `grant_account`, `revoke_account`, `grant_group`, `revoke_group`.
Invariants: 1. only direct grants on an account or a group exist; each carries its firm; 2. trading is granted only together with seeing, and
seeing is not revoked while trading stands; nobody grants themselves (GOV-4); 3. members of a group are dated, and the past is never rewritten; 4. the trail names by code
who joined a group and who left it (GOV-7).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import transaction as database

from base import bulk
from base.errors import Conflict, NotFound
from base.live import Topic, announce
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.queries import actor_for
from governance.services import audit, refuse_oneself

from ..models import Account, AccountGroup, AccountGroupMember, AccountGroupUserObjectPermission, AccountUserObjectPermission
from ..queries.columns import raw_ids


class UnableToGroup(Conflict):
    """A group whose code is taken."""


@database.atomic
def open_group(*, code: str, name: str, now: datetime, account_ids: Sequence[UUID] = (), actor: Actor | None = None) -> UUID:
    """Make a group with these members from today (UTC) on, and return its id. Raises UnableToGroup, NotFound for an unknown account."""
    if AccountGroup.objects.filter(code=code).exists():
        raise UnableToGroup("code", f"group {code} exists already", field="code", value=code)
    group = AccountGroup.objects.create(code=code, name=name)
    _add(group.id, account_ids, now.date())
    joined = _codes(account_ids)
    subject = Subject(SubjectKind.ACCOUNT_GROUP, str(group.id))
    after = {"code": code, "members": len(joined), "joined": joined}
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after=after)
    return group.id


@database.atomic
def set_group_members(*, group_id: UUID, account_ids: Sequence[UUID], now: datetime, actor: Actor | None = None) -> tuple[int, int]:
    """Make these accounts the group's members from today (UTC) on; return how many joined and how many left. Raises NotFound."""
    group = AccountGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
    if group is None:
        raise NotFound("account group")
    today, wanted = now.date(), set(account_ids)
    current = AccountGroupMember.objects.filter(group_id=group_id, valid_until__isnull=True)
    members = set(current.values_list("account_id", flat=True))
    leaving = current.filter(account_id__in=members - wanted)
    left = leaving.filter(valid_from__gte=today).delete()[0] + leaving.filter(valid_from__lt=today).update(valid_until=today)
    joining = sorted(wanted - members)
    # Who left today and is back the same day was never away.
    back = AccountGroupMember.objects.filter(group_id=group_id, account_id__in=joining, valid_until=today)
    returned = set(back.values_list("account_id", flat=True))
    back.update(valid_until=None)
    _add(group_id, [one for one in joining if one not in returned], today)
    if joining or left:
        subject = Subject(SubjectKind.ACCOUNT_GROUP, str(group_id))
        before = {"members": len(members), "left": _codes(members - wanted)}
        after = {"members": len(wanted), "joined": _codes(joining)}
        audit(action=AuditAction.CHANGED, subject=subject, actor=actor, now=now, before=before, after=after)
    announce(Topic.SIGHT)
    return len(joining), left


def _codes(account_ids: Collection[UUID]) -> list[str]:
    return list(Account.objects.filter(pk__in=account_ids).order_by("code").values_list("code", flat=True))


def _add(group_id: UUID, account_ids: Sequence[UUID], day: date) -> None:
    ids = sorted(set(account_ids))
    if Account.objects.filter(pk__in=ids).count() != len(ids):
        raise NotFound("account")
    columns = {"group_id": group_id, "account_id": bulk.Uuids(raw_ids(ids)), "valid_from": day, "valid_until": None}
    bulk.insert(AccountGroupMember, len(ids), columns)


@database.atomic
def grant_account(*, account_id: UUID, user_id: int, now: datetime, can_trade: bool = False, actor: Actor | None = None) -> None:
    """Let a member of the firm see the account, and trade it if `can_trade`. Granting twice changes nothing. Raises NotFound."""
    if not Account.objects.filter(pk=account_id).exists():
        raise NotFound("account")
    _grant(AccountUserObjectPermission, "account", account_id, user_id, can_trade, actor, now)


@database.atomic
def revoke_account(*, account_id: UUID, user_id: int, now: datetime, only_trading: bool = False, actor: Actor | None = None) -> int:
    """Take back what was granted on the account itself (or only trading); return how many grants there were."""
    return _revoke(AccountUserObjectPermission, "account", account_id, user_id, only_trading, actor, now)


@database.atomic
def grant_group(*, group_id: UUID, user_id: int, now: datetime, can_trade: bool = False, actor: Actor | None = None) -> None:
    """Let a member of the firm see the group's accounts of the day, and trade them if `can_trade`. Raises NotFound."""
    if not AccountGroup.objects.filter(pk=group_id).exists():
        raise NotFound("account group")
    _grant(AccountGroupUserObjectPermission, "accountgroup", group_id, user_id, can_trade, actor, now)


@database.atomic
def revoke_group(*, group_id: UUID, user_id: int, now: datetime, only_trading: bool = False, actor: Actor | None = None) -> int:
    """Take back what was granted on the group (or only trading); return how many grants there were."""
    return _revoke(AccountGroupUserObjectPermission, "accountgroup", group_id, user_id, only_trading, actor, now)


_KINDS = {"account": SubjectKind.ACCOUNT, "accountgroup": SubjectKind.ACCOUNT_GROUP}


def _permissions(names: Collection[str]) -> list[Permission]:
    found = list(Permission.objects.filter(codename__in=names, content_type__app_label="accounts"))
    if len(found) != len(names):
        raise LookupError(f"permissions {sorted(names)} are not there: migrate first")
    return found


def _grant(model: Any, what: str, subject_id: UUID, user_id: int, can_trade: bool, actor: Actor | None, now: datetime) -> None:
    actor_for(user_id)  # raises NotFound for somebody who is no member of the firm
    refuse_oneself(actor, user_id)
    verbs = ("view", "trade") if can_trade else ("view",)
    rows = [
        model(user_id=user_id, permission=permission, content_object_id=subject_id)
        for permission in _permissions([f"{verb}_{what}" for verb in verbs])
    ]
    model.objects.bulk_create(rows, ignore_conflicts=True)
    subject = Subject(_KINDS[what], str(subject_id))
    audit(action=AuditAction.GRANTED, subject=subject, actor=actor, now=now, after={"user": user_id, "may": list(verbs)})
    announce(Topic.SIGHT)


def _revoke(model: Any, what: str, subject_id: UUID, user_id: int, only_trading: bool, actor: Actor | None, now: datetime) -> int:
    rows = model.objects.filter(user_id=user_id, content_object_id=subject_id)
    if only_trading:
        rows = rows.filter(permission__codename=f"trade_{what}")
    count: int = rows.delete()[0]
    if count:
        verbs = ["trade"] if only_trading else ["view", "trade"]
        subject = Subject(_KINDS[what], str(subject_id))
        audit(action=AuditAction.GRANT_REVOKED, subject=subject, actor=actor, now=now, before={"user": user_id, "may": verbs})
        announce(Topic.SIGHT)
    return count
