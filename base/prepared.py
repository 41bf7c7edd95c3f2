"""Statements of the hot ways: values are bound and plans kept by the server, and rows of any number travel as one JSON value.

A statement that Django sends carries its values in its text, so the server parses and plans it anew each time; for the few statements that
every fill asks, that is most of their cost. Those asked here are prepared once a connection. Logging, error classes and the count of
statements are Django's own.

Entry points: `fetch`, `run`, `match`, `rows_as_json`, `Part` with `insertion` and `update`, `run_together`, `Rows`.
Invariants: 1. the text of a statement is a constant of its module, or is put together of such constants only; 2. figures travel as text,
never as binary floating point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper


@dataclass(frozen=True, slots=True)
class Part:
    """A named statement that writes rows handed over as JSON: `{rows}` in it is the table they form.

    columns: names and types of what each row has, as in a table's definition.
    """

    name: str
    sql: str
    columns: str

    @property
    def text(self) -> str:
        """Return the rows and the statement, as two queries of a WITH, with one place for the JSON."""
        rows = f"{self.name}_given"
        given = f"{rows} AS MATERIALIZED (SELECT * FROM json_to_recordset(%s::json) AS v ({self.columns}))"
        return f"{given}, {self.name} AS ({self.sql.format(rows=rows)})"


Rows = tuple[Part, Sequence[Mapping[str, Any]]]


def names_of(columns: str) -> str:
    """Return only the names of columns.

    >>> names_of("id uuid, amount numeric")
    'id, amount'
    """
    return ", ".join(column.split()[0] for column in columns.split(", "))


def insertion(table: str, columns: str, on_conflict: str = "") -> str:
    """Return the statement of a `Part` that inserts its rows. What is not named takes the database's default."""
    names = names_of(columns)
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM {{rows}} {on_conflict}".rstrip()


def update(table: str, changes: str) -> str:
    """Return the statement of a `Part` that changes the rows of the table `t` by their id; `v` is what was given.

    The ids are named once more as an array: the planner expects a hundred rows of a JSON, and would read a middling table whole for them.
    """
    return f"UPDATE {table} t SET {changes} FROM {{rows}} v WHERE t.id = v.id AND t.id = ANY(ARRAY(SELECT id FROM {{rows}}))"


def match(values: Sequence[Any]) -> tuple[str, Any]:
    """Return how a column is compared with these values, and the parameter. There is at least one.

    One value is compared as itself: the plan kept for an array expects ten rows, costs more than one made for the values at hand, and so
    would be made anew each time.

    >>> match(["a"]), match(["a", "b"])
    (('= %s', 'a'), ('= ANY(%s)', ['a', 'b']))
    """
    return ("= %s", values[0]) if len(values) == 1 else ("= ANY(%s)", list(values))


def fetch(sql: str, parameters: Sequence[Any], *, using: str = DEFAULT_DB_ALIAS) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    with _cursor(using) as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def run(sql: str, parameters: Sequence[Any]) -> int:
    """Run a statement that writes and return how many rows it touched."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def run_together(parts: Iterable[Rows], *, then: str = "SELECT", parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Write the rows of several parts in one statement, and return what its last query gives; parts without rows are left out.

    then: a query of its own, with its parameters. Nothing in the statement sees what another part of it writes. Triggers and constraints
    fire as ever: those that look at whole statements once all of it is done.
    """
    given = [(part, rows) for part, rows in parts if rows]
    if not given and not parameters:
        return []
    return fetch(_together(tuple(part for part, _ in given), then), [*(rows_as_json(rows) for _, rows in given), *parameters])


@lru_cache(maxsize=256)
def _together(parts: tuple[Part, ...], then: str) -> str:
    return f"WITH {', '.join(part.text for part in parts)} {then}" if parts else then


def rows_as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the text of a JSON array; decimals as strings, so that they stay exact. Raises ValueError for what is no text."""
    try:
        return orjson.dumps(rows, default=str).decode()
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from error


@contextmanager
def _cursor(using: str = DEFAULT_DB_ALIAS) -> Iterator[CursorWrapper]:
    """Yield a cursor that prepares. Others' statements are not counted meanwhile: the driver would keep their texts, values and all."""
    database: Any = connections[using]
    database.ensure_connection()
    session = database.connection
    bound: Any = ServerBindingCursor
    others, session.prepare_threshold = session.prepare_threshold, 0
    try:
        with database._prepare_cursor(bound(session)) as cursor:
            yield cursor
    finally:
        session.prepare_threshold = others
