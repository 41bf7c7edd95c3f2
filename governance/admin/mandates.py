"""Mandates: each version with its rules; a new version takes the place of the one before."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from base.streams import file_response

from .. import services
from ..adminforms import ActForm, figure, instant, text
from ..adminrows import RowsToRead, exact
from ..adminsite import Act, HouseAdmin
from ..core.mandate_words import CLAUSES, clause_words
from ..core.subjects import Actor, Subject
from ..enums import MandateRuleKind, SubjectKind
from ..models import MandateRule
from ..permissions import OVERSIGHT
from ..services import MandateRuleSpec
from ..web import Request, Visit


class NewVersion(ActForm):
    code = forms.CharField(max_length=40, help_text="A code in use: the next version of that mandate.")
    name = forms.CharField(max_length=160)
    valid_from = instant()
    valid_until = instant(required=False)
    rules = text(
        help_text=format_html(
            "A rule a line: kind | bound | lower bound | words between commas | clause. 0.02 is 2%; leave out what a rule has not."
            '<details class="kinds"><summary>The kinds</summary><dl>{}</dl></details>',
            format_html_join("", "<dt>{}</dt><dd>{}; {}</dd>", ((kind.value, *CLAUSES[kind]) for kind in MandateRuleKind)),
        )
    )
    document = forms.FileField(required=False, help_text="PDF, PNG or JPEG, at most 10 MB.")

    def clean_rules(self) -> list[MandateRuleSpec]:
        """Read the lines. Raises ValidationError naming the line."""
        return [_rule(number, line) for number, line in enumerate(self.cleaned_data["rules"].splitlines(), 1) if line.strip()]


_BOUND = figure(MandateRule, "rate", required=False)
_CLAUSE, _WORD = forms.CharField(max_length=200, required=False), forms.CharField(max_length=64)


def _rule(number: int, line: str) -> MandateRuleSpec:
    parts = [part.strip() for part in line.split("|")]
    try:
        kind, rate, lower, words, clause = parts
        bounds = [_BOUND.clean(one) for one in (rate, lower)]
        names = tuple(_WORD.clean(word) for word in words.split(",") if word.strip())
        return MandateRuleSpec(MandateRuleKind(kind.upper()), _CLAUSE.clean(clause), bounds[0], bounds[1], names)
    except forms.ValidationError as error:
        raise forms.ValidationError(f"Line {number} cannot be kept: {' '.join(error.messages)}") from None
    except ValueError:
        kinds = ", ".join(MandateRuleKind)
        raise forms.ValidationError(f"Line {number} is no rule: five parts, the first one of {kinds}.") from None


def record(actor: Actor, visit: Visit, obj: Any, data: dict[str, Any]) -> str:
    """Record a version."""
    document = data.pop("document")
    sha256 = services.store_document(document.read()) if document else ""
    services.record_mandate(document_sha256=sha256, actor=actor, now=visit.now, **data)
    return f"{data['code']} is recorded."


def kept(request: Request, subject: Subject, sha256: str) -> HttpResponseBase:
    """Answer with a document, as an attachment that runs nothing."""
    visit, is_taken = request.visit, request.method != "HEAD"
    file = services.download_document(sha256=sha256, subject=subject, actor=visit.actor(OVERSIGHT), now=visit.now, is_taken=is_taken)
    return file_response(request, iter([file.content]), name=file.name, size=len(file.content), tag=sha256, content_type=file.content_type)


def sha_of(admin: HouseAdmin, request: HttpRequest, object_id: str) -> str:
    """Return the hash of a row's document. Raises Http404 for a row that is not in sight."""
    row = admin.get_object(request, object_id)
    if row is None:
        raise Http404
    return str(row.document_sha256)


def document_link(row: Any, info: str) -> Any:
    """Return a link to a row's document, or why there is none."""
    if not row.document_sha256:
        return "none"
    if not services.has_document(row.document_sha256):
        return "kept elsewhere; only its hash is known here"
    return format_html('<a href="{}">Download</a>', reverse(f"admin:{info}_document", args=[row.pk]))


class RuleInline(RowsToRead):
    model = MandateRule
    fields: Any = ("what", "at_most", "at_least", "words", "clause")
    readonly_fields = ("what", "at_most", "at_least")
    ordering = ("kind", "id")
    at_most, at_least = exact("rate"), exact("lower_rate")

    def what(self, obj: Any) -> SafeString:
        """Return the kind in words, and what its bound means."""
        kind = MandateRuleKind(obj.kind)
        return format_html('<span title="{}">{}</span>', CLAUSES[kind][1], clause_words(kind))


class MandateAdmin(HouseAdmin):
    group, title, icon = "Authority", "Mandates", "gavel"
    list_display = ("code", "version", "name", "valid_from", "valid_until")
    search_fields = ("code", "name")
    fields: Any = ("code", "version", "name", "valid_from", "valid_until", "document_sha256", "document")
    readonly_fields = ("document",)
    ordering = ("code", "-version")
    inlines = (RuleInline,)
    acts = (Act("record", "Record a version", record, NewVersion, about_row=False, fresh=True),)

    def own_urls(self, info: str) -> list[Any]:
        """Return the address of the document."""
        return [path("<path:object_id>/document", self.admin_site.admin_view(self.download), name=f"{info}_document")]

    def download(self, request: Request, object_id: str) -> HttpResponseBase:
        """Hand out the document."""
        return kept(request, Subject(SubjectKind.MANDATE, object_id), sha_of(self, request, object_id))

    def document(self, obj: Any) -> Any:
        """Return a link to the document."""
        return document_link(obj, "governance_mandate")
