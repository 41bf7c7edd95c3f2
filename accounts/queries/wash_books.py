"""The lots and closures that replays of wash sales start from, a group at a time.

Entry points: `recent_sales`, `instruments_of`, `wash_groups` → `Group` of `Known`. Inside the caller's tenancy block.

Invariants:
1. A group is one tax unit, identity group (WASH-13), currency and side; all its lots are there, from the first.
2. What was bought by one decision for one account on one day is one purchase, however many fills it took (WASH-5, Rev. Rul. 56-602).
3. Of a day the books keep no time of purchases: they count as simultaneous, so that sheltered ones match first (WASH-10). Sales go in
   ledger order (WASH-6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ..core.tax_units import UnitMember
from ..core.wash_scope import WINDOW_DAYS
from ..core.wash_values import Acquisition, Disposal
from ..enums import EntryType
from .columns import fetch_rows

NO_PURCHASE = frozenset({EntryType.CORPORATE_ACTION})
"""WASH-4: lots of these were not bought. What moved in kind was, by somebody, on the day it brings along: it counts, as an estimate."""


@dataclass(frozen=True, slots=True)
class Known:
    """Where a lot is and of what. Ids of accounts and lots are text here: by the hundred thousand, UUIDs would cost more than the replay."""

    account_id: str
    instrument_id: int
    symbol: str
    kind: str


@dataclass(slots=True)
class Group:
    """What one replay takes. known: by lot id. is_estimated: a split or a transfer lies between, so shares were taken as they stand today."""

    currency: str
    is_short: bool
    accounts: set[str] = field(default_factory=set)
    acquisitions: list[Acquisition] = field(default_factory=list)
    disposals: list[Disposal] = field(default_factory=list)
    known: dict[Any, Known] = field(default_factory=dict)
    is_estimated: bool = False


_IDENTITY = "COALESCE(NULLIF(i.identity_group, ''), i.symbol)"
_RECENT = f"""
SELECT DISTINCT c.account_id::text, {_IDENTITY} FROM accounts_lotclosure c
JOIN accounts_taxlot l ON l.id = c.lot_id JOIN market_instrument i ON i.id = l.instrument_id
WHERE c.account_id = ANY(%(ids)s::uuid[]) AND c.closed_on BETWEEN %(since)s AND %(until)s AND i.kind = ANY(%(kinds)s)
"""


def recent_sales(*, account_ids: Collection[str], kinds: Sequence[str], since: date, until: date) -> list[tuple[str, str]]:
    """Return in which of these accounts what (identity group) was sold or covered in the span, of kinds that can wash."""
    if not account_ids:
        return []
    terms = {"ids": sorted(account_ids), "kinds": list(kinds), "since": since, "until": until}
    return [(account_id, identity) for account_id, identity in fetch_rows(_RECENT, terms)]


_INSTRUMENTS = f"SELECT i.id, i.symbol, i.kind, {_IDENTITY} FROM market_instrument i WHERE {_IDENTITY} = ANY(%(identities)s)"
_LOTS = """
SELECT l.id::text, l.account_id::text, l.instrument_id, l.currency, l.acquired_on, l.original_quantity, l.quantity, l.basis, l.transaction_id::text
FROM accounts_taxlot l WHERE l.account_id = ANY(%(ids)s::uuid[]) AND l.instrument_id = ANY(%(instruments)s::bigint[])
"""
_CLOSURES = """
SELECT c.lot_id::text, c.transaction_id::text, c.closed_on, c.quantity, c.proceeds, c.basis
FROM accounts_lotclosure c WHERE c.account_id = ANY(%(ids)s::uuid[])
"""
_HEADS = "SELECT id::text, entry_type, COALESCE(journey_id, id)::text FROM accounts_ledgertransaction WHERE id = ANY(%(ids)s::uuid[])"
Row = tuple[Any, ...]


def instruments_of(identities: Collection[str]) -> dict[int, Row]:
    """Return (id, symbol, kind, identity) of every instrument of these identity groups (WASH-13), by id."""
    return {row[0]: row for row in fetch_rows(_INSTRUMENTS, {"identities": sorted(identities)})}


def wash_groups(
    *, wanted: Collection[tuple[int, str]], units: Mapping[Any, UnitMember], instruments: Mapping[int, Row], since: date
) -> list[Group]:
    """Return what to replay of these (unit, identity), from the first lot on; three statements."""
    in_wanted = {unit for unit, _ in wanted}
    names = {identity for _, identity in wanted}
    terms = {
        "ids": [pk for pk, member in units.items() if member.unit in in_wanted],
        "instruments": [pk for pk, row in instruments.items() if row[3] in names],
    }
    rows: dict[Row, list[Row]] = defaultdict(list)
    for lot in fetch_rows(_LOTS, terms):
        unit, identity = units[lot[1]].unit, instruments[lot[2]][3]
        if (unit, identity) in wanted:
            rows[(unit, identity, lot[3], lot[5] < 0)].append(lot)
    closed: dict[str, list[Row]] = defaultdict(list)
    for lot_id, *closure in fetch_rows(_CLOSURES, terms):
        closed[lot_id].append(tuple(closure))
    bought = sorted({lot[8] for lots in rows.values() for lot in lots})
    heads = {head_id: tuple(rest) for head_id, *rest in fetch_rows(_HEADS, {"ids": bought})}
    return [_group(Group(currency, is_short), lots, closed, instruments, heads, since) for (_, _, currency, is_short), lots in rows.items()]


def _group(
    group: Group,
    lots: Sequence[Row],
    closed: Mapping[str, Sequence[Row]],
    instruments: Mapping[int, Row],
    heads: Mapping[str, Row],
    since: date,
) -> Group:
    """Fill the group; sales are numbered in ledger order, which their ids are in."""
    ranks = {name: i for i, name in enumerate(sorted({c[0] for lot in lots for c in closed.get(lot[0], ())}))}
    for lot_id, account_id, instrument_id, _, acquired, original, left, basis, bought in lots:
        gone = closed.get(lot_id, ())
        quantity = abs(left) + sum(abs(c[2]) for c in gone)
        if not quantity:
            continue
        cost = basis + sum((c[3] if group.is_short else c[4]) for c in gone)
        entry_type, purchase = heads[bought]
        group.is_estimated |= (quantity != abs(original) or entry_type == EntryType.TRANSFER) and _matters(left, gone, since)
        group.accounts.add(account_id)
        group.known[lot_id] = Known(account_id, instrument_id, *instruments[instrument_id][1:3])
        counts = entry_type not in NO_PURCHASE
        own = f"{account_id} {acquired} {purchase}"
        group.acquisitions.append(Acquisition(lot_id, account_id, own, acquired, quantity, cost, counts=counts))
        group.disposals += [Disposal(c[0], lot_id, c[1], abs(c[2]), c[3], c[4], ranks[c[0]]) for c in gone]
    return group


def _matters(left: Decimal, gone: Sequence[Row], since: date) -> bool:
    return bool(left) or any(c[1] >= since - timedelta(days=2 * WINDOW_DAYS) for c in gone)
