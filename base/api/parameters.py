"""What a query string may say: an allow-list, read as strictly as a body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from django.http import QueryDict

from base.core.validation import (
    InvalidInput,
    InvalidInputs,
    parse_currency,
    parse_enum,
    parse_instant,
    parse_symbol,
    parse_text,
    parse_uuid,
)

from . import shapes


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter. lookup: the condition it becomes, "" where the view reads it itself."""

    parse: Callable[[str, str], Any]
    schema: shapes.Schema
    lookup: str = ""
    description: str = ""
    required: bool = False


def uuid(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is an id."""
    return Parameter(parse_uuid, shapes.UUID, lookup, description)


def number(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is a positive integer id."""
    return Parameter(parse_id, {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}, lookup, description)


def word(vocabulary: type[StrEnum], lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is a member of a vocabulary, in the given case."""
    return Parameter(lambda value, field: str(parse_enum(value, field, vocabulary)), shapes.choice(vocabulary), lookup, description)


def symbol(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is an instrument symbol."""
    return Parameter(parse_symbol, {"type": "string", "maxLength": 40}, lookup, description)


def code(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is a short name."""
    return Parameter(lambda value, field: parse_text(value, field, max_length=64), {"type": "string", "maxLength": 64}, lookup, description)


def currency(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is a currency's code."""
    return Parameter(parse_currency, {"type": "string", "maxLength": 8}, lookup, description)


def flag(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is true or false."""
    return Parameter(parse_flag, shapes.BOOLEAN, lookup, description)


def day(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is a date."""
    return Parameter(parse_date, shapes.DATE, lookup, description)


def instant(lookup: str = "", description: str = "") -> Parameter:
    """Return a parameter that is an instant with its time zone."""
    return Parameter(parse_instant, shapes.INSTANT, lookup, description)


def parse_flag(value: object, field: str) -> bool:
    """Return True for "true", False for "false". Raises InvalidInput."""
    if value not in {"true", "false"}:
        raise InvalidInput(field, value, "true or false")
    return value == "true"


def parse_date(value: object, field: str) -> date:
    """Return an ISO date. Raises InvalidInput."""
    text = parse_text(value, field, max_length=10)
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, text, "date") from None
    if found.isoformat() != text:
        raise InvalidInput(field, text, "date")
    return found


def parse_id(value: object, field: str) -> int:
    """Return a positive integer that the database can hold. Raises InvalidInput."""
    text = parse_text(value, field, max_length=40)
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
        raise InvalidInput(field, text, "positive_integer")
    return int(text)


def read(given: QueryDict, allowed: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the values of a query string.

    Raises InvalidInputs naming every parameter that is unknown, given twice, missing or malformed.
    """
    problems: list[InvalidInput] = []
    values: dict[str, Any] = {}
    for name, listed in given.lists():
        if name not in allowed:
            problems.append(InvalidInput(name, listed[0], "unknown_parameter"))
        elif len(listed) != 1:
            problems.append(InvalidInput(name, f"{len(listed)} times", "given_once"))
        else:
            try:
                values[name] = allowed[name].parse(listed[0], name)
            except InvalidInput as problem:
                problems.append(problem)
    missing = [name for name, parameter in allowed.items() if parameter.required and name not in given]
    problems += [InvalidInput(name, "", "required") for name in missing]
    if problems:
        raise InvalidInputs(problems)
    return values
