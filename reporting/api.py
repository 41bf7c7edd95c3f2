"""Investors' statements. `GET statements`, `statements/{id}`, `statements/{id}/pdf` (each download is in the audit trail)."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from base.api import parameters
from base.api.formats import OrjsonRenderer, PdfRenderer
from base.api.schema import Operation
from base.api.views import DetailView, FirmView, ListView, RowsView, now
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

    def get(self, request: Request, *, id: UUID) -> Response:  # the address calls it so
        """Answer the bytes, and record who took them."""
        with self.firm():
            document = download_statement(document_id=id, user=self.token.user, now=now())
        headers = {
            "Content-Disposition": f'attachment; filename="{document.name}"',
            "ETag": f'"{document.sha256}"',
            "Cache-Control": "no-store",
        }
        return Response(document.pdf, content_type="application/pdf", headers=headers)
