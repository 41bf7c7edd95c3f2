"""The statements by which core transactions become rows: one locks, one reads what lots need, one writes all of it (DESIGN §4.10).

Every fill passes here, alone or with a thousand others. Thousands of accounts of one block go by columns instead (`batches`).

Entry points: `lock_books`, `read_before`, `write_books`.
Invariants:
1. The accounts are locked, in the order of their ids, by a statement of its own; what is read afterwards is what others left behind.
2. Heads, entries, positions, cash, lots and closures go in with one statement; the database sees each transaction's entries whole (I6).
3. Lots are read only of positions that a trade may close: lots of one position all have its sign, so a trade of that sign only opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.enums import Book, LotEventKind, LotMethod, UnitKind
from base import prepared
from base.core.ids import new_id
from base.errors import NotFound
from base.live import Topic, announce
from base.prepared import Part, Rows, insertion, update

from ..core.ledger import Transaction
from ..core.lot_events import LotEvent
from ..core.lot_selection import Lot
from .batches import Head
from .lot_rows import Changes, LotKey, StoredLot
from .lots import LotState

ZERO = Decimal(0)
Row = dict[str, Any]

_LOCK = "SELECT id, lot_method FROM accounts_account WHERE id {match} ORDER BY id FOR NO KEY UPDATE"

# What of the keys is booked already, and the positions; the accounts tell the planner how few rows of them there are.
# side: of the trades to come, 0 where they go both ways or are no trades. A position that they only add to needs none of its lots.
_BEFORE = """
SELECT k.booked, p.account_id, p.sleeve_id, p.leg_id, p.instrument_id, p.last_traded_on, l.id, t.source_key, l.acquired_on, l.quantity,
    l.basis, l.currency, l.original_quantity
FROM (SELECT array_agg(source_key) AS booked FROM accounts_ledgertransaction WHERE source_key {keys}) k
LEFT JOIN (
    json_to_recordset(%s::json) AS v (account_id uuid, sleeve_id uuid, leg_id uuid, instrument_id bigint, side int)
    JOIN accounts_position p ON p.account_id = v.account_id AND p.sleeve_id = v.sleeve_id AND p.instrument_id = v.instrument_id
        AND p.leg_id IS NOT DISTINCT FROM v.leg_id AND p.account_id {accounts}
    LEFT JOIN accounts_taxlot l ON l.account_id = p.account_id AND l.instrument_id = p.instrument_id AND l.sleeve_id = p.sleeve_id
        AND l.leg_id IS NOT DISTINCT FROM p.leg_id AND l.quantity <> 0 AND (v.side = 0 OR p.quantity * v.side < 0)
    LEFT JOIN accounts_ledgertransaction t ON t.id = l.transaction_id
) ON true
ORDER BY 2, 3, 4 NULLS FIRST, 5, l.acquired_on, t.trade_date, l.transaction_id
"""

_HEAD = (
    "id uuid, entry_type text, trade_date date, settle_date date, acquired_on date, journey_id uuid, source_key text, reverses_id uuid, "
    "adjustment_kind text, reason text, evidence text, approved_by text, recorded_at timestamptz"
)
_ENTRY = (
    "id uuid, transaction_id uuid, account_id uuid, sleeve_id uuid, leg_id uuid, book text, currency text, instrument_id bigint, "
    "amount numeric, settle_date date"
)
_POSITION = "id uuid, account_id uuid, sleeve_id uuid, leg_id uuid, instrument_id bigint, quantity numeric, last_traded_on date"
_ADD_QUANTITY = (
    "ON CONFLICT (firm_id, account_id, sleeve_id, instrument_id, leg_id) DO UPDATE SET "
    "quantity = accounts_position.quantity + excluded.quantity, "
    "last_traded_on = greatest(accounts_position.last_traded_on, excluded.last_traded_on)"
)
_CASH = "id uuid, account_id uuid, currency text, settle_date date, amount numeric, outflow numeric, receivable numeric"
_ADD_CASH = "ON CONFLICT (firm_id, account_id, currency, settle_date) DO UPDATE SET " + ", ".join(
    f"{name} = accounts_cashbalance.{name} + excluded.{name}" for name in ("amount", "outflow", "receivable")
)
_LOT = (
    "id uuid, account_id uuid, sleeve_id uuid, leg_id uuid, instrument_id bigint, transaction_id uuid, acquired_on date, "
    "original_quantity numeric, quantity numeric, currency text, basis numeric"
)
_CLOSURE = (
    "id uuid, lot_id uuid, transaction_id uuid, account_id uuid, closed_on date, recognised_on date, quantity numeric, proceeds numeric, "
    "basis numeric, is_long_term boolean"
)
_CHANGED_LOT = "id uuid, quantity numeric, basis numeric, original_quantity numeric"
_CHANGE_LOT = "quantity = v.quantity, basis = v.basis, original_quantity = v.original_quantity"

HEADS = Part("heads", insertion("accounts_ledgertransaction", _HEAD), _HEAD)
ENTRIES = Part("entries", insertion("accounts_ledgerentry", _ENTRY), _ENTRY)
POSITIONS = Part("positions", insertion("accounts_position", _POSITION, _ADD_QUANTITY), _POSITION)
CASH = Part("cash", insertion("accounts_cashbalance", _CASH, _ADD_CASH), _CASH)
LOTS = Part("lots", insertion("accounts_taxlot", _LOT), _LOT)
CHANGED_LOTS = Part("changed_lots", update("accounts_taxlot", _CHANGE_LOT), _CHANGED_LOT)
CLOSURES = Part("closures", insertion("accounts_lotclosure", _CLOSURE), _CLOSURE)


def lock_books(account_ids: Iterable[UUID], *, beside: Iterable[Rows] = ()) -> dict[UUID, LotMethod]:
    """Lock accounts, so that each one's books are written one after another, and return their lot methods. Raises NotFound.

    Reads and references are not held up. beside: what the caller writes in the same statement.
    """
    wanted = list(set(account_ids))
    if not wanted:
        prepared.run_together(beside)
        return {}
    how, value = prepared.match(wanted)
    rows = prepared.run_together(beside, then=_LOCK.format(match=how), parameters=[value])
    methods = {row[0]: LotMethod(row[1]) for row in rows}
    if len(methods) != len(wanted):
        raise NotFound("account")
    return methods


@dataclass(frozen=True, slots=True)
class Before:
    """What stands before a batch. booked: which of its source keys are in the ledger already."""

    booked: Sequence[str]
    state: LotState


def read_before(keys: Iterable[str], events: Sequence[tuple[LotKey, LotEvent]], methods: Mapping[UUID, LotMethod]) -> Before:
    """Return which of these source keys are booked, and of the positions the events move the last trade dates and the lots they may close."""
    sides: dict[LotKey, int] = {}
    for key, event in events:
        side = 0 if event.kind is LotEventKind.SPLIT else 1 if event.trade.quantity > 0 else -1
        sides[key] = side if sides.get(key, side) == side else 0
    wanted = prepared.rows_as_json([{**key._asdict(), "side": side} for key, side in sides.items()])
    (which, key_value), (whose, account_value) = prepared.match(list(keys)), prepared.match(list(methods))
    rows = prepared.fetch(_BEFORE.format(keys=which, accounts=whose), [key_value, wanted, account_value])
    lots: dict[LotKey, dict[str, StoredLot]] = {}
    last_traded: dict[LotKey, date] = {}
    for row in rows:
        if row[1] is not None:
            key = LotKey(*row[1:5])
            last_traded[key] = row[5]
            row_id, name, acquired, quantity, basis, currency, original = row[6:]
            if row_id is not None:
                lots.setdefault(key, {})[name] = StoredLot(row_id, Lot(name, acquired, acquired, quantity, basis, currency), original)
    return Before(rows[0][0] or (), LotState(lots, last_traded, methods))


def write_books(
    transactions: Sequence[Transaction], heads: Sequence[Head], changes: Changes, *, now: datetime, beside: Iterable[Rows] = ()
) -> None:
    """Write transactions (one head each), what they change in positions, cash and lots, and `beside`; tell of the accounts."""
    prepared.run_together(
        [
            (HEADS, [_head(head, now) for head in heads]),
            (ENTRIES, _entries(transactions, heads)),
            (POSITIONS, _positions(transactions)),
            (CASH, _cash(transactions)),
            (LOTS, _lots(changes)),
            (CHANGED_LOTS, [_changed(*row) for row in changes.changed]),
            (CLOSURES, _closures(changes)),
            *beside,
        ]
    )
    accounts = list(dict.fromkeys(p.account_id for t in transactions for p in t.postings))
    announce(Topic.POSITIONS, accounts, accounts=accounts)


def _head(head: Head, now: datetime) -> Row:
    why = head.justification
    return {
        "id": UUID(bytes=head.id),
        "entry_type": head.entry_type,
        "trade_date": head.trade_date,
        "settle_date": head.settle_date,
        "acquired_on": head.acquired_on,
        "journey_id": head.journey_id,
        "source_key": head.source_key,
        "reverses_id": head.reverses,
        "adjustment_kind": why.kind if why else "",
        "reason": why.reason if why else "",
        "evidence": why.evidence if why else "",
        "approved_by": str(why.approved_by) if why else "",
        "recorded_at": now,
    }


def _entries(transactions: Sequence[Transaction], heads: Sequence[Head]) -> list[Row]:
    rows = []
    for transaction, head in zip(transactions, heads, strict=True):
        owner = UUID(bytes=head.id)
        for p in transaction.postings:
            money = p.unit.kind is UnitKind.CURRENCY
            rows.append(
                {
                    "id": new_id(),
                    "transaction_id": owner,
                    "account_id": p.account_id,
                    "sleeve_id": p.sleeve_id,
                    "leg_id": p.leg_id,
                    "book": p.book,
                    "currency": p.unit.code if money else "",
                    "instrument_id": None if money else p.unit.code,
                    "amount": p.amount,
                    "settle_date": p.settle_date,
                }
            )
    return rows


def _positions(transactions: Sequence[Transaction]) -> list[Row]:
    """Return what each position gains, and the latest trade date that moves it."""
    rows: dict[tuple[Any, ...], Row] = {}
    for transaction in transactions:
        for p in transaction.postings:
            if p.book is Book.POSITION:
                place = {"account_id": p.account_id, "sleeve_id": p.sleeve_id, "leg_id": p.leg_id, "instrument_id": p.unit.code}
                row = rows.setdefault(tuple(place.values()), {**place, "quantity": ZERO, "last_traded_on": transaction.trade_date})
                row["quantity"] += p.amount
                row["last_traded_on"] = max(row["last_traded_on"], transaction.trade_date)
    return [{"id": new_id(), **row} for row in rows.values()]


def _cash(transactions: Sequence[Transaction]) -> list[Row]:
    """Return what CASH and RECEIVABLE bring to each settle date; a reversal takes back what its original sent out."""
    rows: dict[tuple[Any, ...], Row] = {}
    for transaction in transactions:
        undoes = transaction.reverses is not None
        for p in transaction.postings:
            if p.book is Book.CASH or p.book is Book.RECEIVABLE:
                place = {"account_id": p.account_id, "currency": p.unit.code, "settle_date": p.settle_date}
                row = rows.setdefault(tuple(place.values()), {**place, "amount": ZERO, "outflow": ZERO, "receivable": ZERO})
                if p.book is Book.RECEIVABLE:
                    row["receivable"] += p.amount
                else:
                    row["amount"] += p.amount
                    row["outflow"] += -max(p.amount, ZERO) if undoes else max(-p.amount, ZERO)
    return [{"id": new_id(), **row} for row in rows.values()]


def _lots(changes: Changes) -> list[Row]:
    return [
        {
            "id": row_id,
            **key._asdict(),
            "transaction_id": transaction_id,
            "acquired_on": lot.acquired_date,
            "original_quantity": original,
            "quantity": lot.quantity,
            "currency": lot.currency,
            "basis": lot.basis,
        }
        for key, row_id, transaction_id, lot, original in changes.opened
    ]


def _changed(row_id: UUID, quantity: Decimal, basis: Decimal, original: Decimal) -> Row:
    return {"id": row_id, "quantity": quantity, "basis": basis, "original_quantity": original}


def _closures(changes: Changes) -> list[Row]:
    return [
        {
            "id": new_id(),
            "lot_id": lot_id,
            "transaction_id": transaction_id,
            "account_id": account_id,
            "closed_on": c.closed_date,
            "recognised_on": c.recognised_date,
            "quantity": c.quantity,
            "proceeds": c.proceeds,
            "basis": c.basis,
            "is_long_term": c.long_term,
        }
        for lot_id, transaction_id, account_id, c in changes.closed
    ]
