"""The firm's limits, and what the gates decided (`governance.adminsite`)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from base.core.figures import number
from governance.adminforms import ActForm, choices
from governance.adminrows import exact
from governance.adminsite import Act, HouseAdmin, site
from governance.core.subjects import Actor
from governance.enums import ApprovalAction, ApprovalState
from governance.queries import approvals_given
from governance.web import Visit

from . import services
from .core.gate_one import UNLIMITED
from .enums import FirmLimitKind
from .models import FirmLimit, GateDecision


class Limit(ActForm):
    kind = forms.ChoiceField(choices=choices(FirmLimitKind))
    limit = forms.DecimalField(
        required=False,
        decimal_places=8,
        max_digits=28,
        help_text="In the reporting currency, or a rate: 0.05 is 5%. Empty: there is no limit.",
    )
    approval = forms.ChoiceField(required=False, help_text="For a looser limit: what a second person has given for exactly this figure.")
    reason = forms.CharField(max_length=200)

    def prepare(self) -> None:
        """Offer the approvals that can still be used."""
        given = approvals_given(action=ApprovalAction.CHANGE_LIMIT, now=self.visit.now)
        found = [
            (str(one.id), f"{one.reason}, good until {one.expires_at:%H:%M:%S}") for one in given if one.state is ApprovalState.APPROVED
        ]
        self.fields["approval"].choices = [("", "none"), *found]  # type: ignore[attr-defined]


def change(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Put a limit in force; for a looser one ask a second person first."""
    limit = UNLIMITED if data["limit"] is None else Decimal(data["limit"])
    said: dict[str, Any] = {"kind": FirmLimitKind(data["kind"]), "limit": limit, "actor": actor, "now": visit.now, "reason": data["reason"]}
    try:
        services.change_firm_limit(**said, approval_id=data["approval"] or None)
    except services.NeedsSecondPerson:
        services.request_limit(**said)
        return "It is looser than the one in force: a second person has 15 minutes to approve it. Then set it again and name the approval."
    return "The limit is in force."


class FirmLimitAdmin(HouseAdmin):
    group, title, icon = "Control", "Limits", "speed"
    list_display = ("kind", "figure", "valid_from", "valid_until")
    list_filter = ("kind",)
    fields: Any = ("kind", "figure", "valid_from", "valid_until")
    readonly_fields = ("figure",)
    ordering = ("kind", "-valid_from")
    acts = (Act("set", "Set a limit", change, Limit, about_row=False, fresh=True),)

    def figure(self, obj: Any) -> str:
        """Return the limit."""
        return "no limit" if obj.limit is None else number(obj.limit)

    def named(self, obj: Any) -> str:
        """Return its kind."""
        return str(obj.kind)


class GateDecisionAdmin(HouseAdmin):
    group, title, icon = "Record", "Gate decisions", "traffic"
    list_display = ("decided_at", "gate", "outcome", "orders", "rule", "found", "bound", "message")
    list_filter = ("outcome", "gate")
    search_fields = ("=rule", "=journey_id")
    fields: Any = ("decided_at", "gate", "outcome", "orders", "rule", "found", "bound", "message", "journey_id", "subject_id")
    readonly_fields = ("found", "bound")
    found, bound = exact("number"), exact("limit")
    ordering = ("-decided_at", "-id")

    def named(self, obj: Any) -> str:
        """Return what it decided."""
        return f"Gate {obj.gate}: {obj.outcome}"


site.register(FirmLimit, FirmLimitAdmin)
site.register(GateDecision, GateDecisionAdmin)
