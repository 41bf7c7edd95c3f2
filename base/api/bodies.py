"""Small bodies: an object with nothing unknown in it, an idempotency key, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.request import Request

from base.core.validation import FieldReader, InvalidInput, InvalidInputs, parse_text

KEY_HEADER = "Idempotency-Key"
KEY_FIELD = "idempotency_key"
KEY_LENGTH = 128


def fields_of(request: Request, known: Iterable[str]) -> FieldReader:
    """Return a reader of the body's fields that has noted every unknown one. Raises InvalidInputs for a body that is no object."""
    reader = FieldReader(request.data)
    reader.refuse_unknown(set(known))
    return reader


def empty(request: Request) -> None:
    """Refuse a body where none is read. Raises InvalidInputs."""
    fields_of(request, ()).finish()


def with_key(request: Request) -> tuple[Mapping[str, Any], str]:
    """Return the body without its idempotency key, and the key, from header or field.

    Raises InvalidInputs if there is none, or two that differ.
    """
    reader = FieldReader(request.data)
    given = [value for value in (request.headers.get(KEY_HEADER), reader.fields.get(KEY_FIELD)) if value is not None]
    if not given:
        raise InvalidInputs([InvalidInput(KEY_FIELD, "", "required")])
    if len(given) == 2 and given[0] != given[1]:
        raise InvalidInputs([InvalidInput(KEY_FIELD, str(given[1]), "contradiction")])
    try:
        key = parse_text(given[0], KEY_FIELD, max_length=KEY_LENGTH)
    except InvalidInput as problem:
        raise InvalidInputs([problem]) from None
    return {name: value for name, value in reader.fields.items() if name != KEY_FIELD}, key
