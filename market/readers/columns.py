"""CSV files as columns: opened plain or gzipped, checked for shape, parsed to exact integers without a float in between.

Entry points: `read_table`, `Table.decimals`, `Table.local_instants`, `Table.symbols`, `Complaints`, `UnableToReadMarketFile`.

Invariants:
1. All or nothing: any complaint and the caller gets `UnableToReadMarketFile`, never part of a file.
2. A complaint names line (from 1), field, value and rule; at most `MAX_COMPLAINTS` are kept, all are counted.
3. A number is digits with at most one point: no sign, exponent, NaN, infinity, thousands separator or decimal comma.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_COMPLAINTS = 50
MAX_BYTES = 1 << 30
_MAX_CELL = 64
_ZERO, _NINE, _POINT = 48, 57, 46
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong in a file."""

    line: int
    field: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field} {self.value!r}: {self.rule}"


class UnableToReadMarketFile(ValueError):
    """The file breaks the format; nothing of it was taken."""

    def __init__(self, name: str, complaints: Sequence[Complaint], total: int) -> None:
        shown = "; ".join(map(str, complaints[:3]))
        super().__init__(f"{name}: {total} errors: {shown}")
        self.name, self.complaints, self.total = name, tuple(complaints), total


@dataclass(slots=True)
class Complaints:
    """The complaints about one file so far."""

    name: str
    kept: list[Complaint] = field(default_factory=list)
    total: int = 0

    def add(self, line: int, column: str, value: str, rule: str) -> None:
        """Keep one complaint, the value cut to what a person reads."""
        self.total += 1
        if len(self.kept) < MAX_COMPLAINTS:
            self.kept.append(Complaint(line, column, value[:_MAX_CELL], rule))

    def raise_any(self) -> None:
        """Raise UnableToReadMarketFile if there is a complaint, in line order."""
        if self.total:
            raise UnableToReadMarketFile(self.name, sorted(self.kept, key=lambda complaint: complaint.line), self.total)


@dataclass(slots=True)
class Table:
    """The cells of a file by column; row i stands in line i + 2."""

    columns: dict[str, tuple[str, ...]]
    rows: int
    complaints: Complaints

    def complain(self, bad: NDArray[np.bool_], column: str, rule: str) -> None:
        """Complain about every row where `bad` holds."""
        rows = np.flatnonzero(bad).tolist()
        for row in rows[:MAX_COMPLAINTS]:
            self.complaints.add(row + 2, column, self.columns[column][row], rule)
        self.complaints.total += max(0, len(rows) - MAX_COMPLAINTS)

    def text(self, column: str) -> NDArray[np.str_]:
        """Return a column as an array of text, over-long cells complained about and cut."""
        cells = self.columns[column]
        if max(map(len, cells), default=0) > _MAX_CELL:
            self.complain(np.array([len(cell) > _MAX_CELL for cell in cells]), column, f"at most {_MAX_CELL} characters")
            cells = tuple(cell[:_MAX_CELL] for cell in cells)
        return np.array(cells, np.str_) if cells else np.empty(0, "U1")

    def decimals(self, column: str, exponent: int, *, blank: bool = False) -> NDArray[np.int64]:
        """Return a column of plain decimals as int64[n] at scale 10^-exponent, exactly; with `blank`, empty cells are 0."""
        text = self.text(column)
        if not len(text):
            return np.empty(0, np.int64)
        value, fraction, valid, empty = _fixed_point(_codepoints(text), exponent)
        if blank:
            valid |= empty
        rule = f"a plain decimal, at most {_DIGITS - exponent} digits before and {exponent} after the point"
        self.complain(~valid, column, rule)
        return np.where(valid, value * 10 ** np.clip(exponent - fraction, 0, _DIGITS), 0)

    def has_point(self, column: str) -> bool:
        """Return whether any cell of the column has a decimal point."""
        return any("." in cell for cell in self.columns[column])


def read_table(path: Path, header: Sequence[str]) -> Table:
    """Read a CSV file (plain or gzip, UTF-8) whose header is exactly `header`.

    Raises UnableToReadMarketFile at once when the shape is wrong; cells are judged when their column is asked for.
    """
    complaints = Complaints(path.name)
    lines = _read_text(path, complaints).splitlines()
    complaints.raise_any()
    try:
        rows = list(csv.reader(lines, strict=True))
    except csv.Error as error:
        complaints.add(0, "file", "", f"not CSV: {error}")
        rows = []
    if len(rows) != len(lines):
        complaints.add(0, "file", "", "no cell may contain a line break")
    complaints.raise_any()
    _check_shape(rows, header, complaints)
    complaints.raise_any()
    cells = list(zip(*rows[1:], strict=True)) or [()] * len(header)
    return Table(dict(zip(header, cells, strict=True)), len(rows) - 1, complaints)


def _read_text(path: Path, complaints: Complaints) -> str:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if zipped else path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        complaints.add(0, "file", "", f"cannot be read: {error}")
        return ""
    if len(data) > MAX_BYTES:
        complaints.add(0, "file", "", f"at most {MAX_BYTES} bytes unpacked")
        return ""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        complaints.add(data.count(b"\n", 0, error.start) + 1, "file", "", "must be UTF-8")
        return ""


def _check_shape(rows: list[list[str]], header: Sequence[str], complaints: Complaints) -> None:
    if not rows or rows[0] != list(header):
        complaints.add(1, "header", ",".join(rows[0]) if rows else "", f"must be {','.join(header)}")
        return
    width = len(header)
    for line, row in enumerate(rows, 1):
        if len(row) != width:
            complaints.add(line, "line", ",".join(row), f"must have {width} fields, has {len(row)}")


def _codepoints(text: NDArray[np.str_]) -> NDArray[np.uint32]:
    """Return the characters as uint32[width, n], one row per position, 0 where the text has ended."""
    width = text.dtype.itemsize // 4
    return np.ascontiguousarray(text.view(np.uint32).reshape(-1, width).T)


def _fixed_point(
    characters: NDArray[np.uint32], exponent: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return digits as an integer, digits after the point, whether the text is a plain decimal that fits, whether it is empty."""
    count = characters.shape[1]
    value, digits, fraction = (np.zeros(count, np.int64) for _ in range(3))
    points, strange = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    for row in characters:
        is_digit = (row >= _ZERO) & (row <= _NINE)
        is_point = row == _POINT
        strange |= ~(is_digit | is_point | (row == 0))
        value = np.where(is_digit & (digits < _DIGITS), value * 10 + (row.astype(np.int64) - _ZERO), value)
        digits += is_digit
        points += is_point
        fraction += is_digit & (points > 0)
    whole = digits - fraction
    valid = (
        ~strange & (points <= 1) & (whole >= 1) & (whole <= _DIGITS - exponent) & (fraction <= exponent) & ((points == 0) | (fraction >= 1))
    )
    return value, fraction, valid, (characters[0] == 0)
