"""Core postings as arrays, one by one: what the vectorised ways are held against."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from accounts.core.ledger import Posting
from accounts.core.posting_arrays import BOOK_CODE, NONE, PostingArrays
from accounts.core.scaled import to_scaled


@dataclass(slots=True)
class Index:
    """Codes for ids, in order of first appearance."""

    ids: list[Hashable] = field(default_factory=list)
    codes: dict[Hashable, int] = field(default_factory=dict)

    def code(self, item: Hashable) -> int:
        """Return the item's code, giving it the next one if it is new; None is −1."""
        if item is None:
            return NONE
        code = self.codes.setdefault(item, len(self.ids))
        if code == len(self.ids):
            self.ids.append(item)
        return code


@dataclass(slots=True)
class Indexes:
    """The code tables that `from_postings` fills: accounts, sleeves, legs, units."""

    accounts: Index = field(default_factory=Index)
    sleeves: Index = field(default_factory=Index)
    legs: Index = field(default_factory=Index)
    units: Index = field(default_factory=Index)


def from_postings(postings: Iterable[Posting], indexes: Indexes) -> PostingArrays:
    """Return postings as arrays, coding ids by `indexes` (which grows as new ids appear)."""
    rows = [
        (
            indexes.accounts.code(p.account_id),
            indexes.sleeves.code(p.sleeve_id),
            indexes.legs.code(p.leg_id),
            BOOK_CODE[p.book],
            indexes.units.code(p.unit),
            to_scaled(p.amount),
            p.settle_date.toordinal(),
        )
        for p in postings
    ]
    table = np.array(rows, dtype=np.int64).reshape(len(rows), 7).T
    account, sleeve, leg, book, unit, amount, day = (np.ascontiguousarray(column) for column in table)
    epoch = date(1970, 1, 1).toordinal()
    return PostingArrays(account, sleeve, leg, book, unit, amount, (day - epoch).astype("datetime64[D]"))
