"""What every API address shares: strict JSON in, problem+json out, keyset pages."""

from __future__ import annotations

from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.views import exception_handler

from .core.validation import InvalidInput, InvalidInputs, parse_json
from .errors import Refused

MAX_PAGE = 500


class StrictJSONParser(BaseParser):
    """JSON with exact decimals: no NaN, no duplicate keys, limited depth (see `base.core.validation`)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return parse_json(stream.read())


class KeysetPagination(CursorPagination):
    """Pages by key, newest first; ids are time-ordered, so no page repeats or skips a row while new ones arrive."""

    page_size = 100
    max_page_size = MAX_PAGE
    page_size_query_param = "page_size"
    ordering = "-id"


def problem_response(error: Exception, context: Any) -> Response | None:
    """Translate an error into problem+json (RFC 9457) with `errors`: field, value, rule."""
    if isinstance(error, Refused):
        return _problem(error.status, error.message, error.problems(), code=error.code, **_plain(error.context))
    if isinstance(error, (InvalidInput, InvalidInputs)):
        problems = error.problems if isinstance(error, InvalidInputs) else (error,)
        listed = [{"field": p.field, "value": p.value, "rule": p.rule} for p in problems]
        return _problem(422, "The request is not valid", listed, code="invalid_input")
    if isinstance(error, exceptions.ValidationError):
        return _problem(422, "The request is not valid", list(_flatten(error.detail)), code="invalid_input")
    if isinstance(error, (Http404, PermissionDenied)):
        return _problem(404, "no such thing", [], code="not_found")
    response = exception_handler(error, context)
    if response is None:
        return None
    detail = getattr(error, "detail", "")
    answer = _problem(response.status_code, str(detail), [], code=getattr(error, "default_code", "error"))
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if name in response:
            answer[name] = response[name]
    return answer


def _problem(status: int, title: str, errors: list[Any], **more: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "errors": errors, **more}
    return Response(body, status=status, content_type="application/problem+json")


def _flatten(detail: Any, field: str = "") -> Any:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flatten(inner, f"{field}.{name}".strip("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, field)
    else:
        yield {"field": field, "value": "", "rule": str(detail)}


def _plain(values: Any) -> Any:
    return orjson.loads(orjson.dumps(values, default=str))
