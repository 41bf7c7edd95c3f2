"""Errors as problem+json (RFC 9457) with `errors`: field, value, rule."""

from __future__ import annotations

from typing import Any

import orjson
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from base.core.validation import InvalidInput, InvalidInputs
from base.errors import Refused

from .formats import as_json

MEDIA_TYPE = "application/problem+json"
_PARTS = {405: ("method", "REQUEST_METHOD"), 406: ("Accept", "HTTP_ACCEPT"), 415: ("Content-Type", "CONTENT_TYPE")}
_KEPT_HEADERS = ("WWW-Authenticate", "Retry-After", "Allow")


def problem_response(error: Exception, context: Any) -> Response | None:
    """Translate an error a caller can act on; None (a server error) for every other."""
    if isinstance(error, Refused):
        return problem(error.status, error.message, list(error.problems()), code=error.code, context=error.context)
    if isinstance(error, (InvalidInput, InvalidInputs)):
        problems = error.problems if isinstance(error, InvalidInputs) else (error,)
        listed = [{"field": p.field, "value": p.value, "rule": p.rule} for p in problems]
        if any(p.rule == "max_bytes" for p in problems):
            return problem(413, "The body is too large", listed, code="max_bytes")
        return problem(422, "The request is not valid", listed, code="invalid_input")
    if isinstance(error, (Http404, PermissionDenied)):
        return problem(404, "no such thing", [], code="not_found")
    response = exception_handler(error, context)
    if response is None:
        return None
    code = getattr(error, "default_code", "error") if isinstance(error, exceptions.APIException) else "error"
    listed = _about_the_request(response.status_code, code, context.get("request"))
    answer = problem(response.status_code, str(getattr(error, "detail", "")), listed, code=code)
    for name in _KEPT_HEADERS:
        if name in response:
            answer[name] = response[name]
    return answer


def _about_the_request(status: int, code: str, request: Any) -> list[dict[str, str]]:
    """Return which part of the request itself is refused, and what stood there."""
    if request is None or status not in _PARTS:
        return []
    part, name = _PARTS[status]
    return [{"field": part, "value": InvalidInput(part, request.META.get(name, ""), code).value, "rule": code}]


def problem(status: int, title: str, errors: list[Any], *, code: str, context: dict[str, Any] | None = None) -> Response:
    """Return a problem. context: what else helps, under its own names."""
    body = {**_plain(context or {}), "type": "about:blank", "title": title, "status": status, "code": code, "errors": errors}
    return Response(body, status=status, content_type=MEDIA_TYPE)


def _plain(values: dict[str, Any]) -> Any:
    return orjson.loads(orjson.dumps(values, default=_text))


def _text(value: Any) -> Any:
    try:
        return as_json(value)
    except TypeError:
        return str(value)
