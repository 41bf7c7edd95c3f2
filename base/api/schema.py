"""How an address describes itself in OpenAPI: from what the view declares, so that code and description cannot drift apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import uritemplate
from drf_spectacular.openapi import AutoSchema

from . import shapes
from .shapes import Schema

_TITLES = {
    401: "no valid token",
    403: "the person's role may not do this",
    404: "no such thing, or not for this person",
    409: "in conflict with what stands",
    413: "the body is too large",
    415: "the body is not JSON",
    422: "refused: field, value and rule",
    429: "too many requests; Retry-After says when to ask again",
}
_EXAMPLES = {
    422: {
        "type": "about:blank",
        "title": "The request is not valid",
        "status": 422,
        "code": "invalid_input",
        "errors": [{"field": "figure", "value": "1,5", "rule": "decimal_point"}],
    }
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of an address. answers: status → shape of the answer. refusals: statuses it may refuse with, besides the usual ones.

    example: a body that is taken.
    """

    summary: str
    answers: Mapping[int, Schema]
    body: Schema | None = None
    refusals: tuple[int, ...] = ()
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None


def own_addresses(endpoints: list[Any]) -> list[Any]:
    """Keep the addresses that declare themselves."""
    return [endpoint for endpoint in endpoints if hasattr(getattr(endpoint[3], "cls", None), "operations")]


class FirmSchema(AutoSchema):
    """Builds each operation from the view's declarations alone."""

    view: Any

    def is_excluded(self) -> bool:
        """Leave out addresses that declare nothing."""
        return self._operation() is None

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> dict[str, Any] | None:
        """Return the operation of one method."""
        self.registry, self.path, self.path_regex, self.path_prefix, self.method = registry, path, path_regex, path_prefix, method.upper()
        declared = self._operation()
        if declared is None:
            return None
        operation: dict[str, Any] = {
            "operationId": self.get_operation_id(),
            "summary": declared.summary,
            "parameters": [*self._path(), *self._query(), *self._headers(declared)],
            "tags": self.get_tags(),
            "responses": self._responses(declared),
        }
        if self.view.get_authenticators():
            operation["security"] = [{"token": []}]
        if declared.body is not None:
            shown = {} if declared.example is None else {"example": dict(declared.example)}
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": declared.body, **shown}}}
        return operation

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Tell whether the address answers pages."""
        return self.method.upper() == "GET" and hasattr(self.view, "filters")

    def _operation(self) -> Operation | None:
        named: Operation | None = getattr(self.view, "operations", {}).get(self.method.upper())
        if named is not None or self.method.upper() != "GET" or not hasattr(self.view, "columns"):
            return named
        row = shapes.record({**shapes.columns_of(self.view.model, self.view.columns), **getattr(self.view, "more", {})})
        if hasattr(self.view, "filters"):
            return Operation(self.view.summary, {200: shapes.page(row)})
        return Operation(self.view.summary, {200: row})

    def _path(self) -> list[dict[str, Any]]:
        found = self._resolve_path_parameters(sorted(uritemplate.variables(self.path)))
        return [{**parameter, "required": True} for parameter in found]

    def _query(self) -> list[dict[str, Any]]:
        allowed = self.view.allowed_parameters(self.method)
        return [
            {"in": "query", "name": name, "schema": dict(p.schema), "description": p.description, "required": p.required}
            for name, p in allowed.items()
        ]

    def _headers(self, declared: Operation) -> list[dict[str, Any]]:
        return [
            {"in": "header", "name": name, "schema": {"type": "string"}, "description": text, "required": text.startswith("required")}
            for name, text in declared.headers.items()
        ]

    def _responses(self, declared: Operation) -> dict[str, Any]:
        usual = {422, 429, *([401, 403] if self.view.get_authenticators() else [401]), *([404] if "{" in self.path else [])}
        usual |= {400, 413, 415} if declared.body is not None else set()
        answers: dict[str, Any] = {
            str(status): {"description": declared.summary, "content": {declared.media_type: {"schema": dict(schema)}}}
            for status, schema in declared.answers.items()
        }
        for status in sorted({*usual, *declared.refusals} - set(declared.answers)):
            example = _EXAMPLES.get(status)
            content = {"application/problem+json": {"schema": shapes.PROBLEM, **({"example": example} if example else {})}}
            answers[str(status)] = {"description": _TITLES.get(status, "refused"), "content": content}
        return answers
