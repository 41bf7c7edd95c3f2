"""Prove positions, cash and lots from the ledger, and put right what differs (I6, R9).

Entry points: `check_books`, `rebuild_books`.
Invariants: 1. both look at the same books: the accounts are locked, so nothing is booked meanwhile; 2. checking writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import transaction as database

from base import bulk, tenancy
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit

from ..core.scaled import to_scaled
from ..models import CashBalance, Position
from ..queries.columns import execute, fetch_rows, raw_ids
from .lots import replay_positions

_NO_LEG = "'00000000-0000-0000-0000-000000000000'::uuid"
_LOCK = "SELECT id FROM accounts_account ORDER BY id FOR NO KEY UPDATE"
_POSITIONS = f"""
SELECT account_id, sleeve_id, nullif(leg, {_NO_LEG}), instrument_id, coalesce(l.quantity, 0), p.quantity, l.last, p.id, p.last_traded_on
FROM (SELECT e.account_id, e.sleeve_id, e.instrument_id, coalesce(e.leg_id, {_NO_LEG}) AS leg, sum(e.amount) AS quantity,
        max(t.trade_date) AS last
    FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id WHERE e.book = 'POSITION'
    GROUP BY 1, 2, 3, 4) l
FULL JOIN (SELECT *, coalesce(leg_id, {_NO_LEG}) AS leg FROM accounts_position) p USING (account_id, sleeve_id, instrument_id, leg)
WHERE l.quantity IS DISTINCT FROM p.quantity OR l.last IS DISTINCT FROM p.last_traded_on
ORDER BY 1, 2, 4
"""
_CASH = """
SELECT account_id, currency, settle_date, coalesce(l.amount, 0), coalesce(l.outflow, 0), coalesce(l.receivable, 0),
    b.amount, b.outflow, b.receivable, b.id, l.amount IS NULL
FROM (SELECT e.account_id, e.currency, e.settle_date, coalesce(sum(e.amount) FILTER (WHERE e.book = 'CASH'), 0) AS amount,
        coalesce(sum(CASE WHEN t.reverses_id IS NULL THEN greatest(-e.amount, 0) ELSE -greatest(e.amount, 0) END)
            FILTER (WHERE e.book = 'CASH'), 0) AS outflow,
        coalesce(sum(e.amount) FILTER (WHERE e.book = 'RECEIVABLE'), 0) AS receivable
    FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
    WHERE e.book IN ('CASH', 'RECEIVABLE') GROUP BY 1, 2, 3) l
FULL JOIN accounts_cashbalance b USING (account_id, currency, settle_date)
WHERE (l.amount, l.outflow, l.receivable) IS DISTINCT FROM (b.amount, b.outflow, b.receivable)
ORDER BY 1, 2, 3
"""


@database.atomic
def check_books() -> list[str]:
    """Return every stored figure of the firm that the ledger does not support, a line each; empty when the books agree to the cent."""
    return _compare(write=False)


@database.atomic
def rebuild_books(*, now: datetime, actor: Actor | None = None) -> list[str]:
    """Put right what `check_books` finds, and return it."""
    found = _compare(write=True)
    if found:
        subject = Subject(SubjectKind.FIRM, str(tenancy.current_firm()))
        after = {"figures": len(found), "first": found[0][:200]}
        audit(
            action=AuditAction.CORRECTED,
            subject=subject,
            actor=actor,
            now=now,
            after=after,
            rule="I6",
            reason="books rebuilt from the ledger",
        )
    return found


def _compare(*, write: bool) -> list[str]:
    execute(_LOCK, {})
    positions, cash = fetch_rows(_POSITIONS, {}), fetch_rows(_CASH, {})
    lots = replay_positions(None, write=write)
    names = _Names()
    if write:
        _write_positions(positions)
        _write_cash(cash)
    return [
        *(names.position(row) for row in positions),
        *(names.cash(row) for row in cash),
        *(f"{names.place(d.key)}: the ledger gives {d.expected}; stored {d.stored}" for d in lots),
    ]


class _Names:
    """What people call accounts, sleeves and instruments."""

    def __init__(self) -> None:
        self.accounts: Mapping[Any, str] = dict(fetch_rows("SELECT id, code FROM accounts_account", {}))
        self.sleeves: Mapping[Any, str] = dict(fetch_rows("SELECT id, code FROM accounts_sleeve", {}))
        self.instruments: Mapping[Any, str] = dict(fetch_rows("SELECT id, symbol FROM market_instrument", {}))

    def place(self, key: Sequence[Any]) -> str:
        account, sleeve, leg, instrument = key
        words = [self.accounts[account], self.sleeves[sleeve], *([f"leg {leg}"] if leg else []), self.instruments[instrument]]
        return " ".join(words)

    def position(self, row: Sequence[Any]) -> str:
        expected, stored, last, _, stored_last = row[4:]
        if expected == stored:
            return f"{self.place(row[:4])}: last traded on {last}, stored {stored_last}"
        return f"{self.place(row[:4])}: position {_plain(expected)} in the ledger, stored {_plain(stored)}"

    def cash(self, row: Sequence[Any]) -> str:
        account, currency, day, *figures = row
        words = [
            f"{name} {_plain(ours)} in the ledger, stored {_plain(theirs)}" for name, ours, theirs in _pairs(figures) if ours != theirs
        ]
        return f"{self.accounts[account]} {currency} settling {day}: {'; '.join(words)}"


def _pairs(figures: Sequence[Any]) -> list[tuple[str, Any, Any]]:
    names = ("cash", "outflow", "receivable")
    return list(zip(names, figures[:3], figures[3:6], strict=True))


def _plain(amount: Any) -> str:
    return "nothing" if amount is None else f"{amount.normalize():f}"


def _write_positions(rows: Sequence[Sequence[Any]]) -> None:
    _delete("accounts_position", [row[7] for row in rows if row[6] is None])
    rows = [row for row in rows if row[6] is not None]
    if not rows:
        return
    columns = {
        "account_id": bulk.Uuids(raw_ids(row[0] for row in rows)),
        "sleeve_id": bulk.Uuids(raw_ids(row[1] for row in rows)),
        "leg_id": bulk.OptionalUuids(raw_ids(row[2] for row in rows)),
        "instrument_id": bulk.Integers(np.array([row[3] for row in rows], np.int64)),
        "quantity": bulk.Decimals(np.array([to_scaled(row[4]) for row in rows], np.int64)),
        "last_traded_on": bulk.Dates(np.array([row[6] for row in rows], "datetime64[D]").astype(np.int64)),
    }
    bulk.insert(
        Position,
        len(rows),
        columns,
        on_conflict="ON CONFLICT (firm_id, account_id, sleeve_id, instrument_id, leg_id) DO UPDATE SET "
        "quantity = excluded.quantity, last_traded_on = excluded.last_traded_on",
    )


def _write_cash(rows: Sequence[Sequence[Any]]) -> None:
    _delete("accounts_cashbalance", [row[9] for row in rows if row[10]])
    rows = [row for row in rows if not row[10]]
    if not rows:
        return
    legend = sorted({row[1] for row in rows})
    columns: dict[str, Any] = {
        "account_id": bulk.Uuids(raw_ids(row[0] for row in rows)),
        "currency": bulk.Codes(np.array([legend.index(row[1]) for row in rows]), legend),
        "settle_date": bulk.Dates(np.array([row[2] for row in rows], "datetime64[D]").astype(np.int64)),
    }
    names = ("amount", "outflow", "receivable")
    for place, name in enumerate(names, start=3):
        columns[name] = bulk.Decimals(np.array([to_scaled(row[place]) for row in rows], np.int64))
    sets = ", ".join(f"{name} = excluded.{name}" for name in names)
    bulk.insert(
        CashBalance, len(rows), columns, on_conflict=f"ON CONFLICT (firm_id, account_id, currency, settle_date) DO UPDATE SET {sets}"
    )


def _delete(table: str, ids: Sequence[UUID]) -> None:
    if ids:
        execute(f"DELETE FROM {table} WHERE id = ANY(%(ids)s)", {"ids": list(ids)})
