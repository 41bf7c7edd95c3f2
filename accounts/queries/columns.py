"""Rows to and from PostgreSQL as whole columns: ten thousand Python objects would cost more than the statement.

Entry points: `fetch_row`, `fetch_rows`, `uuid_literal`, `as_uuids`, `as_integers`, `as_days`, `raw_ids`, `to_uuids`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

Ids = NDArray[Any]
Ints = NDArray[np.int64]

NO_ID = bytes(16)
SCALED = "int8send(({0} * 100000000)::bigint)"
DAY = "int8send(({0} - DATE '1970-01-01')::bigint)"


def fetch_row(sql: str, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    """Run one statement and return its only row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return tuple(row or ())


def fetch_rows(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def execute(sql: str, parameters: Mapping[str, Any]) -> int:
    """Run one statement that writes and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def uuid_literal(ids: Ids) -> str:
    """Return ids (V16[n]) as the text of a PostgreSQL uuid[]."""
    digits = np.frombuffer(ids.tobytes().hex().encode(), "S32")
    return "{" + b",".join(digits.tolist()).decode() + "}"


def as_uuids(value: Any) -> Ids:
    """Return V16[n] from `string_agg(uuid_send(…), '')`."""
    return np.frombuffer(bytes(value or b""), "V16")


def as_integers(value: Any) -> Ints:
    """Return int64[n] from `string_agg(int8send(…), '')`."""
    return np.frombuffer(bytes(value or b""), ">i8").astype(np.int64)


def raw_ids(ids: Iterable[UUID | None]) -> Ids:
    """Return UUIDs as V16[n], zero bytes for None."""
    return np.frombuffer(b"".join(NO_ID if one is None else one.bytes for one in ids), "V16")


def to_uuids(ids: Ids) -> list[UUID]:
    """Return V16[n] as UUIDs."""
    return [UUID(bytes=one) for one in ids.tolist()]


def places(known: Ids, wanted: Ids) -> tuple[Ints, NDArray[np.bool_]]:
    """Return for each of `wanted` its place in `known` (ascending), and whether it is there at all."""
    at = np.searchsorted(known, wanted)
    safe = np.minimum(at, max(len(known) - 1, 0))
    found = known[safe] == wanted if len(known) else np.zeros(len(wanted), np.bool_)
    return safe.astype(np.int64), found
