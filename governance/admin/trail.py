"""The audit trail to read: who did what to which, before and after; and whether its chain is sound (GOV-7, S12)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from ..adminforms import Nothing, choices
from ..adminsite import Act, Done
from ..core.subjects import Actor, Subject
from ..enums import AuditAction, SubjectKind
from ..models import AuditSeal
from ..permissions import OVERSIGHT
from ..queries import verify_chain
from ..queries.names import subjects_of_code
from ..queries.people import members
from ..queries.trail_names import TrailNames, subject_of, trail_names
from ..web import Visit
from .naming import NamingAdmin, journey_link, shown_name

PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=31)}


class _Filter(SimpleListFilter):
    column = ""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Narrow down."""
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class ByAction(_Filter):
    title, parameter_name, column = "action", "action", "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every action there is."""
        return choices(AuditAction)


class BySubject(_Filter):
    title, parameter_name, column = "subject", "kind", "subject_kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every kind of thing."""
        return choices(SubjectKind)


class ByPerson(_Filter):
    title, parameter_name, column = "person", "person", "actor_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the firm's people."""
        return [(str(user_id), email) for user_id, email in members()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Narrow down; what is no id finds nothing."""
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(actor_id=int(value)) if value.isascii() and value.isdigit() and len(value) < 19 else queryset.none()


class ByTime(SimpleListFilter):
    title, parameter_name = "time", "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the periods."""
        return [(name, f"the last {name}") for name in PERIODS]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Narrow down, counted from the visit's now."""
        period = PERIODS.get(self.value() or "")
        return queryset if period is None else queryset.filter(recorded_at__gt=request.visit.now - period)  # type: ignore[attr-defined]


def verify(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> Done:
    """Check the firm's chain from its beginning."""
    report = verify_chain()
    faults = len(report.faults)
    lines = [
        f"{report.sealed} events sealed, {report.unsealed} not sealed yet.",
        f"Head: {report.head.sequence} {report.head.chain_hash.hex()}",
    ]
    lines += [f"{finding.kind} at {finding.sequence}: {finding.message}" for finding in report.findings]
    return Done("The chain is sound." if not faults else f"{faults} findings: the trail was touched.", lines=tuple(lines))


class AuditEventAdmin(NamingAdmin):
    group, title, icon = "Record", "Audit trail", "history"
    list_display = ("recorded_at", "who", "role", "action", "subject", "reason", "rule")
    list_filter = (ByAction, BySubject, ByPerson, ByTime)
    search_fields = ("subject_id", "=reason", "=rule")
    search_help_text = "The code, symbol or id of what it is about; a reason or a rule in full."
    fields: Any = ("recorded_at", "who", "role", "action", "subject", "difference", "reason", "rule", "rule_version", "journey")
    fields += ("approval", "source_ip", "api_key", "sealed")
    export_also = ("subject_kind", "subject_id", "before", "after", "rule_version", "journey_id", "source_ip", "api_key", "sealed")
    readonly_fields = ("who", "role", "subject", "difference", "journey", "approval", "sealed")
    ordering = ("-recorded_at", "-id")
    acts = (
        Act(
            "verify",
            "Verify the chain",
            verify,
            Nothing,
            about_row=False,
            roles=OVERSIGHT,
            about="Reads every event and every seal of the firm, and says where one was edited, deleted, reordered or cut off.",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the firm's events, and whether each is sealed."""
        seal = AuditSeal.objects.filter(event_id=OuterRef("pk"))
        return super().get_queryset(request).annotate(is_sealed=Exists(seal))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Find by what is shown, too: the list names things by their codes."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        for one in subjects_of_code(request.visit.viewer, search_term.strip()) if search_term else ():  # type: ignore[attr-defined]
            found |= queryset.filter(subject_kind=one.kind, subject_id=one.id)
        return found, may_repeat

    def names_of(self, visit: Visit, rows: list[Any]) -> TrailNames:
        """Return the names of people, subjects, approvals, and of ids in before and after."""
        approvals = {_approval(row) for row in rows if row.approval_id}
        return trail_names(visit.viewer, rows, {*approvals, *(subject_of(row) for row in rows)})

    def who(self, obj: Any) -> str:
        """Return the person, or the system."""
        return obj.names.who(obj.actor_id) or "system"

    def role(self, obj: Any) -> str:
        """Return the role they acted in."""
        return str(obj.actor_role).capitalize() or "–"

    def journey(self, obj: Any) -> Any:
        """Return a link to the journey."""
        return journey_link(obj.journey_id)

    def approval(self, obj: Any) -> Any:
        """Return the second person's request it rests on."""
        return shown_name(obj.names, _approval(obj)) if obj.approval_id else "–"

    def sealed(self, obj: Any) -> str:
        """Return whether the chain holds it."""
        return "yes" if obj.is_sealed else "not yet"

    def difference(self, obj: Any) -> Any:
        """Return what changed, a line a field."""
        before, after = (obj.names.fields(value) if isinstance(value, dict) else {} for value in (obj.before, obj.after))
        rows = [(name, _shown(before.get(name)), _shown(after.get(name))) for name in sorted({*before, *after})]
        if not rows:
            return "–"
        cells = format_html_join("", "<tr><td>{}</td><td class='gone'>{}</td><td>{}</td></tr>", rows)
        return format_html(
            '<table class="plain-table"><thead><tr><th>Field</th><th>Before</th><th>After</th></tr></thead><tbody>{}</tbody></table>', cells
        )

    def named(self, obj: Any) -> str:
        """Return what happened."""
        return f"{obj.action} {obj.subject_kind}"


def _approval(obj: Any) -> Subject:
    return Subject(SubjectKind.APPROVAL, str(obj.approval_id))


def _shown(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
