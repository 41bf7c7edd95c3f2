"""A snapshot against our side, as values: what the core finds, and what the run covered.

Entry points: `compare`, `Compared`. Nothing here asks the database, so it may run beside something that does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from ..core.amounts import match_amounts
from ..core.matching import Reconciliation, reconcile
from ..core.snapshot import Snapshot, section_of
from ..enums import ItemKind
from ..queries.codebook import Codebook
from ..queries.expected import OurSide, comparable, recognised
from .carrying import Coverage


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Outcome of a comparison, what it covered, and how many items the custodian delivered."""

    as_of: date
    outcome: Reconciliation
    covered: Coverage
    items: int


def compare(book: Codebook, ours: OurSide, snapshot: Snapshot) -> Compared:
    """Compare a custodian's snapshot with our side of the same date."""
    theirs = comparable(book, ours, snapshot)
    expectation = replace(ours.expectation, trades=recognised(ours.expectation.trades, theirs.trades))
    outcome = reconcile(expectation, theirs, book.directory, ours.rates)
    names, currencies = book.directory.accounts, book.directory.currencies
    unequal = match_amounts(ItemKind.CASH_TD, expectation.cash_td, theirs.cash_td, len(currencies))
    cash = zip(unequal.account.tolist(), unequal.currency.tolist(), strict=True)
    covered = Coverage(
        accounts=frozenset(names[code] for code in np.flatnonzero(theirs.covered)),
        sections=theirs.sections,
        cash_differs=frozenset((names[account], currencies[currency]) for account, currency in cash),
    )
    return Compared(expectation.as_of, outcome, covered, sum(len(section_of(theirs, item)) for item in ItemKind))
