"""The place of a row in a list that is paged by key: an instant and the row's id, as text in an address.

Entry points: `key_of`, `read_key`. Pure.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from .validation import InvalidInput, parse_instant, parse_uuid


def key_of(instant: datetime, pk: UUID) -> str:
    """Return a row's key as text.

    >>> key_of(datetime(2026, 1, 5, 15, tzinfo=UTC), UUID(int=7))
    '2026-01-05T15:00:00+00:00~00000000-0000-0000-0000-000000000007'
    """
    return f"{instant.astimezone(UTC).isoformat()}~{pk}"


def read_key(text: str) -> tuple[datetime, UUID] | None:
    """Return the key a text names, None for one that names none. A "+" that an address made a blank is read as it was.

    >>> read_key("2026-01-05T15:00:00 00:00~00000000-0000-0000-0000-000000000007")[1].int, read_key("x")
    (7, None)
    """
    instant, _, pk = text.partition("~")
    try:
        return parse_instant(instant.replace(" ", "+"), "after"), parse_uuid(pk, "after")
    except InvalidInput:
        return None
