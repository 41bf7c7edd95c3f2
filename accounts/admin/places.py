"""Accounts, custodians, connections, trading blocks."""

from __future__ import annotations

from typing import Any

from django import forms

from base.core.figures import number
from governance.adminforms import ActForm, Reason, choices, figure, text
from governance.adminsite import Act, HouseAdmin
from governance.core.subjects import Actor
from governance.models import Mandate, Party
from governance.web import Visit

from .. import services
from ..enums import BlockMode
from ..models import Account, Custodian
from .opening import CloseAccount, OpenAccount, close_account, open_account, reopen_account


class ChangeAccount(ActForm):
    name = forms.CharField(max_length=160)
    owner = forms.ModelChoiceField(Party.objects.none(), required=False)
    mandate = forms.ModelChoiceField(Mandate.objects.none(), required=False)
    position_cap_rate = figure(Account, "position_cap_rate", required=False, help_text="Of equity, 0.05 is 5%; empty for its class's.")
    reason = forms.CharField(max_length=200)

    def prepare(self) -> None:
        """Offer the firm's parties and mandates, and what stands."""
        offered = {"owner": Party.objects.order_by("code"), "mandate": Mandate.objects.order_by("code", "version")}
        for name, rows in offered.items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]
            self.fields[name].label_from_instance = lambda row: f"{row.code} {row.name}"  # type: ignore[attr-defined]
        cap = self.obj.position_cap_rate
        self.initial = {"name": self.obj.name, "position_cap_rate": None if cap is None else f"{cap.normalize():f}"}
        self.initial |= {"owner": self.obj.owner_id, "mandate": self.obj.mandate_id}


class NewCustodian(ActForm):
    code = forms.CharField(max_length=40)
    name = forms.CharField(max_length=160)
    contact = text(required=False, max_length=2000)


class ChangeCustodian(ActForm):
    name = forms.CharField(max_length=160)
    contact = text(required=False, max_length=2000)
    reason = forms.CharField(max_length=200)

    def prepare(self) -> None:
        """Start from what stands."""
        self.initial = {"name": self.obj.name, "contact": self.obj.contact}


class NewConnection(ActForm):
    code = forms.CharField(max_length=40)
    gateway = forms.CharField(max_length=32, help_text="The kind of gateway that serves it: paper, ib, fix, metatrader …")
    custodian = forms.ModelChoiceField(Custodian.objects.none())
    is_live = forms.BooleanField(required=False, label="Trades live", help_text="Never changes afterwards.")
    pools_blocks = forms.BooleanField(required=False, label="Takes one order for many accounts")

    def prepare(self) -> None:
        """Offer the firm's custodians."""
        self.fields["custodian"].queryset = Custodian.objects.order_by("code")  # type: ignore[attr-defined]
        self.fields["custodian"].label_from_instance = lambda row: f"{row.code} {row.name}"  # type: ignore[attr-defined]


class Block(ActForm):
    mode = forms.ChoiceField(choices=choices(BlockMode))
    reason = forms.CharField(max_length=200)


def change_account(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Change an account."""
    services.change_account(
        account_id=obj.pk,
        name=data["name"],
        owner_id=data["owner"].pk if data["owner"] else None,
        mandate_id=data["mandate"].pk if data["mandate"] else None,
        position_cap_rate=data["position_cap_rate"],
        actor=actor,
        now=visit.now,
        reason=data["reason"],
    )
    return "The account is changed."


def block(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Block an account."""
    services.block_trading(
        account_id=obj.pk,
        instrument_id=None,
        mode=BlockMode(data["mode"]),
        rule="GOV-4",
        reason=data["reason"],
        now=visit.now,
        actor=actor,
    )
    return "The account is blocked."


def lift(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Lift a block."""
    services.lift_by_hand(block_id=obj.pk, reason=data["reason"], actor=actor, now=visit.now)
    return "The block is lifted."


def open_custodian(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Record a custodian."""
    services.open_custodian(actor=actor, now=visit.now, **data)
    return f"{data['name']} is recorded."


def change_custodian(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Change a custodian."""
    services.change_custodian(custodian_id=obj.pk, actor=actor, now=visit.now, **data)
    return "The custodian is changed."


def open_connection(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Record a connection with its clearing account."""
    _, number = services.open_connection(
        code=data["code"],
        gateway=data["gateway"],
        custodian_id=data["custodian"].pk,
        is_paper=not data["is_live"],
        pools_blocks=data["pools_blocks"],
        now=visit.now,
        actor=actor,
    )
    return f"{data['code']} is recorded; its clearing account is {number}."


def enable(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Enable a connection."""
    services.change_connection(connection_id=obj.pk, is_enabled=True, actor=actor, now=visit.now, reason=data["reason"])
    return "Enabled."


def disable(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Disable a connection."""
    services.change_connection(connection_id=obj.pk, is_enabled=False, actor=actor, now=visit.now, reason=data["reason"])
    return "Disabled."


class AccountAdmin(HouseAdmin):
    group, title, icon = "Accounts", "Accounts", "account_balance_wallet"
    list_display = ("code", "name", "account_class", "base_currency", "at_custodian", "via", "opened_on", "closed_on")
    list_filter = ("account_class", "is_clearing")
    search_fields = ("code", "name", "custodian_account")
    list_select_related = ("custodian", "connection", "owner", "mandate")
    fields: Any = (
        "code",
        "name",
        "account_class",
        "registration",
        "tax_classification",
        "leverage_regime",
        "settlement_mode",
        "lot_method",
    )
    fields += ("position_mode", "base_currency", "at_custodian", "via", "owned_by", "under", "position_cap", "is_clearing")
    fields += ("opened_on", "closed_on")
    readonly_fields = ("at_custodian", "via", "owned_by", "under", "position_cap")
    ordering = ("code",)
    acts = (
        Act("open", "Open an account", open_account, OpenAccount, about_row=False),
        Act("change", "Change", change_account, ChangeAccount),
        Act("block", "Block trading", block, Block, danger=True, when=lambda row, _: row.closed_on is None),
        Act(
            "close",
            "Close the account",
            close_account,
            CloseAccount,
            fresh=True,
            danger=True,
            about="It must be empty and at rest: no position, cash, order or break. Nothing of it goes; from that day on it takes no order.",
            when=lambda row, _: row.closed_on is None and not row.is_clearing,
            unfit="The account is closed already, or a connection's clearing account, which ends with its connection.",
        ),
        Act(
            "reopen",
            "Open it again",
            reopen_account,
            Reason,
            fresh=True,
            about="For one that was closed by mistake, or that the custodian opened again under its old number. It has no figures for the days between.",
            when=lambda row, _: row.closed_on is not None,
            unfit="The account is open.",
        ),
    )

    def at_custodian(self, obj: Any) -> str:
        """Return where it is kept."""
        return f"{obj.custodian.code} {obj.custodian_account}"

    def via(self, obj: Any) -> str:
        """Return its connection."""
        return str(obj.connection.code)

    def position_cap(self, obj: Any) -> str:
        """Return its own cap."""
        cap = obj.position_cap_rate
        return "its class's" if cap is None else f"{number(cap * 100)}% of equity"

    def owned_by(self, obj: Any) -> str:
        """Return its owner."""
        return str(obj.owner.name) if obj.owner_id else "not recorded"

    def under(self, obj: Any) -> str:
        """Return its mandate."""
        return f"{obj.mandate.code}, version {obj.mandate.version} or later" if obj.mandate_id else "none"


class CustodianAdmin(HouseAdmin):
    group, title, icon = "Accounts", "Custodians", "account_balance"
    list_display = ("code", "name", "calendar")
    search_fields = ("code", "name")
    fields: Any = ("code", "name", "contact", "calendar")
    ordering = ("code",)
    acts = (
        Act("record", "Record a custodian", open_custodian, NewCustodian, about_row=False),
        Act("change", "Change", change_custodian, ChangeCustodian),
    )


class BrokerConnectionAdmin(HouseAdmin):
    group, title, icon = "Accounts", "Connections", "lan"
    list_display = ("code", "gateway", "at", "is_paper", "pools_blocks", "is_enabled")
    list_filter = ("is_enabled", "is_paper")
    search_fields = ("code", "gateway")
    list_select_related = ("custodian",)
    fields: Any = ("code", "gateway", "at", "is_paper", "pools_blocks", "is_enabled")
    readonly_fields = ("at",)
    ordering = ("code",)
    acts = (
        Act("record", "Record a connection", open_connection, NewConnection, about_row=False, fresh=True),
        Act("enable", "Enable", enable, Reason, fresh=True, when=lambda row, _: not row.is_enabled, unfit="It is enabled already."),
        Act("disable", "Disable", disable, Reason, danger=True, when=lambda row, _: row.is_enabled, unfit="It is disabled already."),
    )

    def at(self, obj: Any) -> str:
        """Return its custodian."""
        return str(obj.custodian.name)


class TradingBlockAdmin(HouseAdmin):
    group, title, icon = "Control", "Trading blocks", "do_not_disturb_on"
    list_display = ("of", "mode", "rule", "reason", "starts_at", "ends_at")
    list_filter = ("mode",)
    list_select_related = ("account", "instrument")
    fields: Any = ("of", "mode", "rule", "reason", "starts_at", "ends_at")
    readonly_fields = ("of",)
    ordering = ("-starts_at", "-id")
    acts = (
        Act(
            "lift",
            "Lift the block",
            lift,
            Reason,
            when=lambda row, _: row.ends_at is None and row.source_id is None,
            unfit="The block has ended, or it stands for a break or an order and ends when that is resolved or waived by two people.",
        ),
    )

    def of(self, obj: Any) -> str:
        """Return what is blocked."""
        return " ".join(str(part) for part in (obj.account, obj.instrument.symbol if obj.instrument else None) if part)

    named = of
