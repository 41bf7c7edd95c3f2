"""Prove positions, cash and lots from the ledger, or make them again from it (I6).

Entry points: `differences` (compares, writes nothing), `rebuild` (repairs). Both read the whole ledger of the firm in a few statements.
"""

from __future__ import annotations

from ..queries.columns import execute, fetch_rows
from .lots import replay_positions

_POSITIONS = """
SELECT e.account_id, e.sleeve_id, e.instrument_id, e.leg_id, sum(e.amount) AS quantity, max(t.trade_date) AS last_traded_on
FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
WHERE e.book = 'POSITION' GROUP BY 1, 2, 3, 4"""
_CASH = """
SELECT e.account_id, e.currency, e.settle_date, coalesce(sum(e.amount) FILTER (WHERE e.book = 'CASH'), 0) AS amount,
       coalesce(sum(CASE WHEN t.reverses_id IS NULL THEN greatest(-e.amount, 0) ELSE -greatest(e.amount, 0) END)
                FILTER (WHERE e.book = 'CASH'), 0) AS outflow,
       coalesce(sum(e.amount) FILTER (WHERE e.book = 'RECEIVABLE'), 0) AS receivable
FROM accounts_ledgerentry e JOIN accounts_ledgertransaction t ON t.id = e.transaction_id
WHERE e.book IN ('CASH', 'RECEIVABLE') AND e.currency <> '' GROUP BY 1, 2, 3"""
_WRONG_POSITIONS = f"""
SELECT coalesce(w.account_id, p.account_id), coalesce(w.instrument_id, p.instrument_id), coalesce(w.quantity, 0), coalesce(p.quantity, 0)
FROM ({_POSITIONS}) w FULL JOIN accounts_position p ON p.account_id = w.account_id AND p.sleeve_id IS NOT DISTINCT FROM w.sleeve_id
 AND p.instrument_id = w.instrument_id AND p.leg_id IS NOT DISTINCT FROM w.leg_id
WHERE coalesce(w.quantity, 0) <> coalesce(p.quantity, 0)"""
_WRONG_CASH = f"""
SELECT coalesce(w.account_id, b.account_id), coalesce(w.currency, b.currency), coalesce(w.settle_date, b.settle_date),
       coalesce(w.amount, 0), coalesce(b.amount, 0)
FROM ({_CASH}) w FULL JOIN accounts_cashbalance b
  ON b.account_id = w.account_id AND b.currency = w.currency AND b.settle_date = w.settle_date
WHERE (coalesce(w.amount, 0), coalesce(w.outflow, 0), coalesce(w.receivable, 0))
   <> (coalesce(b.amount, 0), coalesce(b.outflow, 0), coalesce(b.receivable, 0))"""
_REPAIR_POSITIONS = f"""
WITH w AS ({_POSITIONS}),
gone AS (UPDATE accounts_position p SET quantity = 0 WHERE quantity <> 0 AND NOT EXISTS (
  SELECT 1 FROM w WHERE w.account_id = p.account_id AND w.sleeve_id IS NOT DISTINCT FROM p.sleeve_id
  AND w.instrument_id = p.instrument_id AND w.leg_id IS NOT DISTINCT FROM p.leg_id))
INSERT INTO accounts_position (id, account_id, sleeve_id, instrument_id, leg_id, quantity, last_traded_on)
SELECT gen_random_uuid(), account_id, sleeve_id, instrument_id, leg_id, quantity, last_traded_on FROM w
ON CONFLICT (firm_id, account_id, sleeve_id, instrument_id, leg_id)
DO UPDATE SET quantity = excluded.quantity, last_traded_on = excluded.last_traded_on"""
_REPAIR_CASH = f"""
WITH w AS ({_CASH}),
gone AS (UPDATE accounts_cashbalance b SET amount = 0, outflow = 0, receivable = 0 WHERE NOT EXISTS (
  SELECT 1 FROM w WHERE w.account_id = b.account_id AND w.currency = b.currency AND w.settle_date = b.settle_date))
INSERT INTO accounts_cashbalance (id, account_id, currency, settle_date, amount, outflow, receivable)
SELECT gen_random_uuid(), account_id, currency, settle_date, amount, outflow, receivable FROM w
ON CONFLICT (firm_id, account_id, currency, settle_date)
DO UPDATE SET amount = excluded.amount, outflow = excluded.outflow, receivable = excluded.receivable"""


def differences() -> list[str]:
    """Return, one line each, where a stored position, cash balance or lot is not what the ledger says."""
    names = dict(fetch_rows("SELECT id, code FROM accounts_account", {}))
    found = [
        f"position of {names[account]} in instrument {instrument}: the ledger says {expected.normalize():f}, stored is {stored.normalize():f}"
        for account, instrument, expected, stored in fetch_rows(_WRONG_POSITIONS, {})
    ]
    found += [
        f"cash of {names[account]} in {currency} settling {day}: the ledger says {expected.normalize():f}, stored is {stored.normalize():f}"
        for account, currency, day, expected, stored in fetch_rows(_WRONG_CASH, {})
    ]
    lots = replay_positions(None, write=False)
    return found + [
        f"lots of {names[lot.key.account_id]} in instrument {lot.key.instrument_id}: the ledger says {lot.expected}, stored is {lot.stored}"
        for lot in lots
    ]


def rebuild() -> list[str]:
    """Make positions, cash and lots what the ledger says; return what was different."""
    found = differences()
    if found:
        execute(_REPAIR_POSITIONS, {})
        execute(_REPAIR_CASH, {})
        replay_positions(None)
    return found
