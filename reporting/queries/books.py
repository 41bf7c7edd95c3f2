"""The books of one account as of the two ends of a period, read from the ledger.

Entry point: `books_of`. Runs inside the caller's tenancy block: the policies leave only the firm's rows, and every statement here
names the account.
Invariants:
1. Only entries of the account are read, though a pooled transaction has those of many, and no free text of the ledger: it may name
   another account (GOV-11). A fee says what it is by its source key: management-fee…, performance-fee….
2. The number of statements does not depend on the number of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from base.errors import NotFound
from reporting.core.books import FLOW_TYPES, ZERO, AccountRow, Balance, Booking, Books, ClosureRow, LotRow, Snapshot

_ACCOUNT = """
SELECT a.id, a.code, a.name, a.registration, a.tax_classification, a.base_currency, a.lot_method, a.opened_on, a.is_clearing, b.is_paper,
       f.name, coalesce(p.name, a.name), coalesce(p.statement_address, ''), coalesce(m.name, ''), c.name, c.contact, a.custodian_account
FROM accounts_account a
JOIN accounts_brokerconnection b ON b.id = a.connection_id
JOIN accounts_custodian c ON c.id = a.custodian_id
JOIN governance_firm f ON f.id = a.firm_id
LEFT JOIN governance_party p ON p.id = a.owner_id
LEFT JOIN governance_mandate m ON m.id = a.mandate_id
WHERE a.id = %(account)s
"""
_BALANCES = """
SELECT e.book, e.currency, e.instrument_id,
       coalesce(sum(e.amount) FILTER (WHERE t.trade_date < %(start)s), 0),
       sum(e.amount),
       coalesce(sum(e.amount) FILTER (WHERE e.settle_date <= %(end)s), 0)
FROM accounts_ledgerentry e
JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
WHERE e.account_id = %(account)s AND e.book IN ('POSITION', 'CASH', 'RECEIVABLE') AND t.trade_date <= %(end)s
GROUP BY e.book, e.currency, e.instrument_id
ORDER BY e.book, e.currency, e.instrument_id
"""
_LOTS = """
SELECT l.id, l.transaction_id, l.sleeve_id, l.leg_id, l.instrument_id, l.acquired_on, l.original_quantity > 0, l.currency, l.basis
FROM accounts_taxlot l
JOIN accounts_ledgertransaction t ON t.id = l.transaction_id
WHERE l.account_id = %(account)s AND t.trade_date <= %(end)s
ORDER BY l.acquired_on, l.id
"""
_CLOSURES = """
SELECT c.lot_id, c.transaction_id, c.closed_on, abs(c.quantity), c.proceeds, c.basis, c.is_long_term
FROM accounts_lotclosure c
JOIN accounts_ledgertransaction t ON t.id = c.transaction_id
WHERE c.account_id = %(account)s
ORDER BY c.closed_on, c.id
"""
_BOOKINGS = """
SELECT t.id, e.sleeve_id, e.leg_id, t.entry_type, t.trade_date, t.settle_date,
       CASE WHEN t.entry_type = 'ADJUSTMENT' AND t.adjustment_kind = 'FEE' THEN 'OTHER_FEE'
            WHEN t.entry_type <> 'FEE' THEN ''
            WHEN t.source_key LIKE 'management-fee%%' THEN 'MANAGEMENT_FEE'
            WHEN t.source_key LIKE 'performance-fee%%' THEN 'PERFORMANCE_FEE' ELSE 'OTHER_FEE' END,
       coalesce(t.journey_id::text, ''), t.reverses_id IS NOT NULL,
       EXISTS (SELECT 1 FROM accounts_ledgertransaction r WHERE r.reverses_id = t.id), t.recorded_at,
       e.book, e.currency, e.instrument_id, sum(e.amount)
FROM accounts_ledgerentry e
JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
WHERE e.account_id = %(account)s AND t.trade_date <= %(end)s
  AND (t.trade_date >= %(start)s OR t.id = ANY(%(earlier)s)
       OR (t.entry_type = ANY(%(flow_types)s) AND (t.trade_date > %(valued_on)s OR t.recorded_at > %(valued_at)s))
       OR (t.entry_type = 'TRANSFER' AND EXISTS (
       SELECT 1 FROM accounts_ledgerentry p WHERE p.transaction_id = t.id AND p.account_id = %(account)s AND p.book = 'POSITION'))
       OR (t.entry_type = 'FEE' AND (t.source_key LIKE 'management-fee%%' OR t.source_key LIKE 'performance-fee%%')))
GROUP BY t.id, e.sleeve_id, e.leg_id, t.entry_type, t.trade_date, t.settle_date, t.source_key, t.journey_id, t.reverses_id,
         t.adjustment_kind, t.recorded_at, e.book, e.currency, e.instrument_id
ORDER BY t.trade_date, t.id, e.sleeve_id, e.leg_id, e.book, e.currency
"""
_SNAPSHOTS = """
SELECT s.as_of, s.equity, s.external_flow, s.valued_at, s.as_of IN (%(start)s::date - 1, %(end)s) AND EXISTS (
       SELECT 1 FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id
        WHERE e.account_id = s.account_id AND t.trade_date <= s.as_of AND t.recorded_at > s.valued_at)
FROM accounts_equitysnapshot s WHERE s.account_id = %(account)s AND s.as_of <= %(end)s ORDER BY s.as_of
"""
_FIELD = {"CASH": "cash", "TRADING": "trading", "FEES": "fees", "RECEIVABLE": "receivable", "WITHHOLDING_TAX": "withheld"}


def books_of(*, account_id: UUID, start: date, end: date) -> Books:
    """Return what the books say of the account, before `start` and up to and including `end`.

    Raises NotFound for an account this firm does not have.
    """
    asked: dict[str, Any] = {"account": account_id, "start": start, "end": end}
    account = _fetch(_ACCOUNT, asked)
    if not account:
        raise NotFound("account")
    balances: dict[str, dict[Any, Balance]] = {"POSITION": {}, "CASH": {}, "RECEIVABLE": {}}
    for book, currency, instrument_id, opening, closing, settled in _fetch(_BALANCES, asked):
        balances[book][currency or instrument_id] = Balance(opening, closing, settled)
    lots = tuple(LotRow(*row) for row in _fetch(_LOTS, asked))
    known = {lot.id for lot in lots}
    closures = tuple(c for row in _fetch(_CLOSURES, asked) if (c := ClosureRow(*row)).lot_id in known)
    snapshots = tuple(Snapshot(*row) for row in _fetch(_SNAPSHOTS, asked))
    last = next((s for s in reversed(snapshots) if s.as_of < start), None)
    asked |= {"valued_on": last and last.as_of, "valued_at": last and last.valued_at, "flow_types": list(FLOW_TYPES)}
    earlier = list({lot.transaction_id for lot in lots} | {c.transaction_id for c in closures})
    return Books(
        account=AccountRow(*account[0]),
        positions=balances["POSITION"],
        cash=balances["CASH"],
        receivables=balances["RECEIVABLE"],
        bookings=_bookings(_fetch(_BOOKINGS, {**asked, "earlier": earlier})),
        lots=lots,
        closures=closures,
        snapshots=snapshots,
    )


def _bookings(rows: Sequence[tuple[Any, ...]]) -> tuple[Booking, ...]:
    """Gather the entries of each transaction, sleeve and leg."""
    gathered: dict[tuple[Any, ...], dict[str, Any]] = {}
    totals: dict[tuple[Any, ...], Any] = {}
    for *head, book, currency, instrument_id, amount in rows:
        parts = gathered.setdefault(tuple(head), {"instrument_id": None, "quantity": ZERO, **{name: {} for name in _FIELD.values()}})
        if book == "POSITION":
            parts["instrument_id"], parts["quantity"] = instrument_id, amount
        elif book in _FIELD and currency:
            parts[_FIELD[book]][currency] = amount
        if book in ("POSITION", "CASH", "RECEIVABLE"):
            unit = (head[0], book, currency or instrument_id)
            totals[unit] = totals.get(unit, ZERO) + amount
    moving = {unit[0] for unit, amount in totals.items() if amount}
    return tuple(
        Booking(*head, **{**parts, "internal": head[0] not in moving, "recorded_at": recorded_at})
        for (*head, recorded_at), parts in _joined(gathered).items()
    )


def _joined(gathered: dict[tuple[Any, ...], dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Give what a transaction booked without a sleeve to the one position it moved: only positions must name a sleeve."""
    moved: dict[Any, list[tuple[Any, ...]]] = {}
    for head, parts in gathered.items():
        if parts["quantity"]:
            moved.setdefault(head[0], []).append(head)
    for head in [head for head in gathered if head[1] is None and len(moved.get(head[0], ())) == 1]:
        target, loose = gathered[moved[head[0]][0]], gathered.pop(head)
        for name in _FIELD.values():
            for currency, amount in loose[name].items():
                target[name][currency] = target[name].get(currency, ZERO) + amount
    return gathered


def _fetch(sql: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked)
        return list(cursor.fetchall())
