"""Joins of integer-coded columns by sorting and merging.

Entry points: `pack`, `align` (unique keys), `pair_equal` (keys that may repeat), `pair_ids` (account and execution id), `group_codes`.
Invariants: 1. results do not depend on the order of rows, apart from which of several equal rows is called which; 2. hashing only speeds
things up: every pair made by a hash is verified byte by byte, and a collision falls back to sorting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .fixed import LIMIT, Bools, Ints

Words = NDArray[np.uint64]
_MIX = np.uint64(0x9E3779B97F4A7C15)


def pack(columns: Sequence[Ints], sizes: Sequence[int]) -> Ints:
    """Return one int64 key per row from columns of codes 0 ≤ code < size.

    >>> pack([np.array([1, 2]), np.array([0, 3])], [5, 10]).tolist()
    [10, 23]

    Raises ValueError where the product of the sizes does not fit or a code is out of range.
    """
    total = 1
    key = np.zeros(len(columns[0]), np.int64)
    for column, size in zip(columns, sizes, strict=True):
        total *= max(size, 1)
        if total > 2**62:
            raise ValueError("key space does not fit 62 bits")
        if len(column) and (int(column.min()) < 0 or int(column.max()) >= size):
            raise ValueError(f"code outside 0..{size - 1}")
        key = key * max(size, 1) + column
    return key


def sorted_order(key: NDArray[np.generic]) -> Ints:
    """Return the stable order that sorts `key`, cheaply where it is sorted already."""
    if len(key) < 2 or bool(np.all(key[1:] >= key[:-1])):  # type: ignore[operator]
        return np.arange(len(key))
    return np.argsort(key, kind="stable")


def align(ours: Ints, theirs: Ints) -> tuple[Ints, Ints]:
    """Outer-join two columns of unique keys; return row numbers of ours and theirs per distinct key, −1 where absent.

    >>> [side.tolist() for side in align(np.array([7, 3]), np.array([3, 9]))]
    [[1, 0, -1], [0, -1, 1]]

    Raises ValueError if a key repeats on one side.
    """
    our_order, their_order = sorted_order(ours), sorted_order(theirs)
    a, b = ours[our_order], theirs[their_order]
    for side in (a, b):
        if len(side) > 1 and bool(np.any(side[1:] == side[:-1])):
            raise ValueError("a key repeats")
    if len(a) == len(b) and np.array_equal(a, b):
        return our_order, their_order
    at = np.searchsorted(a, b)
    inside = np.minimum(at, max(len(a) - 1, 0))
    hit = (a[inside] == b) & (at < len(a)) if len(a) else np.zeros(len(b), np.bool_)
    alone = np.ones(len(a), np.bool_)
    alone[at[hit]] = False
    absent_a, absent_b = np.full(int((~hit).sum()), -1), np.full(int(alone.sum()), -1)
    return (
        np.concatenate([our_order[at[hit]], our_order[alone], absent_a]),
        np.concatenate([their_order[hit], absent_b, their_order[~hit]]),
    )


def pair_equal(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> tuple[Ints, Ints]:
    """Pair rows of equal key one to one, first with first; return the paired row numbers of ours and theirs.

    >>> [side.tolist() for side in pair_equal(np.array([5, 5, 8]), np.array([5, 8, 8]))]
    [[0, 2], [0, 1]]
    """
    our_order, their_order = sorted_order(ours), sorted_order(theirs)
    a, b = ours[our_order], theirs[their_order]
    if len(a) == 0 or len(b) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    if len(a) == len(b) and np.array_equal(a, b):
        return our_order, their_order
    at = np.searchsorted(a, b) + _rank(b)
    inside = np.minimum(at, len(a) - 1)
    hit = (at < len(a)) & (a[inside] == b)
    return our_order[at[hit]], their_order[hit]


def pair_ids(our_account: Ints, our_id: NDArray[np.bytes_], their_account: Ints, their_id: NDArray[np.bytes_]) -> tuple[Ints, Ints]:
    """Pair rows of equal (account, id) one to one; rows with an empty id take no part."""
    width = max(our_id.dtype.itemsize, their_id.dtype.itemsize, 8)
    a, b = id_words(our_id, width), id_words(their_id, width)
    rows_a, rows_b = np.flatnonzero(a[:, 0] != 0), np.flatnonzero(b[:, 0] != 0)
    left, right = pair_equal(hash_words(our_account[rows_a], a[rows_a]), hash_words(their_account[rows_b], b[rows_b]))
    left, right = rows_a[left], rows_b[right]
    if bool(np.all(our_account[left] == their_account[right])) and bool(np.all(a[left] == b[right])):
        return left, right
    codes_a, codes_b = group_codes(_columns(our_account, a, rows_a), _columns(their_account, b, rows_b))
    left, right = pair_equal(codes_a, codes_b)
    return rows_a[left], rows_b[right]


def group_codes(ours: Sequence[NDArray[np.generic]], theirs: Sequence[NDArray[np.generic]]) -> tuple[Ints, Ints]:
    """Return equal codes for rows that are equal in every column, on either side.

    >>> [side.tolist() for side in group_codes([np.array([4, 9])], [np.array([9])])]
    [[0, 1], [1]]
    """
    columns = [np.concatenate([a, b]) for a, b in zip(ours, theirs, strict=True)]
    if len(columns[0]) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort(columns[::-1])
    changed = np.zeros(len(order), np.bool_)
    for column in columns:
        in_order = column[order]
        changed[1:] |= in_order[1:] != in_order[:-1]
    codes = np.empty(len(order), np.int64)
    codes[order] = np.cumsum(changed)
    return codes[: len(ours[0])], codes[len(ours[0]) :]


def sum_by_key(key: Ints, amount: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the distinct keys, each key's exact int64 sum, and one row number per key.

    >>> [part.tolist() for part in sum_by_key(np.array([2, 1, 2]), np.array([10, 5, -4]))]
    [[1, 2], [5, 6], [1, 0]]

    Raises ValueError where a sum is beyond the range of `fixed`.
    """
    order = sorted_order(key)
    ordered = key[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(key) else np.zeros(0, np.int64)
    if len(starts) == len(key):
        return ordered, amount[order], order
    if len(key) and bool(np.any(np.abs(np.add.reduceat(amount[order].astype(np.float64), starts)) > LIMIT)):
        raise ValueError("a sum is beyond the range of fixed-point amounts")
    return ordered[starts], np.add.reduceat(amount[order], starts), order[starts]


def id_words(ids: NDArray[np.bytes_], width: int) -> Words:
    """Return fixed-width bytes as rows of 64-bit words, zero-padded to `width` (a multiple of eight)."""
    padded = np.ascontiguousarray(ids.astype(f"S{width}") if ids.dtype.itemsize != width else ids)
    return padded.view(np.uint64).reshape(len(ids), width // 8)


def hash_words(first: NDArray[np.generic], words: Words) -> Words:
    """Return a 64-bit mix of a code and rows of words; equal rows give equal hashes, the converse must be verified."""
    mixed = first.astype(np.uint64) * _MIX
    for column in range(words.shape[1]):
        mixed ^= words[:, column]
        mixed *= _MIX
        mixed ^= mixed >> np.uint64(29)
    return mixed


def has_repeats(key: NDArray[np.generic]) -> bool:
    """Tell whether a value occurs twice."""
    ordered = np.sort(key)
    return bool(np.any(ordered[1:] == ordered[:-1]))


def pick(column: Ints, rows: Ints, present: Bools, absent: int = 0) -> Ints:
    """Return column[rows] where a row is present and `absent` elsewhere."""
    if bool(present.all()):
        return column[rows]
    result = np.full(len(rows), absent, np.int64)
    result[present] = column[rows[present]]
    return result


def _columns(account: Ints, words: Words, rows: Ints) -> list[NDArray[np.generic]]:
    return [account[rows], *(words[rows, i] for i in range(words.shape[1]))]


def _rank(ordered: NDArray[np.generic]) -> Ints:
    number = np.arange(len(ordered))
    first: Bools = np.r_[True, ordered[1:] != ordered[:-1]]
    return number - np.maximum.accumulate(np.where(first, number, 0))
