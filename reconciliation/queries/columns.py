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


def fetch_columns(numbers: Sequence[str], source: str, parameters: Mapping[str, Any], *, texts: Sequence[str] = ()) -> list[Any]:
    """Return int64[n] for each SQL expression in `numbers` (of type bigint), then a list of n byte strings for each in `texts`.

    source: everything from FROM on. Columns of one call run parallel; their order is the database's.
    """
    selected = [f"string_agg(int8send(({column})::bigint), ''::bytea)" for column in numbers]
    selected += [f"string_agg(convert_to(({column}), 'UTF8'), '\\x0a'::bytea)" for column in texts]
    row = execute(f"SELECT {', '.join(selected)} {source}", parameters).fetchone() or ()
    packed, joined = row[: len(numbers)], row[len(numbers) :]
    return [_integers(value) for value in packed] + [[] if value is None else bytes(value).split(b"\n") for value in joined]


def _integers(value: bytes | None) -> Ints:
    return np.frombuffer(value or b"", ">i8").astype(np.int64)
