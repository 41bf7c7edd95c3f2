"""JSON Schema of what goes in and out, written once beside each address and served as OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
DECIMAL: Schema = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
INTEGER: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}
UUID: Schema = {"type": "string", "format": "uuid"}
DATE: Schema = {"type": "string", "format": "date"}
INSTANT: Schema = {"type": "string", "format": "date-time"}
ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
_FIELDS: tuple[tuple[type[models.Field], Schema], ...] = (
    (models.UUIDField, UUID),
    (models.BooleanField, BOOLEAN),
    (models.DateTimeField, INSTANT),
    (models.DateField, DATE),
    (models.DecimalField, DECIMAL),
    (models.IntegerField, INTEGER),
    (models.CharField, TEXT),
    (models.TextField, TEXT),
)


def nullable(schema: Schema) -> Schema:
    """Return the shape or null."""
    return {**schema, "nullable": True}


def choice(words: type[StrEnum]) -> Schema:
    """Return one of a closed vocabulary."""
    return {"type": "string", "enum": [str(word) for word in words]}


def many(schema: Schema) -> Schema:
    """Return a list of a shape."""
    return {"type": "array", "items": schema}


def record(properties: Mapping[str, Schema], *, required: Sequence[str] | None = None) -> Schema:
    """Return an object with these properties and no other; all of them are required unless told."""
    names = list(properties) if required is None else list(required)
    shape: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**shape, "required": names} if names else shape


def page(row: Schema) -> Schema:
    """Return a page of rows."""
    return record({"results": {**many(row), "maxItems": 500}, "next": nullable(TEXT)})


def columns_of(model: type[models.Model], columns: Mapping[str, str]) -> dict[str, Schema]:
    """Return the shape of each column, read from the model; a column reached through an optional reference may be null."""
    return {name: _column(model, path) for name, path in columns.items()}


PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": INTEGER,
        "code": TEXT,
        "errors": many(record({"field": TEXT, "value": TEXT, "rule": TEXT})),
    },
    "required": ["type", "title", "status", "code", "errors"],
    "additionalProperties": True,
}


def _column(model: type[models.Model], path: str) -> Schema:
    optional = False
    field: Any = None
    for name in path.split("__"):
        field = model._meta.get_field(name.removesuffix("_id") if _is_reference(model, name) else name)
        optional = optional or field.null
        if field.is_relation and field.related_model is not None:
            model = field.related_model
    schema = _of_field(field)
    return nullable(schema) if optional else schema


def _is_reference(model: type[models.Model], name: str) -> bool:
    return name.endswith("_id") and any(field.is_relation and getattr(field, "attname", "") == name for field in model._meta.get_fields())


def _of_field(field: Any) -> Schema:
    if field.is_relation:
        return _of_field(field.target_field)
    if isinstance(field, ArrayField):
        return many(_of_field(field.base_field))
    codes = [code for code in getattr(field, "codes", []) if code]
    if codes:
        return {"type": "string", "enum": [*codes, ""] if field.blank else codes}
    return next((schema for kind, schema in _FIELDS if isinstance(field, kind)), {})
