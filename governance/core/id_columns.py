"""Columns of UUIDs as arrays: V16[n], big-endian bytes, as the database sends them.

Entry points: `id_column`, `numbered` (which distinct ids, and which is where), `places` (where each of these stands among those).
Invariant: exact over all 128 bits, in O((n + m) log(n + m)).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray


def id_column(ids: Iterable[UUID]) -> NDArray[Any]:
    """Return the ids as a column V16[n]."""
    return np.frombuffer(b"".join([id_.int.to_bytes(16, "big") for id_ in ids]), dtype="V16")


def uuids(column: NDArray[Any]) -> list[UUID]:
    """Return the ids of a column."""
    return [UUID(bytes=raw) for raw in column.tolist()]


def id_at(column: NDArray[Any], index: int) -> UUID:
    """Return one id of a column."""
    return UUID(bytes=bytes(column[index]))


def numbered(column: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct ids in ascending order, V16[k], and the number of each entry's id among them, int64[n].

    >>> distinct, number = numbered(id_column([UUID(int=7), UUID(int=5), UUID(int=7)]))
    >>> [id_at(distinct, k).int for k in range(2)], number.tolist()
    ([5, 7], [1, 0, 1])
    """
    if not len(column):
        return column, np.zeros(0, dtype=np.int64)
    high, low = _halves(column)
    order = np.lexsort((low, high))
    new = np.concatenate([[True], (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])])
    number = np.empty(len(column), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return column[order[new]], number


def places(wanted: NDArray[Any], among: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each of `wanted` stands in `among` (distinct ids), int64[m]; −1 = not there.

    >>> places(id_column([UUID(int=2), UUID(int=9)]), id_column([UUID(int=1), UUID(int=2)])).tolist()
    [1, -1]
    """
    number, count = _grouped(np.concatenate([among, wanted]))
    place = np.full(count, -1, dtype=np.int64)
    place[number[: len(among)]] = np.arange(len(among))
    return place[number[len(among) :]]


def _halves(column: NDArray[Any]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    halves = np.frombuffer(column.tobytes(), dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return halves[:, 0].copy(), halves[:, 1].copy()


def _grouped(column: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """Return a number for each entry, the same for the same id, and how many there are; in no order.

    The low halves of most ids are random, so sorting by them alone is enough; where different ids share one, all is sorted.
    """
    high, low = _halves(column)
    order = np.argsort(low)
    same_low = low[order][1:] == low[order][:-1]
    if (same_low & (high[order][1:] != high[order][:-1])).any():
        distinct, number = numbered(column)
        return number, len(distinct)
    number = np.empty(len(column), dtype=np.int64)
    number[order] = np.concatenate([[0], np.cumsum(~same_low)]) if len(column) else 0
    return number, int(number.max(initial=-1)) + 1
