"""Ours and theirs, line by line, for one account and date.

Entry point: `side_by_side`. It only reads; it stands among the services because it reads a stored file again.
Invariant: both sides are those a run would compare, so that what differs here is what a run would weigh.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.queries import visible_to
from base.errors import NotFound
from market.core import calendars

from ..core.expectation import NO_TIMING
from ..core.fixed import from_fixed
from ..core.snapshot import section_of, take
from ..enums import ItemKind, MarginKind, MovementKind
from ..queries.codebook import Codebook
from ..queries.expected import comparable, expectation_of, recognised
from .snapshots import GATEWAY, stored_snapshot

_KINDS: dict[ItemKind, tuple[str, ...]] = {ItemKind.FEE: tuple(MovementKind), ItemKind.MARGIN: tuple(MarginKind)}


@dataclass(frozen=True, slots=True)
class Line:
    """One item of an account. what: a symbol, a currency, a kind of movement, or a trade; None: that side has nothing."""

    item: ItemKind
    what: str
    ours: Decimal | None
    theirs: Decimal | None

    @property
    def agrees(self) -> bool:
        return (self.ours or 0) == (self.theirs or 0)


def side_by_side(*, user: Any, account_id: UUID, as_of: date) -> list[Line]:
    """Return every item of an account on either side. Raises NotFound: unseen account, or no snapshot of that date."""
    account = visible_to(user).filter(id=account_id).values_list("custodian_id", flat=True).first()
    taken = stored_snapshot(custodian_id=account, as_of=as_of) if account else None
    if taken is None:
        raise NotFound("snapshot of this account and date")
    book = taken.book
    instant = calendars.session_close(book.calendar, as_of)
    expected = expectation_of(book, as_of, instant, NO_TIMING, charges_only=taken.source.startswith(GATEWAY))
    theirs = comparable(book, expected, taken.snapshot)
    ours = replace(expected.expectation, trades=recognised(expected.expectation.trades, theirs.trades))
    code = book.account_ids.index(account_id)
    lines = []
    for item in ItemKind:
        tables = [section_of(side, item) for side in (ours, theirs)]
        whole = _without_execution(tables[0], code) if item is ItemKind.TRADE else frozenset()
        mine, other = (_items(book, item, table, code, whole) for table in tables)
        lines += [Line(item, what, mine.get(what), other.get(what)) for what in sorted({*mine, *other})]
    return lines


def _without_execution(table: Any, account: int) -> frozenset[int]:
    """Return the instruments of which our trades name no execution (shares of blocks): both sides are then one line an instrument."""
    rows = take(table, table.account == account)
    return frozenset(int(rows.instrument[i]) for i in range(len(rows)) if not rows.exec_id[i])


def _items(book: Codebook, item: ItemKind, table: Any, account: int, whole: frozenset[int]) -> dict[str, Decimal]:
    rows = take(table, table.account == account)
    directory = book.directory
    totals: defaultdict[str, int] = defaultdict(int)
    for i in range(len(rows)):
        if item in (ItemKind.POSITION, ItemKind.TRADE):
            name, amount = directory.symbols[rows.instrument[i]], int(rows.quantity[i])
            if item is ItemKind.TRADE and int(rows.instrument[i]) not in whole:
                name = f"{name} {rows.exec_id[i].decode()}".strip()
        else:
            name, amount = directory.currencies[rows.currency[i]], int(rows.amount[i])
            if item in _KINDS:
                name = f"{_KINDS[item][rows.kind[i]]} {name}"
        totals[name] += amount
    return {name: from_fixed(amount) for name, amount in totals.items()}
