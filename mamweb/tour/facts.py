"""What a tour left in the database, read back in plain SQL: the printer, the record and the checks all start from the same rows."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connection, connections

from base import tenancy

JSONB = 3802
LINES = """
SELECT a.code, l.raw, l.after_rules, l.binding_rule, l.reason, l.quantity, s.rules, s.hash, s.tie_seed, s.decision_price, s.decided_at, s.excluded
FROM allocation_allocationline l JOIN allocation_allocationstatement s ON s.id = l.statement_id
JOIN accounts_account a ON a.id = l.account_id WHERE s.journey_id = %s ORDER BY a.code"""
PARENTS = """
SELECT id, side, quantity, filled_qty, state, route, limit_price, decision_price, arrival_price, one_minute_volume, carried_qty, created_at, done_at
FROM execution_parentorder WHERE journey_id = %s ORDER BY id"""
ORDERS = """
SELECT c.code AS connection, a.code AS account, o.is_block, o.side, o.quantity, o.filled_qty, o.filled_notional, o.state, o.limit_price, o.client_order_id,
       o.created_at, o.reason, s.number AS slice
FROM execution_childorder o JOIN accounts_account a ON a.id = o.account_id JOIN accounts_brokerconnection c ON c.id = o.connection_id
LEFT JOIN execution_slice s ON s.id = o.slice_id WHERE o.journey_id = %s ORDER BY o.created_at, o.sequence, o.id"""
EXECUTIONS = """
SELECT c.code AS connection, a.code AS account, o.client_order_id, e.broker_exec_id, e.revision, e.kind, e.side, e.last_qty, e.last_px, e.fee,
       e.currency, e.executed_at
FROM execution_execution e JOIN accounts_brokerconnection c ON c.id = e.connection_id JOIN accounts_account a ON a.id = e.account_id
JOIN execution_childorder o ON o.id = e.order_id
WHERE e.journey_id = %s ORDER BY e.executed_at, e.id"""
SHARES = """
SELECT c.code AS connection, b.parent_id, a.code AS account, x.quantity, x.notional, x.fee, b.notional / nullif(b.quantity, 0) AS average,
       b.revision, b.hash, b.booked_at
FROM execution_share x JOIN execution_booking b ON b.id = x.booking_id JOIN accounts_account a ON a.id = x.account_id
JOIN accounts_brokerconnection c ON c.id = b.connection_id
WHERE b.journey_id = %s ORDER BY a.code, b.revision"""
GATES = """
SELECT gate, outcome, rule, number, "limit", message, orders, decided_at FROM risk_gatedecision WHERE journey_id = %s ORDER BY decided_at, id"""
SIGNAL = """
SELECT s.id, s.method, s.figure, s.state, s.received_at, i.symbol FROM allocation_signal s JOIN market_instrument i ON i.id = s.instrument_id
WHERE s.journey_id = %s"""
ACCOUNTS = """
SELECT a.code, a.name, a.account_class, a.base_currency, c.code AS custodian, a.position_cap_rate AS own_cap, e.equity, e.cash, e.market_value
FROM accounts_account a JOIN accounts_custodian c ON c.id = a.custodian_id
LEFT JOIN LATERAL (SELECT s.equity, s.cash, s.market_value FROM accounts_equitysnapshot s WHERE s.account_id = a.id ORDER BY s.as_of DESC LIMIT 1) e
    ON TRUE WHERE NOT a.is_clearing ORDER BY a.code"""
POSITIONS = """
SELECT a.code, i.symbol, sum(p.quantity) AS quantity FROM accounts_position p JOIN accounts_account a ON a.id = p.account_id
JOIN market_instrument i ON i.id = p.instrument_id GROUP BY 1, 2 HAVING sum(p.quantity) <> 0 ORDER BY 1, 2"""
CASH = """
SELECT a.code, b.currency, sum(b.amount) AS amount FROM accounts_cashbalance b JOIN accounts_account a ON a.id = b.account_id
GROUP BY 1, 2 HAVING sum(b.amount) <> 0 ORDER BY 1, 2"""
BREAKS = """
SELECT a.code AS account, b.break_type, b.item_kind, coalesce(i.symbol, nullif(b.currency, ''), '') AS item, b.ours, b.theirs, b.difference,
       b.is_material, b.rule, b.state
FROM reconciliation_break b JOIN accounts_account a ON a.id = b.account_id LEFT JOIN market_instrument i ON i.id = b.instrument_id
ORDER BY a.code, b.id"""
OPEN = "SELECT count(*) AS n FROM execution_parentorder WHERE done_at IS NULL"
LEDGER = """
SELECT book, coalesce(nullif(e.currency, ''), i.symbol) AS unit, sum(amount) AS amount FROM accounts_ledgerentry e
LEFT JOIN market_instrument i ON i.id = e.instrument_id GROUP BY 1, 2 ORDER BY 1, 2"""


def rows(firm_id: int, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """Return the statement's rows in the firm, as dictionaries."""
    with tenancy.firm(firm_id), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        is_json = [column.type_code == JSONB for column in cursor.description or ()]
        found = [
            [json.loads(cell) if j and cell is not None else cell for j, cell in zip(is_json, row, strict=True)]
            for row in cursor.fetchall()
        ]
        return [dict(zip(names, row, strict=True)) for row in found]


def analyse() -> None:
    """Let the database count what is in its tables, as autovacuum does within a minute of any other day: this one lasts seconds."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE tablename ~ '^(accounts|allocation|execution|governance|risk)_'")
        cursor.execute("ANALYZE " + ", ".join(str(row[0]) for row in cursor.fetchall()))


def statement_pdf(firm_id: int, document_id: UUID) -> bytes:
    """Return the statement's bytes."""
    return bytes(rows(firm_id, "SELECT pdf FROM reporting_statementdocument WHERE id = %s", document_id)[0]["pdf"])
