"""Comparisons beside the daily run: three-way by quarter, fills against orders by day, strategy against account (REC-8, REC-9).

Entry points: `three_way`, `fills_against_orders`, `sync_options`.
Invariants: 1. findings are values, nothing is corrected here; 2. what one source lacks counts as zero there, and the finding says it was
absent; 3. no re-alignment is ever proposed beyond the limits of copying (CPY-6), and none happens by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from ..enums import SyncAction, SyncCause

Key = TypeVar("Key", bound=Hashable)
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class ThreeWayFinding(Generic[Key]):
    """One item on which ledger, feed and official statement do not all agree. odd: the one that differs from the other two, or "ALL"."""

    key: Key
    ledger: Decimal | None
    feed: Decimal | None
    official: Decimal | None
    odd: str


@dataclass(frozen=True, slots=True)
class FillFinding:
    """An order whose cumulative quantity is not the sum of its fills. difference: fills − order."""

    order: str
    order_quantity: Decimal
    fill_quantity: Decimal
    difference: Decimal


@dataclass(frozen=True, slots=True)
class SyncFinding:
    """A strategy's position that is not the account's. gap: ideal − actual; actions: what a person may choose."""

    account: str
    symbol: str
    gap: Decimal
    cause: SyncCause
    actions: tuple[SyncAction, ...]


def three_way(ledger: Mapping[Key, Decimal], feed: Mapping[Key, Decimal], official: Mapping[Key, Decimal]) -> list[ThreeWayFinding[Key]]:
    """Compare ledger, feed and official statement item by item (REC-8, quarterly), in the order of the keys' text.

    >>> [finding.odd for finding in three_way({"USD": Decimal(5)}, {"USD": Decimal(5)}, {"USD": Decimal(6)})]
    ['OFFICIAL']
    """
    found = []
    for key in sorted({*ledger, *feed, *official}, key=str):
        values = ledger.get(key), feed.get(key), official.get(key)
        a, b, c = (ZERO if value is None else value for value in values)
        if a == b == c:
            continue
        odd = "OFFICIAL" if a == b else "FEED" if a == c else "LEDGER" if b == c else "ALL"
        found.append(ThreeWayFinding(key, *values, odd))
    return found


def fills_against_orders(orders: Mapping[str, Decimal], fills: Mapping[str, Decimal]) -> list[FillFinding]:
    """Compare each order's cumulative quantity with the sum of its fills (REC-8, every 5 minutes), orders unknown to us included."""
    pairs = ((order, orders.get(order, ZERO), fills.get(order, ZERO)) for order in sorted({*orders, *fills}))
    return [FillFinding(order, mine, filled, filled - mine) for order, mine, filled in pairs if mine != filled]


def sync_options(
    account: str,
    symbol: str,
    *,
    ideal: Decimal,
    actual: Decimal,
    cause: SyncCause,
    slippage: Decimal,
    slippage_limit: Decimal,
    seconds_since: int,
) -> SyncFinding | None:
    """Return what may be done where an account has drifted from its strategy, or None where it has not (REC-9).

    slippage: of trading now against the signal's price, slippage_limit: the follower's, same unit; seconds_since: the signal. Re-aligning
    by a trade is offered within the limit and 60 seconds (CPY-6), and at any time where it only takes risk off.
    """
    gap = ideal - actual
    if gap == 0:
        return None
    reduces = actual * gap < 0 and abs(gap) <= abs(actual)
    chase = abs(slippage) <= slippage_limit and seconds_since <= 60
    offered = (SyncAction.REALIGN,) if reduces or chase else ()
    return SyncFinding(account, symbol, gap, cause, (*offered, SyncAction.ACCEPT, SyncAction.DETACH))
