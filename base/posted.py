"""Fields of a form a person filled in: text loses the blanks and line ends around and inside it, everything else is taken as written or refused.

Entry points: `posted_text`, `posted_uuid`, `posted_word`, `filter_uuid`, `filter_word`, `filter_text`, `NotAccepted`.
Invariant: what passes can be stored and shown: no NUL, no control character, no lone surrogate, never longer than asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from .core.validation import InvalidInput, parse_enum, parse_text, parse_uuid
from .errors import Refused

E = TypeVar("E", bound=StrEnum)
_WORDS = {"required": "must be given", "max_length": "is too long", "uuid": "names nothing", "choice": "is none of the choices"}


class NotAccepted(Refused):
    """A field of a form that is refused: code is the rule it breaks."""


def posted_text(fields: Mapping[str, str], name: str, *, most: int = 400, required: bool = True) -> str:
    """Return a line of text, "" where it may be left out. Raises NotAccepted.

    >>> posted_text({"reason": " two" + chr(13) + chr(10) + "lines "}, "reason")
    'two lines'
    """
    text = " ".join(fields.get(name, "")[: 4 * most + 1].split())
    try:
        return parse_text(text, name, max_length=most, allow_empty=not required)
    except InvalidInput as error:
        raise _refused(error) from error


def posted_uuid(fields: Mapping[str, str], name: str) -> UUID:
    """Return an id. Raises NotAccepted."""
    try:
        return parse_uuid(fields.get(name, ""), name)
    except InvalidInput as error:
        raise _refused(error) from error


def posted_word(fields: Mapping[str, str], name: str, kind: type[E]) -> E:
    """Return one of the words of `kind`. Raises NotAccepted."""
    try:
        return parse_enum(fields.get(name, ""), name, kind)
    except InvalidInput as error:
        raise _refused(error) from error


def filter_uuid(fields: Mapping[str, str], name: str) -> UUID | None:
    """Return the id an address names, None where it names none: garbage in an address filters nothing."""
    try:
        return parse_uuid(fields.get(name, ""), name)
    except InvalidInput:
        return None


def filter_word(fields: Mapping[str, str], name: str, kind: type[E]) -> E | None:
    """Return the word an address names, in any case, None where it names none."""
    try:
        return parse_enum(fields.get(name, ""), name, kind, fold=True)
    except InvalidInput:
        return None


def filter_text(fields: Mapping[str, str], name: str, *, most: int = 80) -> str:
    """Return the text an address searches for, "" where it is none that could be stored."""
    try:
        return posted_text(fields, name, most=most, required=False)
    except NotAccepted:
        return ""


def _refused(error: InvalidInput) -> NotAccepted:
    return NotAccepted(
        error.rule, f"{error.field.replace('_', ' ')} {_WORDS.get(error.rule, 'cannot be used')}", field=error.field, value=error.value
    )
