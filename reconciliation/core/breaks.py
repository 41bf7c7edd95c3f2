"""Differences between ours and theirs, as columns, and the breaks they become (REC-2, REC-3).

Entry points: `Break`, `Differences`, `differences`, `join_differences`, `Policy`.
Invariants: 1. a difference is theirs − ours, so booking it makes us agree with the custodian; 2. `Break.key` holds no figures: the same
break tomorrow, with other figures, has the same key and keeps its age (REC-6).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..enums import BreakType, ItemKind
from .fixed import SCALE, Ints
from .snapshot import _Columns, as_exec_ids

ITEMS = tuple(ItemKind)
TYPES = tuple(BreakType)
ITEM_CODE = {item: code for code, item in enumerate(ITEMS)}
TYPE_CODE = {kind: code for code, kind in enumerate(TYPES)}


class Policy(IntEnum):
    """When a difference is a break: if material; always; above the fee tolerance (REC-3); always, but it waits for a date (REC-4)."""

    MATERIAL = 0
    ALWAYS = 1
    FEE = 2
    TIMING = 3


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement with a custodian.

    ours, theirs: quantity, price or amount; dates for a timing break of a trade; None where that side has nothing. difference: theirs −
    ours. value_difference: in `value_currency` (the account's), rounded to its minor unit for display; None where a price or rate is
    missing. price, cash_difference: of the fill concerned, for the adjustment that may resolve it. self_matches_on: the date after which
    a timing break must be gone (REC-4). settles_on: the fill's settle date, theirs where they have it. rule: the rule that made it a break.
    """

    item: ItemKind
    type: BreakType
    account: str
    symbol: str
    currency: str
    kind: str
    booked_on: date | None
    exec_id: str
    ours: Decimal | date | None
    theirs: Decimal | date | None
    difference: Decimal | None
    value_difference: Decimal | None
    value_currency: str
    material: bool
    rule: str
    price: Decimal | None = None
    cash_difference: Decimal | None = None
    self_matches_on: date | None = None
    settles_on: date | None = None
    their_symbol: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """Identity over days: everything that says what the break is about, no figures."""
        return (
            self.account,
            self.item,
            self.type,
            self.symbol,
            self.their_symbol,
            self.currency,
            self.kind,
            str(self.booked_on or ""),
            self.exec_id,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Differences(_Columns):
    """Candidate breaks as columns. Value difference = delta × factor × contract size × FX rate; ours/theirs are day numbers for TIMING
    trades.

    item, type, policy, kind: codes; instrument, their_instrument, currency, day, self_day, settle_day, kind: −1 where they do not apply;
    factor: int64 10⁻⁸ (a price, a quantity, or 1), NO_PRICE where it is unknown; cash: cash effect theirs − ours of a fill.
    """

    item: Ints
    type: Ints
    policy: Ints
    account: Ints
    instrument: Ints
    their_instrument: Ints
    currency: Ints
    kind: Ints
    day: Ints
    ours: Ints
    theirs: Ints
    has_ours: Ints
    has_theirs: Ints
    delta: Ints
    factor: Ints
    price: Ints
    cash: Ints
    self_day: Ints
    settle_day: Ints
    exec_id: NDArray[np.bytes_]


_DEFAULTS = {
    "instrument": -1,
    "their_instrument": -1,
    "currency": -1,
    "kind": -1,
    "day": -1,
    "self_day": -1,
    "settle_day": -1,
    "has_ours": 1,
    "has_theirs": 1,
    "factor": SCALE,
}
_NAMES = tuple(field.name for field in fields(Differences))


def differences(item: ItemKind, cause: BreakType | Ints, policy: Policy | Ints, account: Ints, /, **columns: Any) -> Differences:
    """Build candidates; columns not given hold their neutral value, scalars are repeated."""
    length = len(account)
    given = {
        "item": ITEM_CODE[item],
        "type": TYPE_CODE[cause] if isinstance(cause, BreakType) else cause,
        "policy": policy,
        "account": account,
        **columns,
    }
    ids = given.pop("exec_id", None)
    filled = {
        name: np.broadcast_to(np.asarray(given.get(name, _DEFAULTS.get(name, 0)), np.int64), length) for name in _NAMES if name != "exec_id"
    }
    return Differences(**filled, exec_id=np.zeros(length, "S8") if ids is None else ids)


def join_differences(parts: list[Differences]) -> Differences:
    """Concatenate candidates."""
    width = max((part.exec_id.dtype.itemsize for part in parts), default=8)
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) if parts else np.zeros(0, np.int64)
        for name in _NAMES
        if name != "exec_id"
    }
    ids = np.concatenate([part.exec_id.astype(f"S{width}") for part in parts]) if parts else as_exec_ids([])
    return Differences(**columns, exec_id=ids)
