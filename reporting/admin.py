"""Statements, to read and to take along (`governance.adminsite`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html

from base.streams import file_response
from governance.adminsite import HouseAdmin, site
from governance.permissions import OVERSIGHT
from governance.web import Request

from .models import StatementDocument
from .services.download import hand_out_statement


class StatementAdmin(HouseAdmin):
    group, title, icon = "Record", "Statements", "description"
    list_display = ("of", "period_start", "period_end", "version", "created_at", "file")
    search_fields = ("account__code",)
    list_select_related = ("account",)
    fields: Any = ("of", "period_start", "period_end", "version", "created_at", "sha256", "file")
    readonly_fields = ("of", "file")
    ordering = ("-period_start", "account__code", "-version")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the statements without their contents."""
        return super().get_queryset(request).defer("figures", "pdf")

    def own_urls(self, info: str) -> list[Any]:
        """Return the address of the PDF."""
        return [path("<path:object_id>/pdf", self.admin_site.admin_view(self.download), name=f"{info}_pdf")]

    def download(self, request: Request, object_id: str) -> HttpResponseBase:
        """Hand out the PDF."""
        if self.get_object(request, object_id) is None:
            raise Http404
        visit, is_taken = request.visit, request.method != "HEAD"
        file = hand_out_statement(document_id=UUID(object_id), actor=visit.actor(OVERSIGHT), now=visit.now, is_taken=is_taken)
        return file_response(request, file.pieces(), name=file.name, size=file.size, tag=file.sha256, content_type="application/pdf")

    def of(self, obj: Any) -> str:
        """Return the account."""
        return str(obj.account.code)

    def file(self, obj: Any) -> Any:
        """Return a link to the PDF."""
        return format_html('<a href="{}">Download</a>', reverse("admin:reporting_statementdocument_pdf", args=[obj.pk]))

    def named(self, obj: Any) -> str:
        """Return account and month."""
        return f"{obj.account.code}, {obj.period_start:%B %Y}"


site.register(StatementDocument, StatementAdmin)
