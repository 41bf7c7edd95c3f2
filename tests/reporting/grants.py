"""A direct grant on an account, as guardian stores it."""

from __future__ import annotations

from django.contrib.auth.models import Permission

from accounts.models import Account, AccountUserObjectPermission
from governance.models import User


def grant_view(user: User, account: Account) -> None:
    permission = Permission.objects.get(codename="view_account", content_type__app_label="accounts")
    AccountUserObjectPermission.objects.create(user=user, permission=permission, content_object=account)
