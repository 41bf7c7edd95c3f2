"""Merge many rows of market reference into their table: COPY into a staging table, one INSERT, and a comparison with what was there.

Entry points: `merge`, `Scaled`.
Invariants: 1 a row that is there already, equal, is left alone; 2 one that differs refuses the whole merge, or is replaced when told so;
3 numbers are exact: integers travel, the database scales them; 4 of two loads at once the later waits and then compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import IntegrityError, connections, models, transaction
from numpy.typing import NDArray

from base import bulk
from base.errors import Conflict

LOADER = "loader"
SHOWN = 5


class ConflictingRows(Conflict):
    """Other values stand under the same keys. `differences`: the first few, as dictionaries of column → (stored, given)."""

    def __init__(self, what: str, total: int, differences: Sequence[Mapping[str, Any]]) -> None:
        shown = "; ".join(_told(difference) for difference in differences)
        super().__init__(
            "conflicting_rows", f"{total} {what} rows differ from what is stored: {shown}", total=total, rows=list(differences)
        )
        self.total, self.differences = total, tuple(differences)

    def problems(self) -> list[Mapping[str, Any]]:
        """Return one entry a differing value: field, value, rule."""
        return [
            {"field": name, "value": str(value[1]), "rule": f"as stored: {value[0]} ({_key(row)})"}
            for row in self.differences
            for name, value in row.items()
            if isinstance(value, tuple)
        ]


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows were new, how many stood there already, how many were replaced."""

    written: int = 0
    unchanged: int = 0
    replaced: int = 0

    def __add__(self, other: Merged) -> Merged:
        return Merged(self.written + other.written, self.unchanged + other.unchanged, self.replaced + other.replaced)


@dataclass(slots=True)
class Scaled(bulk.Integers):
    """values: int64[n] at scale 10^-exponent; with `blank`, 0 is NULL."""

    exponent: int = 8
    blank: bool = False

    def __init__(self, values: NDArray[np.int64], exponent: int = 8, *, blank: bool = False) -> None:
        self.values, self.exponent, self.blank = values, exponent, blank

    def expression(self, name: str) -> str:
        given = f"NULLIF({name}, 0)" if self.blank else name
        return f"({given} * 1e-{self.exponent}::numeric)"


def merge(
    model: type[models.Model],
    n: int,
    columns: Mapping[str, Any],
    constants: Mapping[str, Any],
    *,
    key: Sequence[str],
    replace: bool = False,
) -> Merged:
    """Merge `n` rows into the model's table as the loader.

    columns: database column → a column of base.bulk (or `Scaled`) of length n. constants: column → a value all rows share.
    key: the columns of the table's unique key, of which the rows hold each value once. Raises ConflictingRows; ValueError for lengths.
    """
    wrong = [name for name, column in columns.items() if len(column.values) != n]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: not {n} values")
    if n == 0:
        return Merged()
    with transaction.atomic(using=LOADER), connections[LOADER].cursor() as cursor:
        source, params = _source(cursor, model, n, columns, constants)
        return _merge(cursor, model._meta.db_table, n, [*columns, *constants], source, params, key, replace)


def _merge(cursor: Any, table: str, n: int, names: list[str], source: str, params: list[Any], key: Sequence[str], replace: bool) -> Merged:
    listed, keys = ", ".join(names), ", ".join(key)
    order = f"ORDER BY {', '.join(f's.{name}' for name in key)}"
    insert = f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {source} {order}"
    if n > bulk.FEW and _all_new(cursor, insert, params):
        return Merged(n)
    cursor.execute(f"{insert} ON CONFLICT ({keys}) DO NOTHING", params)
    written = int(cursor.rowcount)
    if written == n:
        return Merged(written)
    values = [name for name in names if name not in key]
    same_key = " AND ".join(f"t.{name} = s.{name}" for name in key)
    differs = f"({', '.join(f't.{name}' for name in values)}) IS DISTINCT FROM ({', '.join(f's.{name}' for name in values)})"
    if replace:
        changes = ", ".join(f"{name} = s.{name}" for name in values)
        cursor.execute(f"UPDATE {table} t SET {changes} FROM {source} WHERE {same_key} AND {differs}", params)
        return Merged(written, n - written - cursor.rowcount, cursor.rowcount)
    shown = ", ".join([*(f"s.{name}" for name in key), *(f"t.{name}, s.{name}" for name in values)])
    compare = f"SELECT count(*) OVER (), {shown} FROM {table} t JOIN {source} ON {same_key} WHERE {differs} {order}"
    cursor.execute(f"{compare} LIMIT {SHOWN}", params)
    rows = cursor.fetchall()
    if rows:
        raise ConflictingRows(table.removeprefix("market_"), rows[0][0], [_difference(row[1:], key, values) for row in rows])
    return Merged(written, n - written)


def _all_new(cursor: Any, insert: str, params: list[Any]) -> bool:
    """Insert as if no row were there, which is a third faster; return False, with nothing written, if one is."""
    try:
        with transaction.atomic(using=LOADER):
            cursor.execute(insert, params)
    except IntegrityError:
        return False
    return True


def _source(
    cursor: Any, model: type[models.Model], n: int, columns: Mapping[str, Any], constants: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """Return the rows as a relation `s` with the table's own types, and its parameters: a staging table, or arrays when they are few."""
    types = {field.column: str(field.db_type(connections[LOADER])).replace("serial", "int") for field in model._meta.local_concrete_fields}
    selected = [f"{column.expression(f'r.{name}')}::{types[name]} AS {name}" for name, column in columns.items()]
    selected += [f"%s::{types[name]} AS {name}" for name in constants]
    params = list(constants.values())
    if n <= bulk.FEW:
        arrays = ", ".join(f"%s::{column.sql_type}[]" for column in columns.values())
        rows = f"unnest({arrays}) AS r ({', '.join(columns)})"
        params += [column.listed() for column in columns.values()]
    else:
        rows = f"{_staged(cursor, model._meta.db_table, n, columns)} r"
    return f"(SELECT {', '.join(selected)} FROM {rows}) s", params


def _staged(cursor: Any, table: str, n: int, columns: Mapping[str, Any]) -> str:
    fields = ", ".join(f"{name} {column.sql_type}" for name, column in columns.items())
    name = f"staged_{table}_{hashlib.sha256(fields.encode()).hexdigest()[:8]}"
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({fields}) ON COMMIT DELETE ROWS")
    cursor.execute(f"TRUNCATE {name}")
    with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(bulk.pack(n, list(columns.values())))
    cursor.execute(f"ANALYZE {name}")  # else the comparison is planned for a handful of rows
    return name


def _difference(row: Sequence[Any], key: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = dict(zip(key, row, strict=False))
    pairs = zip(row[len(key) :: 2], row[len(key) + 1 :: 2], strict=True)
    return found | {name: pair for name, pair in zip(values, pairs, strict=True) if pair[0] != pair[1]}


def _key(difference: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in difference.items() if not isinstance(value, tuple))


def _told(difference: Mapping[str, Any]) -> str:
    changed = ", ".join(f"{name} {value[1]} not {value[0]}" for name, value in difference.items() if isinstance(value, tuple))
    return f"{_key(difference)}: {changed}"
