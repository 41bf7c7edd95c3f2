"""A table of the admin as CSV: the rows its filters and its search leave, in the order of the list.

Entry points: `export`, `export_link`.
Invariants
1. At most MOST rows; what holds more is not cut off but refused, with how to narrow it.
2. The trail says who took what, and by which filter (GOV-7).
"""

from __future__ import annotations

import json
from html import unescape
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import lookup_field
from django.contrib.admin.views.main import ERROR_FLAG
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import strip_tags
from django.utils.safestring import SafeString

from base.csv_export import csv_response

from .core.subjects import Subject
from .enums import AuditAction, SubjectKind
from .permissions import OVERSIGHT
from .services import audit
from .web import Request

if TYPE_CHECKING:
    from .adminsite import HouseAdmin

EXPORT = "_export"
MOST = 20_000
_CHUNK = 1_000


def export_link(request: HttpRequest) -> tuple[str, str]:
    """Return the title and the address of the download of the list as it is filtered now."""
    asked = request.GET.copy()
    asked[EXPORT] = "csv"
    return "Export", f"{request.path}?{asked.urlencode()}"


def export(admin: HouseAdmin, request: Request) -> HttpResponse:
    """Return the list as a download, or lead back to it with what stands in the way."""
    asked = request.GET.copy()
    del asked[EXPORT]
    request.GET = asked  # type: ignore[assignment]
    try:
        rows = list(admin.get_changelist_instance(request).queryset[: MOST + 1])
    except IncorrectLookupParameters:
        return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
    if len(rows) > MOST:
        messages.error(request, f"The filters leave more than {MOST:,} rows, the most a download holds: narrow them, by time for instance.")
        return HttpResponseRedirect(f"{request.path}?{asked.urlencode()}")
    what = admin.title.lower().replace(" ", "-")
    audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.FIRM, str(request.visit.firm_id)),
        actor=request.visit.actor(OVERSIGHT),
        now=request.visit.now,
        after={"what": f"admin {what}", "rows": len(rows), "filter": asked.urlencode()},
        rule="GOV-7",
    )
    names = list(dict.fromkeys((*admin.list_display, *admin.export_also)))
    for start in range(0, len(rows), _CHUNK):
        admin.attach_names(request.visit, rows[start : start + _CHUNK])
    return csv_response(f"{what}-{request.visit.now:%Y%m%d-%H%M%S}", names, ([_cell(name, row, admin) for name in names] for row in rows))


def _cell(name: str, row: Any, admin: HouseAdmin) -> Any:
    """Return what a column says of a row, without the marks of its page; an exact number as itself, ungrouped."""
    figure = getattr(getattr(admin, name, None), "exact_of", "")
    if figure:
        return getattr(row, figure)
    value = lookup_field(name, row, admin)[2]
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return " ".join(unescape(strip_tags(value)).split()) if isinstance(value, SafeString) else value
