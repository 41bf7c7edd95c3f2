"""What stops and what lets through: restricted list, approvals with the emergency override, alerts; kill switches: `switches` (CST-5, GOV-4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from market.models import Instrument, Issuer

from .. import services
from ..adminforms import ActForm, Nothing, Reason, choices, instant
from ..adminsite import Act, HouseAdmin
from ..core.approval_words import HARD_LIMITS, answered, effect
from ..core.approvals import APPROVERS, state_at
from ..core.subjects import Actor, Subject
from ..enums import ApprovalAction, ApprovalState, RestrictionState, Role, SubjectKind
from ..models import Approval
from ..queries.approval_desk import terms_told
from ..queries.approvals import approval_facts, approval_value
from ..queries.audit_trail import spent_by
from ..queries.names import people_names
from ..services.carrying_out import decide
from ..services.restrictions import lifting_hash
from ..web import Visit
from .naming import NamingAdmin


class NewRestriction(ActForm):
    names = forms.ChoiceField(choices=[("instrument", "An instrument"), ("issuer", "An issuer, with all its instruments")])
    symbol = forms.CharField(max_length=120, help_text="The instrument's symbol, or the issuer's name as the market reference has it.")
    state = forms.ChoiceField(choices=[one for one in choices(RestrictionState) if one[0] != RestrictionState.NONE])
    valid_until = instant(required=False)
    reason = forms.CharField(max_length=200)

    def clean(self) -> dict[str, Any]:
        """Find what is named. Raises ValidationError."""
        data = super().clean() or {}
        named, what = data.get("symbol", ""), data.get("names")
        if not (what and named):
            return data
        model, key = (Instrument, "symbol") if what == "instrument" else (Issuer, "name")
        found = list(model.objects.filter(**{f"{key}__iexact": named}).values_list("id", flat=True)[:2])  # type: ignore[attr-defined]
        if len(found) != 1:
            raise forms.ValidationError({"symbol": f"There is no {what} “{named}” in the market reference."})
        data[f"{what}_id"] = found[0]
        return data


class Lift(ActForm):
    approval = forms.ModelChoiceField(Approval.objects.none(), help_text="One that a second person has given for this entry.")
    reason = forms.CharField(max_length=200)

    def prepare(self) -> None:
        """Offer the approvals of this entry."""
        given = Approval.objects.filter(action=ApprovalAction.LIFT_RESTRICTION, subject_id=str(self.obj.pk), state=ApprovalState.APPROVED)
        field = self.fields["approval"]
        field.queryset = given.filter(expires_at__gt=self.visit.now)  # type: ignore[attr-defined]
        field.label_from_instance = lambda row: f"good until {row.expires_at:%H:%M:%S}, {row.reason}"  # type: ignore[attr-defined]


def restrict(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Put an entry on the list."""
    services.restrict(
        state=RestrictionState(data["state"]),
        reason=data["reason"],
        actor=actor,
        now=visit.now,
        issuer_id=data.get("issuer_id"),
        instrument_id=data.get("instrument_id"),
        valid_until=data["valid_until"],
    )
    return "It is on the list."


def ask_to_lift(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Ask a second person."""
    subject = Subject(SubjectKind.RESTRICTION, str(obj.pk))
    services.request_approval(
        action=ApprovalAction.LIFT_RESTRICTION,
        subject=subject,
        content_hash=lifting_hash(obj.pk),
        actor=actor,
        now=visit.now,
        reason=data["reason"],
    )
    return "Another compliance officer has 15 minutes to approve."


def lift(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Take the entry off, on an approval."""
    services.lift_restriction(restriction_id=obj.pk, actor=actor, now=visit.now, approval_id=data["approval"].pk, reason=data["reason"])
    return "The entry has ended."


def approve(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Say yes; what can be carried out at once is."""
    return _answer(visit, obj, data["reason"], yes=True)


def refuse(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Say no."""
    return _answer(visit, obj, data["reason"], yes=False)


def _answer(visit: Visit, obj: Any, reason: str, *, yes: bool) -> str:
    action = ApprovalAction(obj.action)
    done = decide(approval_id=obj.pk, yes=yes, actor=visit.actor(APPROVERS[action]), now=visit.now, reason=reason)
    return f"{answered(action, yes=yes, done=done)}."


def acknowledge(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Put the visitor's name to it."""
    services.acknowledge_alert(alert_id=obj.pk, actor=visit.actor(_told(obj)), now=visit.now)
    return "Your name stands beside it."


def _told(obj: Any) -> frozenset[Role]:
    return frozenset(Role(role) for role in obj.audience)


_OVER = "The request has been decided, its 15 minutes are over, or it is for another role to decide."


def _waits(obj: Any, visit: Visit) -> bool:
    return state_at(approval_value(obj), visit.now) is ApprovalState.REQUESTED and visit.holds(APPROVERS[ApprovalAction(obj.action)])


def _person(user: Any) -> SafeString:
    return format_html('<span title="{}">{}</span>', user.email, user.name or user.email)


class RestrictionAdmin(HouseAdmin):
    group, title, icon = "Control", "Restricted list", "block"
    list_display = ("thing", "state", "valid_from", "valid_until", "reason")
    list_filter = ("state",)
    search_fields = ("reason", "instrument__symbol", "issuer__name")
    list_select_related = ("issuer", "instrument")
    fields: Any = ("thing", "state", "valid_from", "valid_until", "reason")
    readonly_fields = ("thing",)
    ordering = ("-valid_from", "id")
    acts = (
        Act("restrict", "Restrict", restrict, NewRestriction, about_row=False),
        Act("ask", "Ask to lift it", ask_to_lift, when=lambda row, visit: row.valid_until is None or row.valid_until > visit.now),
        Act("lift", "Lift it", lift, Lift, when=lambda row, visit: row.valid_until is None or row.valid_until > visit.now),
    )

    def thing(self, obj: Any) -> str:
        """Return what is restricted."""
        return str(obj.issuer.name if obj.issuer_id else obj.instrument.symbol)

    named = thing


class ApprovalAdmin(NamingAdmin):
    group, title, icon = "Control", "Approvals", "approval"
    list_display = ("requested_at", "action", "subject", "content", "reason", "asked_by", "answered_by", "state", "expires_at", "used_by")
    list_filter = ("state", "action")
    list_select_related = ("requested_by", "decided_by")
    fields: Any = (
        "action",
        "subject",
        "asked_for",
        "rules",
        "reason",
        "when_approved",
        "asked_by",
        "requested_at",
        "expires_at",
        "state",
        "content_hash",
    )
    fields += ("answered_by", "decided_at", "decision_reason", "used_at", "used_by")
    readonly_fields = ("subject", "asked_for", "when_approved", "asked_by", "answered_by", "used_by")
    list_before_template = "admin/approvals.html"
    ordering = ("-requested_at", "-id")
    acts = (
        Act("approve", "Approve", approve, Reason, fresh=True, when=_waits, unfit=_OVER),
        Act("refuse", "Refuse", refuse, Reason, when=_waits, unfit=_OVER),
    )

    def attach_names(self, visit: Visit, rows: Iterable[Any]) -> None:
        """Put to the rows what they are about, and who used them."""
        found = list(rows)
        super().attach_names(visit, found)
        spent = spent_by([row.pk for row in found if row.used_at is not None])
        people = people_names(spent.values())
        for row in found:
            row.looked_at = visit.now
            row.spender = "–" if row.used_at is None else people.get(spent.get(row.pk) or 0, "system")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the queue, and how the emergency override goes."""
        return super().changelist_view(request, {"hard_limits": HARD_LIMITS, **(extra_context or {})})

    def content(self, obj: Any) -> str:
        """Return the first letters of the hash the answer is bound to."""
        return f"{obj.content_hash[:12]}…"

    def asked_by(self, obj: Any) -> str:
        """Return who asked."""
        return _person(obj.requested_by)

    def answered_by(self, obj: Any) -> str:
        """Return who decided."""
        return _person(obj.decided_by) if obj.decided_by_id else "–"

    def used_by(self, obj: Any) -> str:
        """Return who used it, for exactly what was approved."""
        return str(obj.spender)

    def asked_for(self, obj: Any) -> Any:
        """Return what exactly a yes allows, where the app of the action tells."""
        told = terms_told([approval_facts(obj, obj.looked_at)]).get(obj.pk, ())
        return format_html_join(SafeString("<br>"), "{}: {}", told) or "–"

    def when_approved(self, obj: Any) -> str:
        """Return what a yes leads to."""
        return effect(ApprovalAction(obj.action))

    def named(self, obj: Any) -> str:
        """Return what is asked for."""
        return str(obj.action).replace("_", " ").capitalize()


class AlertAdmin(NamingAdmin):
    group, title, icon = "Control", "Alerts", "notifications"
    list_display = ("raised_at", "tier", "rule", "message", "subject", "acknowledged", "ended_at")
    list_filter = ("tier",)
    search_fields = ("message", "rule")
    list_select_related = ("acknowledged_by",)
    fields: Any = ("tier", "rule", "message", "subject", "audience", "raised_at", "last_seen_at", "occurrences")
    fields += ("acknowledged", "acknowledged_at", "ended_at")
    readonly_fields = ("subject", "acknowledged")
    ordering = ("-raised_at", "-id")
    acts = (
        Act(
            "acknowledge",
            "Acknowledge",
            acknowledge,
            Nothing,
            when=lambda row, visit: row.acknowledged_at is None and visit.holds(_told(row)),
        ),
    )

    def acknowledged(self, obj: Any) -> str:
        """Return whose name stands beside it."""
        return str(obj.acknowledged_by.email) if obj.acknowledged_by_id else "–"

    def named(self, obj: Any) -> str:
        """Return its rule."""
        return f"{obj.tier} {obj.rule}"
