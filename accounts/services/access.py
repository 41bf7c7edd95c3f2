"""Who may see and trade which accounts: groups, and direct object grants on accounts and groups (DESIGN §6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from base import bulk
from base.errors import NotFound
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..models import (
    Account,
    AccountGroup,
    AccountGroupMember,
    AccountGroupUserObjectPermission,
    AccountUserObjectPermission,
)
from ..queries.columns import raw_ids


def open_group(*, code: str, name: str, account_ids: Sequence[UUID], now: datetime, actor: Actor | None = None) -> UUID:
    """Make a group of accounts, members from today on, and return its id."""
    group = AccountGroup.objects.create(code=code, name=name)
    columns = {"group_id": group.id, "account_id": bulk.Uuids(raw_ids(account_ids)), "valid_from": now.date()}
    bulk.insert(AccountGroupMember, len(account_ids), columns)
    after = {"code": code, "accounts": len(account_ids)}
    subject = Subject(SubjectKind.ACCOUNT_GROUP, str(group.id))
    audit(action=AuditAction.CREATED, subject=subject, actor=actor, now=now, after=after)
    return group.id


def grant_account(*, account_id: UUID, user_id: int, now: datetime, can_trade: bool = False, actor: Actor | None = None) -> None:
    """Let a person see (and trade) an account. Raises NotFound for an account the firm does not have."""
    if not Account.objects.filter(pk=account_id).exists():
        raise NotFound("account")
    permission = _permission(Account, "trade_account" if can_trade else "view_account")
    AccountUserObjectPermission.objects.get_or_create(user_id=user_id, permission=permission, content_object_id=account_id)
    _audit(AuditAction.GRANTED, SubjectKind.ACCOUNT, account_id, user_id, permission.codename, actor, now)


def grant_group(*, group_id: UUID, user_id: int, now: datetime, can_trade: bool = False, actor: Actor | None = None) -> None:
    """Let a person see (and trade) the accounts of a group. Raises NotFound for a group the firm does not have."""
    if not AccountGroup.objects.filter(pk=group_id).exists():
        raise NotFound("account group")
    permission = _permission(AccountGroup, "trade_accountgroup" if can_trade else "view_accountgroup")
    AccountGroupUserObjectPermission.objects.get_or_create(user_id=user_id, permission=permission, content_object_id=group_id)
    _audit(AuditAction.GRANTED, SubjectKind.ACCOUNT_GROUP, group_id, user_id, permission.codename, actor, now)


def revoke_account(*, account_id: UUID, user_id: int, now: datetime, actor: Actor | None = None) -> int:
    """Take every direct grant on an account away, with effect on the next request. Returns how many there were."""
    gone, _ = AccountUserObjectPermission.objects.filter(user_id=user_id, content_object_id=account_id).delete()
    _audit(AuditAction.GRANT_REVOKED, SubjectKind.ACCOUNT, account_id, user_id, "", actor, now)
    return gone


def revoke_group(*, group_id: UUID, user_id: int, now: datetime, actor: Actor | None = None) -> int:
    """Take every direct grant on a group away, with effect on the next request. Returns how many there were."""
    gone, _ = AccountGroupUserObjectPermission.objects.filter(user_id=user_id, content_object_id=group_id).delete()
    _audit(AuditAction.GRANT_REVOKED, SubjectKind.ACCOUNT_GROUP, group_id, user_id, "", actor, now)
    return gone


def _permission(model: type[Account] | type[AccountGroup], codename: str) -> Permission:
    kind = ContentType.objects.get_for_model(model)
    return Permission.objects.get(content_type=kind, codename=codename)


def _audit(
    action: AuditAction, kind: SubjectKind, subject_id: UUID, user_id: int, codename: str, actor: Actor | None, now: datetime
) -> None:
    after = {"user": user_id, "permission": codename}
    audit(action=action, subject=Subject(kind, str(subject_id)), actor=actor, now=now, after=after)
