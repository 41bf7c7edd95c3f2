"""The lots and closures that replays of wash sales start from, a group at a time.

Entry points: `recent_sales`, `groups_with_losses`, `Group`, `Known`. Inside the caller's tenancy block.

Invariants:
1. A group is one tax unit, identity group (WASH-13), currency and side; all its lots are there, from the first.
2. What was bought by one decision for one account on one day is one purchase, however many fills it took (WASH-5, Rev. Rul. 56-602).
3. Of a day the books keep no time of purchases: they count as simultaneous, so that sheltered ones match first (WASH-10). Sales go in
   ledger order (WASH-6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..core.tax_units import UnitMember
from ..core.wash_scope import WINDOW_DAYS, final_from
from ..core.wash_values import Acquisition, Disposal
from ..enums import EntryType
from .columns import fetch_rows

NO_PURCHASE = frozenset({EntryType.CORPORATE_ACTION})
"""WASH-4: lots of these were not bought. What moved in kind was, by somebody, on the day it brings along: it counts, as an estimate."""
_IDENTITY = "COALESCE(NULLIF(i.identity_group, ''), i.symbol)"


@dataclass(frozen=True, slots=True)
class Known:
    """Where a lot is and of what."""

    account_id: UUID
    instrument_id: int
    symbol: str
    kind: str


@dataclass(slots=True)
class Group:
    """What one replay takes. known: by lot id. is_estimated: a split or a transfer lies between, so shares were taken as they stand today."""

    currency: str
    is_short: bool
    accounts: set[UUID] = field(default_factory=set)
    acquisitions: list[Acquisition] = field(default_factory=list)
    disposals: list[Disposal] = field(default_factory=list)
    known: dict[Any, Known] = field(default_factory=dict)
    is_estimated: bool = False


_RECENT = f"""
SELECT DISTINCT c.account_id, {_IDENTITY} FROM accounts_lotclosure c
JOIN accounts_taxlot l ON l.id = c.lot_id JOIN market_instrument i ON i.id = l.instrument_id
WHERE c.account_id = ANY(%(ids)s::uuid[]) AND c.closed_on BETWEEN %(since)s AND %(until)s AND i.kind = ANY(%(kinds)s)
"""


def recent_sales(*, account_ids: Collection[UUID], kinds: Sequence[str], since: date, until: date) -> list[tuple[UUID, str]]:
    """Return in which of these accounts what (identity group) was sold or covered in the span, of kinds that can wash."""
    if not account_ids:
        return []
    return [
        (account_id, identity)
        for account_id, identity in fetch_rows(_RECENT, {"ids": list(account_ids), "kinds": list(kinds), "since": since, "until": until})
    ]


_LOTS = f"""
SELECT l.id, l.account_id, l.instrument_id, i.symbol, i.kind, {_IDENTITY}, l.currency, l.acquired_on, l.original_quantity, l.quantity, l.basis,
    t.entry_type, COALESCE(t.journey_id, t.id)
FROM accounts_taxlot l JOIN market_instrument i ON i.id = l.instrument_id JOIN accounts_ledgertransaction t ON t.id = l.transaction_id
WHERE l.account_id = ANY(%(ids)s::uuid[]) AND {_IDENTITY} = ANY(%(identities)s)
"""
_CLOSURES = f"""
SELECT c.lot_id, c.transaction_id, c.closed_on, c.quantity, c.proceeds, c.basis
FROM accounts_lotclosure c JOIN accounts_taxlot l ON l.id = c.lot_id JOIN market_instrument i ON i.id = l.instrument_id
WHERE c.account_id = ANY(%(ids)s::uuid[]) AND {_IDENTITY} = ANY(%(identities)s) ORDER BY c.closed_on, c.transaction_id, c.id
"""


def groups_with_losses(
    *, wanted: Collection[tuple[int, str]], units: Mapping[Any, UnitMember], since: date, until: date
) -> Iterator[Group]:
    """Yield the groups of these (unit, identity) that have lost something, and bought lately enough to wash it or can still buy at `until`."""
    in_wanted = {unit for unit, _ in wanted}
    terms = {
        "ids": [pk for pk, member in units.items() if member.unit in in_wanted],
        "identities": sorted({identity for _, identity in wanted}),
    }
    closed: dict[UUID, list[tuple[Any, ...]]] = defaultdict(list)
    for lot_id, *closure in fetch_rows(_CLOSURES, terms):
        closed[lot_id].append(tuple(closure))
    rows: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in fetch_rows(_LOTS, terms):
        unit, identity = units[row[1]].unit, row[5]
        if (unit, identity) in wanted:
            rows[(unit, identity, row[6], row[8] < 0)].append(row)
    first_purchase = since - timedelta(days=WINDOW_DAYS)
    for (_, _, currency, is_short), lots in rows.items():
        lost = [c[1] for lot in lots for c in closed.get(lot[0], ()) if c[3] < c[4]]
        if lost and (until < final_from(max(lost)) or any(lot[7] >= first_purchase for lot in lots)):
            yield _group(currency, is_short, lots, closed, since)


def _group(
    currency: str, is_short: bool, lots: Sequence[tuple[Any, ...]], closed: Mapping[UUID, Sequence[tuple[Any, ...]]], since: date
) -> Group:
    group = Group(currency, is_short)
    ranks = {name: i for i, name in enumerate(sorted({c[0] for lot in lots for c in closed.get(lot[0], ())}))}
    for lot_id, account_id, instrument_id, symbol, kind, _, _, acquired, original, left, basis, entry_type, purchase in lots:
        gone = closed.get(lot_id, ())
        quantity = abs(left) + sum(abs(c[2]) for c in gone)
        if not quantity:
            continue
        cost = basis + sum((c[3] if is_short else c[4]) for c in gone)
        group.is_estimated |= (quantity != abs(original) or entry_type == EntryType.TRANSFER) and _matters(left, gone, since)
        group.accounts.add(account_id)
        group.known[lot_id] = Known(account_id, instrument_id, symbol, kind)
        counts = EntryType(entry_type) not in NO_PURCHASE
        group.acquisitions.append(
            Acquisition(lot_id, account_id, f"{account_id} {acquired} {purchase}", acquired, quantity, cost, counts=counts)
        )
        group.disposals += [Disposal(c[0], lot_id, c[1], abs(c[2]), c[3], c[4], ranks[c[0]]) for c in gone]
    return group


def _matters(left: Decimal, gone: Sequence[tuple[Any, ...]], since: date) -> bool:
    return bool(left) or any(c[1] >= since - timedelta(days=2 * WINDOW_DAYS) for c in gone)
