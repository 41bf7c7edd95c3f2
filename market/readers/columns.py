"""CSV files as columns: opened plain or gzipped, checked for shape, parsed to exact integers without a float in between.

Entry points: `read_table`, `parse_table`, `Table`, `UnableToReadMarketFile`. The file stays one array of bytes and cells are positions in
it, so 200,000 rows cost no 200,000 Python objects.

Invariants:
1. All or nothing: any complaint and the caller gets `UnableToReadMarketFile`, never part of a file.
2. A complaint names line (from 1), field, value and rule; at most `MAX_COMPLAINTS` are kept, all are counted.
3. A number is digits with at most one point: no sign, exponent, NaN, infinity, thousands separator or decimal comma.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_COMPLAINTS = 50
MAX_BYTES = 1 << 30
ZERO, NINE = ord("0"), ord("9")
_POINT, _COMMA, _NEWLINE = ord("."), ord(","), ord("\n")
_MAX_CELL = 64
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong in a file; line 0 is the file as a whole."""

    line: int
    field: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field} {self.value!r}: {self.rule}"


class UnableToReadMarketFile(ValueError):
    """The file breaks the format; nothing of it was taken. `complaints`: the first of `total`, by line."""

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


@dataclass(slots=True, eq=False)
class Table:
    """The cells of a file by column; row i stands in line i + 2.

    Attributes: data: uint8, the whole file. starts, ends: int64[rows, columns], where each cell begins and ends in it.
    """

    names: tuple[str, ...]
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    complaints: Complaints
    _characters: dict[str, NDArray[np.uint8]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Return the number of lines below the header."""
        return len(self.starts)

    def cell(self, column: str, row: int) -> str:
        """Return one cell as text."""
        at = self.names.index(column)
        return self.data[self.starts[row, at] : self.ends[row, at]].tobytes().decode("utf-8", "replace")

    def cells(self, column: str) -> list[str]:
        """Return a column as text, for short files."""
        return [self.cell(column, row) for row in range(self.rows)]

    def complain(self, bad: NDArray[np.bool_], column: str, rule: str) -> None:
        """Complain about every row where `bad` holds."""
        rows = np.flatnonzero(bad).tolist()
        for row in rows[:MAX_COMPLAINTS]:
            self.complaints.add(row + 2, column, self.cell(column, row), rule)
        self.complaints.total += max(0, len(rows) - MAX_COMPLAINTS)

    def characters(self, column: str) -> NDArray[np.uint8]:
        """Return the bytes of a column, uint8[positions, rows], 0 where a cell has ended; over-long cells are complained about."""
        if column not in self._characters:
            at = self.names.index(column)
            start, length = self.starts[:, at], self.ends[:, at] - self.starts[:, at]
            self.complain(length > _MAX_CELL, column, f"at most {_MAX_CELL} characters")
            width = min(int(length.max(initial=1)), _MAX_CELL)
            rows = [np.where(offset < length, self.data[np.minimum(start + offset, len(self.data) - 1)], 0) for offset in range(width)]
            self._characters[column] = np.array(rows, np.uint8).reshape(width, self.rows)
        return self._characters[column]

    def labels(self, column: str) -> tuple[list[str], NDArray[np.int64]]:
        """Return the distinct texts of a column in order of appearance, and int64[rows] which one each row has."""
        characters = self.characters(column)
        changes = np.ones(self.rows, np.bool_)
        changes[1:] = (characters[:, 1:] != characters[:, :-1]).any(axis=0)
        firsts = np.flatnonzero(changes)
        known: dict[str, int] = {}
        runs = np.array([known.setdefault(self.cell(column, row), len(known)) for row in firsts.tolist()], np.int64)
        return list(known), np.repeat(runs, np.diff(firsts, append=self.rows))

    def has_point(self, column: str) -> bool:
        """Return whether any cell of the column has a decimal point."""
        return bool((self.characters(column) == _POINT).any())

    def decimals(self, column: str, exponent: int, *, blank: bool = False) -> NDArray[np.int64]:
        """Return a column of plain decimals as int64[n] at scale 10^-exponent, exactly; with `blank`, empty cells are 0."""
        characters = self.characters(column)
        value, fraction, valid = _fixed_point(characters, exponent)
        if blank:
            valid |= characters[0] == 0
        self.complain(~valid, column, f"a plain decimal, at most {_DIGITS - exponent} digits before and {exponent} after the point")
        return np.where(valid, value * 10 ** np.clip(exponent - fraction, 0, exponent), 0)


def read_table(path: Path, header: Sequence[str]) -> Table:
    """Read a CSV file (plain or gzip, UTF-8) whose header is exactly `header`.

    Raises UnableToReadMarketFile at once when the shape is wrong; cells are judged when their column is asked for.
    """
    complaints = Complaints(path.name)
    data = _read_bytes(path, complaints)
    complaints.raise_any()
    return parse_table(path.name, data, header)


def parse_table(name: str, data: bytes, header: Sequence[str] | None = None) -> Table:
    """Return the cells of CSV bytes; with `header` None the first line names the columns. Raises UnableToReadMarketFile."""
    complaints = Complaints(name)
    data = _plain_lines(data, complaints)
    complaints.raise_any()
    first = data.partition(b"\n")[0].decode()
    names = tuple(header if header is not None else first.split(","))
    if not first or first != ",".join(names):
        complaints.add(1, "header", first, f"must be {','.join(names) or 'there'}")
    elif len(set(names)) != len(names):
        complaints.add(1, "header", first, "each column once")
    complaints.raise_any()
    buffer = np.frombuffer(data, np.uint8)
    separators = np.flatnonzero((buffer == _COMMA) | (buffer == _NEWLINE))
    fields = np.diff(np.flatnonzero(buffer[separators] == _NEWLINE), prepend=-1)
    _check_width(data, fields, len(names), complaints)
    complaints.raise_any()
    ends = separators.reshape(-1, len(names))
    starts = np.concatenate([[0], separators[:-1] + 1]).reshape(-1, len(names))
    return Table(names, buffer, starts[1:], ends[1:], complaints)


def _read_bytes(path: Path, complaints: Complaints) -> bytes:
    with path.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if zipped else path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        complaints.add(0, "file", "", f"cannot be read: {error}")
        return b""
    if len(data) > MAX_BYTES:
        complaints.add(0, "file", "", f"at most {MAX_BYTES} bytes unpacked")
        return b""
    return data


def _plain_lines(data: bytes, complaints: Complaints) -> bytes:
    """Return the file with LF line ends, the last one included, no byte-order mark and no quotes around cells."""
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    data = data if data.endswith(b"\n") else data + b"\n"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        complaints.add(data.count(b"\n", 0, error.start) + 1, "file", "", "must be UTF-8")
        return b""
    if "\0" in text:
        complaints.add(text.count("\n", 0, text.index("\0")) + 1, "file", "", "no NUL character")
    return _unquoted(text, complaints) if '"' in text else data


def _unquoted(text: str, complaints: Complaints) -> bytes:
    lines: list[str] = []
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    try:
        for row in reader:
            for cell in row:
                if not {",", "\n", "\r"}.isdisjoint(cell):
                    complaints.add(reader.line_num, "line", cell, "no comma or line break within a cell")
            lines.append(",".join(row))
    except csv.Error as error:
        complaints.add(reader.line_num, "line", "", f"not CSV: {error}")
    return ("\n".join(lines) + "\n").encode()


def _check_width(data: bytes, fields: NDArray[np.int64], width: int, complaints: Complaints) -> None:
    wrong = np.flatnonzero(fields != width).tolist()
    lines = data.split(b"\n") if wrong else []
    for row in wrong[:MAX_COMPLAINTS]:
        complaints.add(row + 1, "line", lines[row].decode(), f"must have {width} fields, has {int(fields[row])}")
    complaints.total += max(0, len(wrong) - MAX_COMPLAINTS)


def _fixed_point(characters: NDArray[np.uint8], exponent: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the digits as an integer, how many stand after the point, and whether the text is a plain decimal that fits."""
    count = characters.shape[1]
    value, digits, fraction = (np.zeros(count, np.int64) for _ in range(3))
    points, strange = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    for row in characters:
        is_digit = (row >= ZERO) & (row <= NINE)
        is_point = row == _POINT
        strange |= ~(is_digit | is_point | (row == 0))
        value = np.where(is_digit & (digits < _DIGITS), value * 10 + (row.astype(np.int64) - ZERO), value)
        digits += is_digit
        points += is_point
        fraction += is_digit & (points > 0)
    whole = digits - fraction
    whole_point = (points == 0) | ((points == 1) & (fraction >= 1))
    valid = ~strange & whole_point & (whole >= 1) & (whole <= _DIGITS - exponent) & (fraction <= exponent)
    return value, fraction, valid
