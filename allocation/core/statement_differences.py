"""What is not the same in two allocation statements: the answer to a release of what has changed (DESIGN §4.5, ALC-1).

Entry point: `differences`. Invariant: two statements without differences have the same `preview_hash`, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .scales import MISSING, Ints
from .statement import AllocationStatement

_APART = {"frozen_at", "instruments", "columns", "same"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One number that is not the same in two statements; account or instrument None where all are meant."""

    account_id: str | None
    instrument_id: str | None
    field: str
    before: Any
    after: Any


def differences(before: AllocationStatement, after: AllocationStatement, *, most: int = 100) -> tuple[list[Difference], int]:
    """Return what differs (at most `most` entries) and how many differences there are in all; the instant of freezing is not compared.

    Order: the statement's own values, accounts that left or joined, then account by account. Source: DESIGN 4.5 (the 409 answer), ALC-1.
    """
    found = [
        Difference(None, None, key, before.header.get(key), after.header.get(key))
        for key in sorted((set(before.header) | set(after.header)) - _APART)
        if before.header.get(key) != after.header.get(key)
    ]
    old, new = ({item["id"]: item for item in s.header["instruments"]} for s in (before, after))
    found += [
        Difference(None, name, key, old.get(name, {}).get(key), new.get(name, {}).get(key))
        for name in sorted(set(old) | set(new))
        for key in sorted(set(old.get(name, {})) | set(new.get(name, {})))
        if old.get(name, {}).get(key) != new.get(name, {}).get(key)
    ]
    common, whole = _fields(before, after)
    found += whole
    was, now = set(before.accounts), set(after.accounts)
    found += [Difference(account, None, "account", account, None) for account in sorted(was - now)]
    found += [Difference(account, None, "account", None, account) for account in sorted(now - was)]
    shared = [name for name in old if name in new]
    cells, count = _cell_differences(before, after, common, shared, max(most - len(found), 0))
    total = len(found) + count
    return (found + cells)[:most], total


def _fields(before: AllocationStatement, after: AllocationStatement) -> tuple[list[str], list[Difference]]:
    """Return the fields to compare account by account, and the differences of those that are the same for all, or in one statement only."""
    compared, found = [], []
    names = dict.fromkeys([*before.columns, *after.columns, *before.header["same"], *after.header["same"]])
    for name in names:
        old, new = (_stated(s, name) for s in (before, after))
        if (isinstance(old, list) and isinstance(new, list)) or old is None or new is None:
            if old != new:
                found.append(Difference(None, None, name, old, new))
        else:
            compared.append(name)
    return compared, found


def _stated(statement: AllocationStatement, name: str) -> Any:
    """Return a field as it is stated for all accounts; "per account" for a column, None where it is not stated."""
    return "per account" if name in statement.columns else statement.header["same"].get(name)


def _cell_differences(
    before: AllocationStatement, after: AllocationStatement, fields: list[str], instruments: list[str], most: int
) -> tuple[list[Difference], int]:
    """Compare the numbers of the accounts and instruments both statements have."""
    where = [{account: i for i, account in enumerate(s.accounts)} for s in (before, after)]
    common = [account for account in before.accounts if account in where[1]]
    rows = [np.array([place[account] for account in common], dtype=np.int64) for place in where]
    across = [np.array([_ids(s).index(name) for name in instruments], dtype=np.int64) for s in (before, after)]
    found: list[tuple[int, int, Difference]] = []
    total = 0
    for name in fields:
        values = [_aligned(s, name, r, a) for s, r, a in zip((before, after), rows, across, strict=True)]
        wide = max(v.shape[1] for v in values) > 1 or name in _cells(before)
        changed = np.argwhere(np.not_equal(*np.broadcast_arrays(*values)))
        total += len(changed)
        for i, j in changed[:most].tolist():
            old, new = (_named(s, name, v[i, min(j, v.shape[1] - 1)]) for s, v in zip((before, after), values, strict=True))
            found.append((i, j if wide else -1, Difference(common[i], instruments[j] if wide else None, name, old, new)))
    found.sort(key=lambda entry: entry[:2])
    return [entry[2] for entry in found[:most]], total


def _ids(statement: AllocationStatement) -> list[str]:
    return [item["id"] for item in statement.header["instruments"]]


def _cells(statement: AllocationStatement) -> set[str]:
    return {name for name, values in statement.columns.items() if values.ndim == 2}


def _aligned(statement: AllocationStatement, name: str, rows: Ints, across: Ints) -> np.ndarray:
    """Return a field for these accounts and instruments, [k, 1] or [k, m]."""
    if name not in statement.columns:
        same = np.array([MISSING if value is None else value for value in statement.header["same"][name]], dtype=np.int64)
        return np.broadcast_to(same[across] if len(same) > 1 else same, (len(rows), len(across) if len(same) > 1 else 1))
    values = statement.columns[name]
    return values[np.ix_(rows, across)] if values.ndim == 2 else values[rows][:, None]


def _named(statement: AllocationStatement, name: str, value: Any) -> Any:
    """Return a number as it should be read: codes by their names."""
    legend = {"binding": "rules", "reason": "reasons"}.get(name)
    if legend is not None:
        return statement.header[legend][int(value)]
    if name == "currency":
        return statement.header["currencies"][int(value)][0]
    return None if value == MISSING else int(value)
