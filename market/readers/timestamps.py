"""Timestamps of market files, to the microsecond in UTC, with daylight saving settled (CON-6).

Entry points: `instants`, `dates`.

Invariants:
1. A file writes either UTC (`2026-01-05T14:30:00Z`) or the exchange's local time (`2026-01-05 09:30:00`), the same on every line.
2. A local time the clocks skip, or pass twice, is refused: guessing an hour would move a trade.
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from market.core.instants import from_us
from market.readers.columns import NINE, ZERO, Table

_DAY_US = 86_400_000_000
_LOCAL = "dddd-dd-dd dd:dd:dd"
_UTC = "dddd-dd-ddTdd:dd:ddZ"
_DATE = "dddd-dd-dd"


def instants(table: Table, column: str, zone: ZoneInfo) -> NDArray[np.int64]:
    """Return a column of timestamps as int64[n] microseconds UTC; local times are those of `zone`."""
    in_utc = table.rows > 0 and table.cell(column, 0).endswith("Z")
    numbers, valid = _digits(table, column, _UTC if in_utc else _LOCAL)
    day, day_valid = _days(numbers)
    hour, minute, second = (_number(numbers, at, 2) for at in (8, 10, 12))
    valid &= day_valid & (hour < 24) & (minute < 60) & (second < 60)
    form = "2026-01-05T14:30:00Z" if in_utc else "2026-01-05 09:30:00"
    table.complain(~valid, column, f"a time written like {form}, as on the first line")
    local = np.where(valid, day * _DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000, 0)
    return local if in_utc else _to_utc(table, column, local, zone)


def dates(table: Table, column: str) -> NDArray[np.int64]:
    """Return a column of dates (`2026-01-05`) as int64[n] days since 1970."""
    numbers, valid = _digits(table, column, _DATE)
    day, day_valid = _days(numbers)
    table.complain(~(valid & day_valid), column, "a date written like 2026-01-05")
    return np.where(valid & day_valid, day, 0)


def _digits(table: Table, column: str, form: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the digits where the form has a `d`, int64[digits, n], and which cells match the form exactly."""
    characters = table.characters(column)
    if len(characters) < len(form):
        missing = np.zeros((len(form) - len(characters), characters.shape[1]), np.uint8)
        characters = np.concatenate([characters, missing])
    valid = np.ones(characters.shape[1], np.bool_)
    for row, wanted in zip(characters, form, strict=False):
        valid &= (row >= ZERO) & (row <= NINE) if wanted == "d" else row == ord(wanted)
    for row in characters[len(form) :]:
        valid &= row == 0
    places = [at for at, wanted in enumerate(form) if wanted == "d"]
    return np.where(valid, characters[places].astype(np.int64) - ZERO, 0), valid


def _number(digits: NDArray[np.int64], at: int, count: int) -> NDArray[np.int64]:
    value = np.zeros(digits.shape[1], np.int64)
    for row in digits[at : at + count]:
        value = value * 10 + row
    return value


def _days(digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    year, month, day = _number(digits, 0, 4), _number(digits, 4, 2), _number(digits, 6, 2)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    number = months.astype("datetime64[D]").astype(np.int64) + day - 1
    same_month = number.astype("datetime64[D]").astype("datetime64[M]") == months
    return number, same_month & (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1)


def _to_utc(table: Table, column: str, local: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Shift local microseconds to UTC: a day without a change by one offset, a day with one minute by minute."""
    days, positions = np.unique(local // _DAY_US, return_inverse=True)
    starts = [_offset(int(day) * _DAY_US, zone) for day in days.tolist()]
    ends = [_offset((int(day) + 1) * _DAY_US, zone) for day in days.tolist()]
    offsets = np.array([start or 0 for start in starts], np.int64)[positions]
    changing = np.array([start is None or start != end for start, end in zip(starts, ends, strict=True)], np.bool_)
    unclear = np.zeros(len(local), np.bool_)
    for row in np.flatnonzero(changing[positions] if len(days) else unclear).tolist():
        offset = _offset(int(local[row]), zone)
        unclear[row] = offset is None
        offsets[row] = offset or 0
    table.complain(unclear, column, f"a time that exists once in {zone.key} (daylight saving changes here)")
    return local - offsets


def _offset(local: int, zone: ZoneInfo) -> int | None:
    """Return the zone's offset at a local time in microseconds, or None if that time is skipped or comes twice."""
    naive = from_us(local).replace(tzinfo=None)
    first, second = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first is None or first != second:
        return None
    return first // timedelta(microseconds=1)
