"""One custodian, several connections: the reports of a date as one snapshot (REC-1).

Entry points: `Part`, `Merged`, `merge_parts`.
Invariants: 1. an account's figures come from its own connection, never from another one's list; 2. an account that its own connection did
not report is not covered, whatever others say of it; 3. an account on which two reports disagree is not covered, and is named; 4. the
order of rows within a part is kept, so equal parts give equal snapshots (I8).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..enums import ItemKind
from .fixed import Bools
from .snapshot import TABLES, Snapshot, section_of, take

_STANDING = (ItemKind.POSITION, ItemKind.CASH_TD, ItemKind.CASH_SD)
_COLUMN = {
    ItemKind.POSITION: "positions",
    ItemKind.CASH_TD: "cash_td",
    ItemKind.CASH_SD: "cash_sd",
    ItemKind.TRADE: "trades",
    ItemKind.FEE: "fees",
    ItemKind.MARGIN: "margins",
}


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one connection reported of a date. connection: its code, "" where the report speaks for the whole custodian."""

    connection: str
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """The parts as one. disagreements: in words, one for each account of which two connections say different things."""

    snapshot: Snapshot
    disagreements: tuple[str, ...]


def merge_parts(parts: Sequence[Part], owners: Sequence[str], names: Sequence[str]) -> Merged:
    """Join the reports of a custodian's connections.

    parts: one for each connection, of one date. owners: each account's connection, by account code; names: the custodian's numbers.
    A section counts as delivered where every part delivered it. Raises ValueError where there is no part. Source: REC-1.
    """
    if not parts:
        raise ValueError("no report to merge")
    own = [_own(part, owners) & part.snapshot.covered for part in parts]
    disagreements: list[str] = []
    for place, part in enumerate(parts):
        for other, theirs in enumerate(own):
            contested = np.flatnonzero(theirs & part.snapshot.covered & ~own[place]) if other != place else np.zeros(0, np.int64)
            for code in contested.tolist():
                if _standing(part.snapshot, code) != _standing(parts[other].snapshot, code):
                    theirs[code] = False
                    disagreements.append(f"connections {part.connection} and {parts[other].connection} disagree on account {names[code]}")
    chosen = [_only(part.snapshot, mask) for part, mask in zip(parts, own, strict=True)]
    joined: dict[str, Any] = {
        _COLUMN[item]: TABLES[item](
            **{name: np.concatenate([getattr(section_of(one, item), name) for one in chosen]) for name in TABLES[item].__dataclass_fields__}
        )
        for item in ItemKind
    }
    covered = np.logical_or.reduce(own)
    sections = frozenset.intersection(*(part.snapshot.sections for part in parts))
    return Merged(replace(parts[0].snapshot, covered=covered, sections=sections, **joined), tuple(sorted(disagreements)))


def _own(part: Part, owners: Sequence[str]) -> Bools:
    return np.array([part.connection in ("", owner) for owner in owners], np.bool_)


def _only(snapshot: Snapshot, accounts: Bools) -> Snapshot:
    tables: dict[str, Any] = {
        column: take(section_of(snapshot, item), accounts[section_of(snapshot, item).account]) for item, column in _COLUMN.items()
    }
    return replace(snapshot, covered=accounts, **tables)


def _standing(snapshot: Snapshot, account: int) -> list[tuple[str, tuple[int, ...]]]:
    """Return an account's positions and cash, prices left out: two connections may mark differently."""
    rows = []
    for item in _STANDING:
        table = section_of(snapshot, item)
        here = table.account == account
        amount = "quantity" if item is ItemKind.POSITION else "amount"
        thing = "instrument" if item is ItemKind.POSITION else "currency"
        pairs = zip(getattr(table, thing)[here].tolist(), getattr(table, amount)[here].tolist(), strict=True)
        rows += [(str(item), pair) for pair in pairs if pair[1]]
    return sorted(rows)
