"""Read many rows as numpy columns in one statement: the database packs each column into one byte string.

Entry points: `fetch_columns`, `execute`.
Invariant: values arrive exactly; an amount beyond 64 bits in 10⁻⁸ makes the statement fail instead of wrapping round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from django.db import connection

from ..core.fixed import Ints


def execute(sql: str, parameters: Mapping[str, Any]) -> psycopg.Cursor[Any]:
    """Run a statement with its parameters bound by the server, in binary: large values travel as they are."""
    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    cursor.execute(sql, parameters, binary=True)  # type: ignore[arg-type]
    return cursor


def fetch_columns(
    numbers: Sequence[str],
    source: str,
    parameters: Mapping[str, Any],
    *,
    uuids: Sequence[str] = (),
    some: Sequence[str] = (),
    texts: Sequence[str] = (),
    where: str = "true",
) -> list[Any]:
    """Return int64[n] for each SQL expression in `numbers` (of type bigint) and uint64[n, 2] for each in `uuids`; then, of the rows that
    fulfil `where` alone, int64 for each in `some` and a list of byte strings for each in `texts`.

    source: everything from FROM on. Columns of one call run parallel; their order is the database's.
    """
    selected = [f"string_agg(int8send(({column})::bigint), ''::bytea)" for column in numbers]
    selected += [f"string_agg(uuid_send({column}), ''::bytea)" for column in uuids]
    selected += [f"string_agg(int8send(({column})::bigint), ''::bytea) FILTER (WHERE {where})" for column in some]
    selected += [f"string_agg(convert_to(({column}), 'UTF8'), '\\x0a'::bytea) FILTER (WHERE {where})" for column in texts]
    row = iter(execute(f"SELECT {', '.join(selected)} {source}", parameters).fetchone() or ())
    return [
        *(_integers(next(row)) for _ in numbers),
        *(np.frombuffer(next(row) or b"", ">u8").astype(np.uint64).reshape(-1, 2) for _ in uuids),
        *(_integers(next(row)) for _ in some),
        *(_lines(next(row)) for _ in texts),
    ]


def _lines(value: bytes | None) -> list[bytes]:
    return [] if value is None else bytes(value).split(b"\n")


def _integers(value: bytes | None) -> Ints:
    return np.frombuffer(value or b"", ">i8").astype(np.int64)
