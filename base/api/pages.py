"""Keyset pages, newest first: ids are time-ordered, so no page repeats or skips a row while new ones arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.http import HttpRequest

from base.core.validation import InvalidInput, parse_text, parse_uuid

from . import shapes
from .parameters import Parameter, parse_id

PAGE = 100
MAX_PAGE = 500


def _page_size(value: object, field: str) -> int:
    text = parse_text(value, field, max_length=10)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PAGE):
        raise InvalidInput(field, text, f"1 to {MAX_PAGE}")
    return int(text)


def _cursor(value: object, field: str) -> Any:
    text = parse_text(value, field, max_length=40)
    return parse_id(text, field) if text.isdigit() else parse_uuid(text, field)


PARAMETERS: Mapping[str, Parameter] = {
    "page_size": Parameter(
        _page_size, {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": PAGE}, description="rows of a page, at most 500"
    ),
    "cursor": Parameter(_cursor, shapes.TEXT, description="where the page begins: taken from `next`"),
}


def page_of(rows: models.QuerySet[Any], columns: Mapping[str, str], asked: Mapping[str, Any], request: HttpRequest) -> dict[str, Any]:
    """Return {"results": rows as plain values, "next": the address of the following page or None}. One statement.

    columns: the name of each value and its path from the row; "id" is among them.
    """
    size = asked.get("page_size", PAGE)
    cursor = asked.get("cursor")
    if cursor is not None:
        wanted = int if isinstance(rows.model._meta.pk, models.IntegerField) else object
        if isinstance(cursor, int) is not (wanted is int):
            raise InvalidInput("cursor", cursor, "cursor")
        rows = rows.filter(pk__lt=cursor)
    found = values_of(rows.order_by("-pk")[: size + 1], columns)
    more = len(found) > size
    return {"results": found[:size], "next": _address(request, found[size - 1]["id"]) if more else None}


def values_of(rows: models.QuerySet[Any], columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows as dicts of these columns."""
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in rows.values_list(*columns.values())]


def _address(request: HttpRequest, last: object) -> str:
    query = request.GET.copy()
    query["cursor"] = str(last)
    return f"{request.path}?{query.urlencode()}"
