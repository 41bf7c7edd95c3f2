"""Tables of the admin that speak of things by kind and id: the name is shown, the id small beside it.

Entry points: `NamingAdmin`, `journey_link`, `shown_name`. A page of a table asks one statement a kind for its names, however many rows it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from base.addresses import address

from ..adminsite import HouseAdmin
from ..core.subjects import Subject
from ..queries.trail_names import TrailNames, subject_of, trail_names
from ..web import Visit

SHORT = 8


class _NamedList(ChangeList):
    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """Read the page, and what its rows speak of."""
        super().get_results(request)
        self.result_list = list(self.result_list)
        self.model_admin.attach_names(request.visit, self.result_list)  # type: ignore[attr-defined]


class NamingAdmin(HouseAdmin):
    """A table whose rows name a subject, and perhaps an actor, a before and an after."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the table that knows its rows' names."""
        return _NamedList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return one row with its names."""
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            self.attach_names(request.visit, [obj])  # type: ignore[attr-defined]
        return obj

    def attach_names(self, visit: Visit, rows: Iterable[Any]) -> None:
        """Put the names of what they speak of to the rows."""
        found = list(rows)
        names = self.names_of(visit, found)
        for row in found:
            row.names = names

    def names_of(self, visit: Visit, rows: list[Any]) -> TrailNames:
        """Return the names of what these rows speak of."""
        return trail_names(visit.viewer, [], (subject_of(row) for row in rows))

    def subject(self, obj: Any) -> SafeString:
        """Return what it is about: the name, and the id beside it."""
        return shown_name(obj.names, subject_of(obj))


def shown_name(names: TrailNames, subject: Subject) -> SafeString:
    """Return a subject's name with its kind and id; where nobody knows a name, the kind in words and the id in full."""
    kind, name = subject.kind.replace("_", " ").capitalize(), names.of(subject)
    if name is None:
        return format_html('{} <span class="raw-id">{}</span>', kind, subject.id)
    text = name.text[:1].upper() + name.text[1:]
    said = format_html('<a href="{}">{}</a>', name.url, text) if name.url else text
    if len(subject.id) <= SHORT or "-" not in subject.id:  # a number, a word: nothing to shorten
        return format_html('<span title="{}: {}">{}</span>', kind, subject.id, said)
    return format_html('<span title="{}">{}</span> <span class="raw-id" title="{}">{}</span>', kind, said, subject.id, subject.id[-SHORT:])


def journey_link(journey_id: UUID | None) -> SafeString | str:
    """Return a link to a journey by its id, "–" for none."""
    where = address("reporting:journey", journey_id) if journey_id else ""
    return format_html('<a class="raw-id" href="{}">{}</a>', where, journey_id) if where else str(journey_id or "–")
