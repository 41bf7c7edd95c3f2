"""Groups of accounts, and who may see or trade which."""

from __future__ import annotations

from typing import Any

from django import forms

from governance.adminforms import ActForm, Nothing, text
from governance.adminsite import Act, HouseAdmin
from governance.core.subjects import Actor
from governance.queries.people import members
from governance.web import Visit

from .. import services
from ..models import Account, AccountGroup


class Codes(ActForm):
    accounts = text(required=False, help_text="The codes of its accounts, between blanks, commas or lines.")

    def clean_accounts(self) -> list[Any]:
        """Find the accounts. Raises ValidationError naming codes that are none."""
        wanted = set(self.cleaned_data["accounts"].replace(",", " ").split())
        found = dict(Account.objects.filter(code__in=wanted).values_list("code", "id"))
        if missing := sorted(wanted - set(found)):
            raise forms.ValidationError(f"There is no account {', '.join(missing[:10])}.")
        return sorted(found.values())


class NewGroup(Codes):
    code = forms.CharField(max_length=40)
    name = forms.CharField(max_length=160)
    field_order = ("code", "name", "accounts")


class Members(Codes):
    def prepare(self) -> None:
        """Start from today's members."""
        rows = Account.objects.filter(group_memberships__group=self.obj, group_memberships__valid_until__isnull=True)
        self.initial = {"accounts": "\n".join(rows.order_by("code").values_list("code", flat=True))}


class Grant(ActForm):
    user = forms.TypedChoiceField(coerce=int, label="Person")
    can_trade = forms.BooleanField(required=False, label="May trade too")

    def prepare(self) -> None:
        """Offer the firm's people."""
        self.fields["user"].choices = members()  # type: ignore[attr-defined]


class GrantAccount(Grant):
    account = forms.CharField(max_length=40, help_text="Its code.")
    field_order = ("account", "user", "can_trade")

    def clean_account(self) -> Any:
        """Find it. Raises ValidationError."""
        found = Account.objects.filter(code=self.cleaned_data["account"]).first()
        if found is None:
            raise forms.ValidationError("There is no account of this code.")
        return found


class GrantGroup(Grant):
    group = forms.ModelChoiceField(AccountGroup.objects.none())
    field_order = ("group", "user", "can_trade")

    def prepare(self) -> None:
        """Offer the firm's groups too."""
        super().prepare()
        self.fields["group"].queryset = AccountGroup.objects.order_by("code")  # type: ignore[attr-defined]
        self.fields["group"].label_from_instance = lambda row: f"{row.code} {row.name}"  # type: ignore[attr-defined]


def open_group(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Make a group."""
    services.open_group(code=data["code"], name=data["name"], account_ids=data["accounts"], now=visit.now, actor=actor)
    return f"{data['code']} has {len(data['accounts'])} accounts."


def set_members(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Set a group's members."""
    joined, left = services.set_group_members(group_id=obj.pk, account_ids=data["accounts"], now=visit.now, actor=actor)
    return f"{joined} joined, {left} left."


def grant_account(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Let somebody see or trade an account."""
    services.grant_account(account_id=data["account"].pk, user_id=data["user"], can_trade=data["can_trade"], now=visit.now, actor=actor)
    return "Granted."


def grant_group(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Let somebody see or trade a group."""
    services.grant_group(group_id=data["group"].pk, user_id=data["user"], can_trade=data["can_trade"], now=visit.now, actor=actor)
    return "Granted."


def revoke_account(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Take a grant on an account back."""
    services.revoke_account(account_id=obj.content_object_id, user_id=obj.user_id, only_trading=_trades(obj), now=visit.now, actor=actor)
    return "Taken back, from the next request on."


def revoke_group(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Take a grant on a group back."""
    services.revoke_group(group_id=obj.content_object_id, user_id=obj.user_id, only_trading=_trades(obj), now=visit.now, actor=actor)
    return "Taken back, from the next request on."


def _trades(obj: Any) -> bool:
    return bool(obj.permission.codename.startswith("trade_"))


class AccountGroupAdmin(HouseAdmin):
    group, title, icon = "Accounts", "Groups", "folder"
    list_display = ("code", "name")
    search_fields = ("code", "name")
    fields: Any = ("code", "name", "accounts")
    readonly_fields = ("accounts",)
    ordering = ("code",)
    acts = (
        Act("open", "Make a group", open_group, NewGroup, about_row=False),
        Act("members", "Set members", set_members, Members, fresh=True),
    )

    def accounts(self, obj: Any) -> str:
        """Return today's members."""
        rows = Account.objects.filter(group_memberships__group=obj, group_memberships__valid_until__isnull=True)
        return ", ".join(rows.order_by("code").values_list("code", flat=True)) or "none"


class _GrantAdmin(HouseAdmin):
    group, icon = "People", "lock_open"
    list_display = ("of", "person", "may")
    list_select_related = ("content_object", "user", "permission")
    search_fields = ("content_object__code", "user__email")
    fields: Any = ("of", "person", "may")
    readonly_fields = ("of", "person", "may")
    ordering = ("content_object__code", "user__email", "id")

    def of(self, obj: Any) -> str:
        """Return on what."""
        return str(obj.content_object.code)

    def person(self, obj: Any) -> str:
        """Return to whom."""
        return str(obj.user.email)

    def may(self, obj: Any) -> str:
        """Return what it lets them do."""
        return "trade" if _trades(obj) else "see"

    def named(self, obj: Any) -> str:
        """Return who may what."""
        return f"{self.person(obj)} may {self.may(obj)} {self.of(obj)}"


class AccountGrantAdmin(_GrantAdmin):
    title = "Grants on accounts"
    acts = (
        Act("grant", "Grant", grant_account, GrantAccount, about_row=False, fresh=True),
        Act("revoke", "Take it back", revoke_account, Nothing, fresh=True, danger=True),
    )


class GroupGrantAdmin(_GrantAdmin):
    title = "Grants on groups"
    acts = (
        Act("grant", "Grant", grant_group, GrantGroup, about_row=False, fresh=True),
        Act("revoke", "Take it back", revoke_group, Nothing, fresh=True, danger=True),
    )
