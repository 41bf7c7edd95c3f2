"""Kill switches in the admin: tripped by whoever may, armed again by two (GOV-10)."""

from __future__ import annotations

from typing import Any

from django import forms

from base.core.words import words

from .. import services
from ..adminforms import ActForm, choices
from ..adminsite import Act
from ..core.subjects import Actor, Subject
from ..enums import KillScope, KillState
from ..queries.names import behind, find_stopped, subject_name
from ..queries.trail_names import TrailNames, trail_names
from ..web import Visit
from .naming import NamingAdmin, shown_name


class Trip(ActForm):
    scope = forms.ChoiceField(choices=choices(KillScope))
    subject_id = forms.CharField(
        max_length=64,
        required=False,
        label="Which",
        help_text="The code of the account, strategy or connection, or the instrument's symbol; its id does too. Empty for the whole firm.",
    )
    reason = forms.CharField(max_length=200)

    def clean(self) -> dict[str, Any]:
        """Find what is named: a switch on nothing would stop nothing and look as if it did. Raises ValidationError."""
        data = super().clean() or {}
        if "scope" in data and "subject_id" in data:
            scope, said = KillScope(data["scope"]), data["subject_id"]
            found = find_stopped(self.visit.viewer, scope, said)
            if found is None and scope is KillScope.FIRM:
                raise forms.ValidationError({"subject_id": f"The firm's switch stops everything: leave this empty, not “{said}”."})
            if found is None:
                raise forms.ValidationError(
                    {"subject_id": f"There is no {words(scope).lower()} “{said}”: name one by its code, symbol or id."}
                )
            data["subject_id"] = found
        return data


def trip(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Stop."""
    services.trip_kill_switch(
        scope=KillScope(data["scope"]), subject_id=data["subject_id"], actor=actor, now=visit.now, reason=data["reason"]
    )
    return f"Stopped: {said_name(visit, KillScope(data['scope']), data['subject_id'])}. Nothing new is sent; working orders are being canceled."


def said_name(visit: Visit, scope: KillScope, subject_id: str) -> str:
    """Return what a switch stops, by name."""
    subject = behind(f"{scope}|{subject_id}")
    name = None if subject is None else subject_name(visit.viewer, subject)
    return "the whole firm" if subject is None else name.text if name else subject_id


def ask_to_rearm(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Ask to trade again."""
    services.request_rearm(scope=KillScope(obj.scope), subject_id=obj.subject_id, actor=actor, now=visit.now, reason=data["reason"])
    return "A second person has 15 minutes to confirm."


def rearm(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Let trading go on, as the second person."""
    services.confirm_rearm(approval_id=obj.rearm_approval_id, actor=actor, now=visit.now, reason=data["reason"])
    return "Armed again."


def stopped_by(row: Any) -> Subject | None:
    """Return what a switch stops, None for the whole firm."""
    return behind(f"{row.scope}|{row.subject_id}")


class KillSwitchAdmin(NamingAdmin):
    group, title, icon = "Control", "Kill switches", "power_settings_new"
    list_display = ("tripped_at", "scope", "subject", "state", "reason", "by")
    list_filter = ("state", "scope")
    list_select_related = ("tripped_by",)
    fields: Any = ("scope", "subject", "state", "reason", "by", "tripped_at", "rearm_requested_at", "flatten_confirmed_at", "rearmed_at")
    readonly_fields = ("subject", "by")
    ordering = ("-tripped_at", "-id")
    acts = (
        Act("trip", "Stop trading", trip, Trip, about_row=False, danger=True),
        Act("ask", "Ask to trade again", ask_to_rearm, fresh=True, when=lambda row, _: row.rearmed_at is None),
        Act("rearm", "Confirm trading again", rearm, fresh=True, when=lambda row, _: row.state == KillState.REARM_REQUESTED),
    )

    def names_of(self, visit: Visit, rows: list[Any]) -> TrailNames:
        """Return the names of what these switches stop."""
        return trail_names(visit.viewer, [], (subject for row in rows if (subject := stopped_by(row)) is not None))

    def subject(self, obj: Any) -> Any:
        """Return what it stops."""
        subject = stopped_by(obj)
        return "The whole firm" if subject is None else shown_name(obj.names, subject)

    def by(self, obj: Any) -> str:
        """Return who tripped it."""
        return str(obj.tripped_by.email)

    def named(self, obj: Any) -> str:
        """Return what it stops."""
        subject = stopped_by(obj)
        name = None if subject is None else obj.names.of(subject)
        return "The whole firm" if subject is None else name.text if name else f"{obj.scope} {obj.subject_id}"
