"""Write many rows at once from numpy arrays: binary COPY into a temporary table, then one INSERT … SELECT.

COPY straight into a table is refused under row-level security; the temporary table is the way round that keeps every policy, check and
trigger of the target in force, in one statement. Few rows go as one INSERT of arrays, which saves two round trips.

Entry points: `insert(Model, n, columns)` with columns of `Uuids`, `OptionalUuids`, `Decimals`, `Integers`, `Instants`, `Dates`,
`Booleans`, `Codes`, `Texts`, `IntegerArrays`, or any plain value that all rows share.
Invariant: what is not a column here takes the model's default, and a column is written exactly (no float on the way).
"""

from __future__ import annotations

import hashlib
import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
from django.db import connections, models
from numpy.typing import NDArray

from .core.ids import new_ids
from .tenancy import current_firm

FEW = 48
_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1)
_EPOCH_US = int(_EPOCH.timestamp()) * 1_000_000
SCALE = 10**8


class Column(Protocol):
    """One value a row: how it travels in binary, how in an array parameter, and what the SELECT makes of it."""

    sql_type: str

    def binary(self) -> list[tuple[str, NDArray[Any]]]: ...
    def listed(self) -> list[Any]: ...
    def expression(self, name: str) -> str: ...


@dataclass(slots=True)
class Uuids:
    """values: V16[n], big-endian bytes."""

    values: NDArray[Any]
    sql_type = "uuid"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        return [("V16", self.values)]

    def listed(self) -> list[Any]:
        return [uuid.UUID(bytes=bytes(value)) for value in self.values]

    def expression(self, name: str) -> str:
        return name


@dataclass(slots=True)
class OptionalUuids(Uuids):
    """values: V16[n], sixteen zero bytes where there is none: NULL in the database."""

    def expression(self, name: str) -> str:
        return f"NULLIF({name}, '00000000-0000-0000-0000-000000000000')"


@dataclass
class Integers:
    """values: int64[n]. expression_of: SQL that makes the column's value of the integer `{}`, of the caller's own making."""

    values: NDArray[np.int64]
    expression_of: str = "{}"
    sql_type = "bigint"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        return [(">i8", self.values)]

    def listed(self) -> list[Any]:
        return self.values.tolist()

    def expression(self, name: str) -> str:
        return self.expression_of.format(name)


@dataclass(slots=True)
class Decimals:
    """values: int64[n], in units of 10^-8."""

    values: NDArray[np.int64]
    sql_type = "numeric"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        # numeric on the wire: count of base-10000 digits, weight of the first, sign, decimals shown, digits.
        magnitude = np.abs(self.values)
        digits = [magnitude // 10 ** (4 * power) % 10_000 for power in (4, 3, 2, 1, 0)]
        head = [(">i2", np.int16(5)), (">i2", np.int16(2)), (">u2", np.where(self.values < 0, 0x4000, 0)), (">i2", np.int16(8))]
        return [*head, *((">i2", digit) for digit in digits)]  # type: ignore[list-item]

    def listed(self) -> list[Any]:
        return [Decimal(value).scaleb(-8) for value in self.values.tolist()]

    def expression(self, name: str) -> str:
        return name


@dataclass(slots=True)
class Instants:
    """values: int64[n], microseconds since 1970-01-01 UTC."""

    values: NDArray[np.int64]
    sql_type = "timestamptz"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        return [(">i8", self.values - _EPOCH_US)]

    def listed(self) -> list[Any]:
        return [datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000) for us in self.values.tolist()]

    def expression(self, name: str) -> str:
        return name


@dataclass(slots=True)
class Dates:
    """values: int64[n], days since 1970-01-01."""

    values: NDArray[np.int64]
    sql_type = "date"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        return [(">i4", self.values - (_EPOCH_DAY.toordinal() - date(1970, 1, 1).toordinal()))]

    def listed(self) -> list[Any]:
        start = date(1970, 1, 1).toordinal()
        return [date.fromordinal(start + days) for days in self.values.tolist()]

    def expression(self, name: str) -> str:
        return name


@dataclass(slots=True)
class Booleans:
    """values: bool[n]."""

    values: NDArray[np.bool_]
    sql_type = "boolean"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        return [("u1", self.values)]

    def listed(self) -> list[Any]:
        return self.values.tolist()

    def expression(self, name: str) -> str:
        return name


@dataclass(slots=True)
class Codes:
    """values: int[n], positions in `legend`; the words are put in by the database."""

    values: NDArray[Any]
    legend: Sequence[str]
    sql_type = "smallint"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        return [(">i2", self.values)]

    def listed(self) -> list[Any]:
        return self.values.tolist()

    def expression(self, name: str) -> str:
        words = ",".join("'" + str(word).replace("'", "''") + "'" for word in self.legend)
        return f"(ARRAY[{words}]::text[])[{name} + 1]"


@dataclass(slots=True)
class Texts:
    """values: S[n], UTF-8, no trailing blanks."""

    values: NDArray[np.bytes_]
    sql_type = "text"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        width = self.values.dtype.itemsize
        padded = np.frombuffer(self.values.tobytes().replace(b"\0", b" "), dtype=f"V{width}")
        return [(f"V{width}", padded)]

    def listed(self) -> list[Any]:
        return [value.decode() for value in self.values.tolist()]

    def expression(self, name: str) -> str:
        return f"rtrim({name})"


@dataclass(slots=True)
class IntegerArrays:
    """values: int64[n, k]: an array of k integers in each row."""

    values: NDArray[np.int64]
    sql_type = "bigint[]"

    def binary(self) -> list[tuple[str, NDArray[Any]]]:
        count = self.values.shape[1]
        head = [(">i4", np.int32(value)) for value in (1, 0, 20, count, 1)]
        cells = [pair for k in range(count) for pair in ((">i4", np.int32(8)), (">i8", self.values[:, k]))]
        return [*head, *cells]  # type: ignore[list-item]

    def listed(self) -> list[Any]:
        return self.values.tolist()

    def expression(self, name: str) -> str:
        return name


COLUMNS = (Uuids, Integers, Decimals, Instants, Dates, Booleans, Codes, Texts, IntegerArrays)


def insert(model: type[models.Model], n: int, columns: Mapping[str, Any], *, using: str = "default", on_conflict: str = "") -> int:
    """Insert `n` rows in one statement and return how many were written.

    columns: attribute name (`account_id`) → a column of this module, or one plain value for all rows. The id is made here unless given;
    a tenant row gets the open block's firm. on_conflict: SQL after the SELECT, of the caller's own making.
    Raises ValueError if a column's length is not n; database errors as they come.
    """
    if n == 0:
        return 0
    given = dict(columns)
    if "id" not in given and model._meta.pk.attname == "id" and isinstance(model._meta.pk, models.UUIDField):
        given["id"] = Uuids(new_ids(n))
    if getattr(model, "is_tenant", False):
        given["firm_id"] = current_firm(using)
    vectors: dict[str, Any] = {name: value for name, value in given.items() if isinstance(value, COLUMNS)}
    for name, column in vectors.items():
        if len(column.values) != n:
            raise ValueError(f"{name} has {len(column.values)} values for {n} rows")
    constants = _constants(model, given, vectors, using)
    return _few(model, vectors, constants, using, on_conflict) if n <= FEW else _many(model, n, vectors, constants, using, on_conflict)


def _constants(model: type[models.Model], given: Mapping[str, Any], vectors: Mapping[str, Any], using: str) -> dict[str, Any]:
    connection = connections[using]
    constants = {}
    for field in model._meta.local_concrete_fields:
        if field.attname in vectors:
            continue
        if field.attname in given:
            value = given[field.attname]
        elif field.has_db_default():
            continue
        else:
            value = field.get_default()
        constants[str(field.column)] = field.get_db_prep_save(value, connection)
    return constants


def _names(model: type[models.Model], vectors: Mapping[str, Any]) -> list[str]:
    """Return the database's names of the columns."""
    columns = {field.attname: str(field.column) for field in model._meta.local_concrete_fields}
    return [columns[name] for name in vectors]


def _statement(model: type[models.Model], vectors: Mapping[str, Any], constants: Mapping[str, Any], source: str, on_conflict: str) -> str:
    types = {field.column: field.db_type(connections["default"]) for field in model._meta.local_concrete_fields}
    names = _names(model, vectors)
    selected = [column.expression(f"s.{name}") for name, column in zip(names, vectors.values(), strict=True)]
    fixed = [f"%s::{types[name]}" for name in constants]
    return f"INSERT INTO {model._meta.db_table} ({', '.join([*names, *constants])}) SELECT {', '.join([*selected, *fixed])} FROM {source} {on_conflict}"


def _few(model: type[models.Model], vectors: Mapping[str, Any], constants: Mapping[str, Any], using: str, on_conflict: str) -> int:
    names = _names(model, vectors)
    arrays = ", ".join("%s::text[]" if isinstance(c, IntegerArrays) else f"%s::{c.sql_type}[]" for c in vectors.values())
    source = f"unnest({arrays}) AS s ({', '.join(names)})"
    values = [[_literal(v) for v in c.listed()] if isinstance(c, IntegerArrays) else c.listed() for c in vectors.values()]
    wrapped = {name: _Cast(c) if isinstance(c, IntegerArrays) else c for name, c in vectors.items()}
    sql = _statement(model, wrapped, constants, source, on_conflict)
    with connections[using].cursor() as cursor:
        cursor.execute(sql, [*constants.values(), *values])
        return int(cursor.rowcount)


def _literal(values: list[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


@dataclass(slots=True)
class _Cast:
    """An array of arrays travels as text: unnest would flatten it."""

    column: Any

    def expression(self, name: str) -> str:
        return f"{name}::{self.column.sql_type}"


def _many(model: type[models.Model], n: int, vectors: Mapping[str, Any], constants: Mapping[str, Any], using: str, on_conflict: str) -> int:
    names = _names(model, vectors)
    types = [column.sql_type for column in vectors.values()]
    with connections[using].cursor() as cursor:
        table = _temporary(cursor, model._meta.db_table, names, types)
        with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(pack(n, list(vectors.values())))
        cursor.execute(_statement(model, vectors, constants, f"{table} s", on_conflict), list(constants.values()))
        written = int(cursor.rowcount)
        cursor.execute(f"TRUNCATE {table}")
        return written


def _temporary(cursor: Any, target: str, names: Sequence[str], types: Sequence[str]) -> str:
    """Return a temporary table of this shape. It stays with the connection: making one each time would churn the catalogue."""
    shape = hashlib.sha256("|".join([*names, *types]).encode()).hexdigest()[:12]
    name = f"bulk_{target}_{shape}"
    fields = ", ".join(f"{column} {kind}" for column, kind in zip(names, types, strict=True))
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({fields}) ON COMMIT DELETE ROWS")
    return name


def pack(n: int, columns: Sequence[Any]) -> bytes:
    """Return PostgreSQL's binary COPY stream of `n` rows."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    values: list[Any] = [np.int16(len(columns))]
    for number, column in enumerate(columns):
        parts = column.binary()
        width = sum(np.dtype(kind).itemsize for kind, _ in parts)
        fields.append((f"w{number}", ">i4"))
        values.append(np.int32(width))
        for index, (kind, part) in enumerate(parts):
            fields.append((f"v{number}_{index}", kind))
            values.append(part)
    rows = np.empty(n, dtype=np.dtype(fields))
    for (name, _), value in zip(fields, values, strict=True):
        rows[name] = value
    return _HEADER + rows.tobytes() + struct.pack(">h", -1)
