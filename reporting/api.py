"""Investors' statements. `GET statements`, `statements/{id}`, `statements/{id}/pdf` (each download is in the audit trail)."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from base.api import parameters
from base.api.formats import OrjsonRenderer, PdfRenderer
from base.api.schema import Operation
from base.api.views import DetailView, FirmView, ListView, RowsView, now
from base.streams import file_response
from governance.permissions import EVERYBODY

from .models import StatementDocument
from .queries.documents import visible_statements
from .services.download import download_statement

STATEMENT = {
    "id": "id",
    "account_id": "account_id",
    "account": "account__code",
    "period_start": "period_start",
    "period_end": "period_end",
    "version": "version",
    "sha256": "sha256",
    "created_at": "created_at",
}


class _Statements(RowsView):
    model = StatementDocument
    columns = STATEMENT
    roles: ClassVar = {"GET": EVERYBODY}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the statements of accounts this person sees."""
        return visible_statements(self.token.user)


class StatementList(_Statements, ListView):
    """Monthly statements."""

    summary = "Statements"
    filters: ClassVar = {
        "account": parameters.uuid("account_id"),
        "period_from": parameters.day("period_start__gte"),
        "period_to": parameters.day("period_end__lte"),
    }


class StatementDetail(_Statements, DetailView):
    """One statement; its PDF has an address of its own."""

    summary = "A statement"
    what = "statement"


class StatementPdf(FirmView):
    """The document as it was sent."""

    roles: ClassVar = {"GET": EVERYBODY}
    renderer_classes = [PdfRenderer, OrjsonRenderer]
    operations: ClassVar = {
        "GET": Operation("A statement's PDF", {200: {"type": "string", "format": "binary"}}, media_type="application/pdf")
    }

    def get(self, request: Request, *, id: UUID) -> HttpResponseBase:  # the address calls it so
        """Answer the bytes piece by piece, and record who took them."""
        with self.firm():
            file = download_statement(document_id=id, user=self.token.user, now=now(), is_taken=request.method != "HEAD")
        return file_response(
            request._request, file.pieces(), name=file.name, size=file.size, tag=file.sha256, content_type="application/pdf"
        )
