"""What sized a statement, beside prices and positions: amounts, balances, working orders, caps, minimums and every limit (ALC-1).

Entry points: `inputs_of` (a request's inputs in one form), `Inputs.expanded`.
Invariants: 1. Every array of a request that can change its result is here or in the statement's own columns. 2. One form for equal values: what
is the same for all accounts is stated once, what is the same for all instruments of an account once an account. 3. The order in which
accounts, instruments or groups were given changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .request import PooledRoom, SizingRequest
from .scales import MISSING, Ints

_FIELDS = ("amount", "available", "balance", "ratio", "custom_kind", "open_buy", "open_sell", "class_cap", "mandate_cap", "bump_to_min")
_BY_INSTRUMENT = ("instrument_cap", "min_quantity", "min_notional")
_LIMITS = (
    *("authority", "trading_block", "restricted", "long_only", "allowed", "position", "adv"),
    *("buying_power", "proceeds_usable", "margin_rate", "soft"),
)


@dataclass(frozen=True, slots=True)
class Inputs:
    """same: values by name that hold for all accounts, one for each instrument, or one alone where all are equal; null = not known.

    by_account: int64[n]. by_cell: int64[n, m]. groups: rule and room of every shared room. Names as in the request ("limits.adv", …).
    """

    same: dict[str, list[int | None]]
    by_account: dict[str, Ints]
    by_cell: dict[str, Ints]
    groups: list[dict[str, Any]]


def inputs_of(request: SizingRequest, rows: Sequence[int], across: Sequence[int]) -> Inputs:
    """Return the inputs, accounts in the order of `rows`, instruments in that of `across`; a rule that did not apply is left out.

    Source: ALC-1 (the hash covers what sized the result), CON-4.
    """
    pooled = [_grouped(pool, rows, across) for pool in request.limits.pools]
    found = Inputs({}, {}, {}, [group for group, _ in pooled])
    for name, table in _tables(request):
        ordered = table[np.asarray(rows, dtype=np.int64)] if len(table) > 1 else table
        _put(found, name, ordered[:, np.asarray(across, dtype=np.int64)] if table.shape[1] > 1 else ordered)
    for number, (_, group) in enumerate(pooled):
        _put(found, f"limits.pools.{number}.group", group[:, None])
    return found


def _tables(request: SizingRequest) -> Iterator[tuple[str, Ints]]:
    """Give every input as a table [n|1, m|1]."""
    limits = request.limits
    for name in _FIELDS:
        if (value := getattr(request, name)) is not None:
            yield name, value if value.ndim == 2 else value[:, None]
    for name in _BY_INSTRUMENT:
        if (value := getattr(request, name)) is not None:
            yield name, value[None, :]
    for name in _LIMITS:
        if (value := getattr(limits, name)) is not None:
            yield f"limits.{name}", value if value.ndim == 2 else value[:, None]
    for number, item in enumerate(limits.exposures):
        named = f"limits.exposures.{number}.{item.rule.value}"
        yield f"{named}.limit", item.limit[:, None]
        yield f"{named}.current", item.current[:, None]
        yield f"{named}.beta", item.beta[None, :]


def _put(found: Inputs, name: str, table: Ints) -> None:
    """Put a table where its values vary."""
    narrow = table[:, :1] if (table == table[:, :1]).all() else table
    if not len(narrow) or (narrow == narrow[:1]).all():
        found.same[name] = [None if value == MISSING else value for value in narrow[:1].ravel().tolist()]
    elif narrow.shape[1] == 1:
        found.by_account[name] = narrow[:, 0]
    else:
        found.by_cell[name] = narrow


def _grouped(pool: PooledRoom, rows: Sequence[int], across: Sequence[int]) -> tuple[dict[str, Any], Ints]:
    """Return a shared room and each account's group in it, groups numbered by the first account that belongs to them."""
    given = pool.group[np.asarray(rows, dtype=np.int64)]
    members, first = np.unique(given[given >= 0], return_index=True)
    order = members[np.argsort(first)]
    number = np.full(len(pool.room) + 1, -1, dtype=np.int64)
    number[order] = np.arange(len(order))
    room = pool.room[order][:, np.asarray(across, dtype=np.int64)].tolist()
    known = [[None if value == MISSING else value for value in line] for line in room]
    return {"rule": pool.rule.value, "room": known}, number[given]
