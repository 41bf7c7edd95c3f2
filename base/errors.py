"""What goes wrong for a reason the caller can act on.

A service raises `Refused` subclasses defined beside it; doors translate: the API into problem+json, commands into one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """A request that the rules refuse; nothing was written.

    code: a rule id or a word from the service's list. context: the fields, numbers and limits a person needs to understand it.
    """

    status = 422

    def __init__(self, code: str, message: str, **context: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.context = code, message, context

    def problems(self) -> list[Mapping[str, Any]]:
        """Return one entry a problem: field, value, rule."""
        return [{"field": self.context.get("field", ""), "value": str(self.context.get("value", "")), "rule": self.code}]


class NotFound(Refused):
    """There is no such thing, or the caller may not see it: the two look the same.

    context: `field` and `value`, where what is missing was named in a body.
    """

    status = 404

    def __init__(self, what: str, **context: Any) -> None:
        super().__init__("not_found", f"no such {what}", **context)


class Conflict(Refused):
    """The thing has changed, or the same key came with a different body."""

    status = 409


class Forbidden(Refused):
    """The caller sees the thing but may not do this to it."""

    status = 403
