"""Opening an account in one form, closing it, and opening it again."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django import forms

from base.core.words import words
from governance.adminforms import ActForm, choices, day, figure
from governance.core.subjects import Actor
from governance.models import Mandate, Party
from governance.queries import firm_settings
from governance.web import Visit
from market.queries import rated_currencies

from .. import services
from ..enums import (
    DEFAULT_POSITION_CAPS,
    REGISTRATIONS,
    AccountClass,
    LeverageRegime,
    LotMethod,
    PositionMode,
    Registration,
    SettlementMode,
    TaxClassification,
)
from ..models import Account, BrokerConnection

_CAPS = ", ".join(f"{words(name)} {cap:.0%}" for name, cap in DEFAULT_POSITION_CAPS.items() if cap is not None)
_WORDS = {
    "account_class": AccountClass,
    "registration": Registration,
    "tax_classification": TaxClassification,
    "leverage_regime": LeverageRegime,
    "settlement_mode": SettlementMode,
    "lot_method": LotMethod,
    "position_mode": PositionMode,
}


class OpenAccount(ActForm):
    """All that ACC-2 asks of an account. A connection names its custodian, so that the two cannot contradict each other."""

    code = forms.CharField(max_length=40, help_text="What it is called here: short, once in the firm.")
    name = forms.CharField(max_length=160)
    owner = forms.ModelChoiceField(
        Party.objects.none(), required=False, help_text="May be recorded later: without an owner it takes no order."
    )
    mandate = forms.ModelChoiceField(
        Mandate.objects.none(), required=False, help_text="The newest version of its code that is in force counts."
    )
    opened_on = day(label="Opened on", help_text="A day to come is possible: until then it takes no order.")
    connection = forms.ModelChoiceField(
        BrokerConnection.objects.none(), help_text="By custodian; where its orders go and its books come from."
    )
    custodian_account = forms.CharField(max_length=64, label="Number at the custodian", help_text="Exactly as in the custodian's files.")
    account_class = forms.ChoiceField(choices=choices(AccountClass), label="Class", help_text=f"Sets the position cap: {_CAPS} of equity.")
    registration = forms.ChoiceField(help_text="Under its class; an account of the class Managed may have any.")
    tax_classification = forms.ChoiceField(choices=choices(TaxClassification))
    leverage_regime = forms.ChoiceField(choices=choices(LeverageRegime), help_text="Of a sheltered account: cash or limited margin.")
    base_currency = forms.ChoiceField(help_text="Currencies there are rates for. It never changes.")
    position_cap_rate = figure(
        Account,
        "position_cap_rate",
        required=False,
        label="Position cap",
        help_text="Of equity, 0.05 is 5%. A Prop account's contract states it; for others empty means its class's.",
    )
    settlement_mode = forms.ChoiceField(choices=choices(SettlementMode), help_text="Which cash may pay for a buy.")
    lot_method = forms.ChoiceField(choices=choices(LotMethod), help_text="Which lots a sale closes.")
    position_mode = forms.ChoiceField(choices=choices(PositionMode))
    reason = forms.CharField(max_length=200, help_text="Stands in the audit trail.")
    sections = (
        ("The account", ("code", "name", "owner", "mandate", "opened_on")),
        ("Where it is kept", ("connection", "custodian_account")),
        ("What it is", ("account_class", "registration", "tax_classification", "leverage_regime", "base_currency", "position_cap_rate")),
        ("How it is booked", ("settlement_mode", "lot_method", "position_mode")),
        ("Why", ("reason",)),
    )

    def prepare(self) -> None:
        """Offer the firm's own rows, and what most accounts are."""
        offered = {"owner": Party.objects.order_by("code"), "mandate": Mandate.objects.order_by("code", "version")}
        for name, rows in offered.items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]
            self.fields[name].label_from_instance = lambda row: f"{row.code} {row.name}"  # type: ignore[attr-defined]
        connections = BrokerConnection.objects.select_related("custodian").order_by("custodian__code", "code")
        self.fields["connection"].queryset = connections  # type: ignore[attr-defined]
        self.fields["connection"].choices = _by_custodian(connections)  # type: ignore[attr-defined]
        self.fields["registration"].choices = _by_class()  # type: ignore[attr-defined]
        reporting = firm_settings().reporting_currency
        self.fields["base_currency"].choices = [(one, one) for one in sorted({reporting, *rated_currencies()})]  # type: ignore[attr-defined]
        self.initial = {"opened_on": self.visit.now.date(), "base_currency": reporting, "leverage_regime": LeverageRegime.CASH}


class CloseAccount(ActForm):
    """The last day, and why."""

    closed_on = day(label="Closed on", help_text="A day that has come, after its last booking. On that day it takes no order any more.")
    reason = forms.CharField(max_length=200, help_text="Stands in the audit trail.")

    def prepare(self) -> None:
        """Start from today."""
        self.initial = {"closed_on": self.visit.now.date()}


def _by_custodian(connections: Any) -> list[Any]:
    def told(row: Any) -> str:
        off = "" if row.is_enabled else ", disabled"
        return f"{row.code} ({'paper' if row.is_paper else 'live'}{off})"

    groups = groupby(connections, key=lambda row: f"{row.custodian.code} {row.custodian.name}")
    return [("", "–"), *((custodian, [(row.pk, told(row)) for row in rows]) for custodian, rows in groups)]


def _by_class() -> list[Any]:
    kinds = [kind for kind in AccountClass if kind is not AccountClass.MANAGED]
    return [(words(kind), [(one.value, words(one)) for one in Registration if one in REGISTRATIONS[kind]]) for kind in kinds]


def open_account(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Open an account."""
    connection, owner, mandate = data["connection"], data["owner"], data["mandate"]
    chosen = {name: vocabulary(data[name]) for name, vocabulary in _WORDS.items()}
    plain = {
        name: data[name] for name in ("code", "name", "custodian_account", "base_currency", "position_cap_rate", "opened_on", "reason")
    }
    services.open_account(
        custodian_id=connection.custodian_id,
        connection_id=connection.pk,
        owner_id=owner.pk if owner else None,
        mandate_id=mandate.pk if mandate else None,
        actor=actor,
        now=visit.now,
        **chosen,
        **plain,
    )
    missing = [what for what, given in (("an owner", owner), ("a mandate", mandate)) if not given]
    return f"Account {data['code']} is open." + (f" It takes no order before {' and '.join(missing)} is recorded." if missing else "")


def close_account(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Close an account."""
    services.close_account(account_id=obj.pk, closed_on=data["closed_on"], actor=actor, now=visit.now, reason=data["reason"])
    return f"Account {obj.code} is closed. Its books and statements stay."


def reopen_account(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Open a closed account again."""
    services.reopen_account(account_id=obj.pk, actor=actor, now=visit.now, reason=data["reason"])
    return f"Account {obj.code} is open again, as what it was."
