"""Every invariant of DESIGN §5 that a day can break, looked at with the books, the venue's journal and the custodian's books."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from io import StringIO
from typing import Any

from django.core.management import call_command

from .facts import BREAKS, rows
from .script import Tour


def failures(tour: Tour) -> list[str]:
    """Return what is wrong, each with the invariant's name; empty when all hold."""
    found: list[str] = []
    for check in (
        _orders_once,
        _executions_equal,
        _shares_equal,
        _ledger_sums,
        _clearing_flat,
        _books,
        _custody,
        _breaks,
        _audit,
        _unknown,
    ):
        found += check(tour)
    return found


def _orders_once(tour: Tour) -> list[str]:
    """I1: the venue took each intent once, and nothing that is not ours."""
    ours = {
        row["client_order_id"]
        for row in rows(tour.firm.firm_id, "SELECT client_order_id FROM execution_childorder WHERE claimed_at IS NOT NULL")
    }
    taken: Counter[str] = Counter()
    for broker in tour.brokers.values():
        taken.update(broker.accepted_orders())
    bad = [f"I1 order {name} was taken {count} times" for name, count in taken.items() if count != 1]
    return bad + [f"I1 the venue knows {name}, we do not" for name in sorted(set(taken) - ours)]


def _executions_equal(tour: Tour) -> list[str]:
    """I3, I7: what we recorded is what the venue executed."""
    sql = "SELECT coalesce(sum(CASE WHEN side = 'BUY' THEN last_qty ELSE -last_qty END), 0) AS net, count(*) AS n FROM execution_execution"
    ours = rows(tour.firm.firm_id, sql)[0]
    net, count = Decimal(0), 0
    for broker in tour.brokers.values():
        for side, quantity in broker.executions():
            net += quantity if side == "BUY" else -quantity
            count += 1
    return (
        []
        if (ours["net"], ours["n"]) == (net, count)
        else [f"I7 we recorded {ours['n']} executions ({ours['net']}), the venue {count} ({net})"]
    )


def _shares_equal(tour: Tour) -> list[str]:
    """I3, I4: shares of each booking sum to it, quantity, money and fee."""
    sql = """SELECT b.id FROM execution_booking b JOIN execution_share x ON x.booking_id = b.id GROUP BY b.id, b.quantity, b.notional, b.fee
             HAVING sum(x.quantity) <> b.quantity OR sum(x.notional) <> b.notional OR sum(x.fee) <> b.fee"""
    return [f"I4 the shares of booking {row['id']} do not sum to it" for row in rows(tour.firm.firm_id, sql)]


def _ledger_sums(tour: Tour) -> list[str]:
    """I6: the ledger sums to zero per currency and instrument."""
    sql = "SELECT currency, instrument_id, sum(amount) AS total FROM accounts_ledgerentry GROUP BY 1, 2 HAVING sum(amount) <> 0"
    return [f"I6 the ledger is off by {row['total']} of {row['currency'] or row['instrument_id']}" for row in rows(tour.firm.firm_id, sql)]


def _clearing_flat(tour: Tour) -> list[str]:
    """DESIGN §4.10: nothing rests in a clearing account once the day is over."""
    sql = """SELECT a.code, coalesce(nullif(e.currency, ''), e.instrument_id::text) AS unit, sum(e.amount) AS total
             FROM accounts_ledgerentry e JOIN accounts_account a ON a.id = e.account_id
             WHERE a.is_clearing AND e.book IN ('CLEARING', 'POSITION') GROUP BY 1, 2 HAVING sum(e.amount) <> 0"""
    return [f"clearing account {row['code']} still holds {row['total']} of {row['unit']}" for row in rows(tour.firm.firm_id, sql)]


def _books(tour: Tour) -> list[str]:
    """Positions, cash and lots are what the ledger says."""
    out = StringIO()
    try:
        call_command("rebuild_books", firm=tour.firm.firm_id, check=True, stdout=out, stderr=out)
    except SystemExit:
        return [f"rebuild_books: {line}" for line in out.getvalue().splitlines()]
    return []


def _custody(tour: Tour) -> list[str]:
    """I7: the custodians' positions are ours, but for what was planted."""
    sql = """SELECT a.custodian_account AS account, i.symbol, sum(p.quantity) AS quantity FROM accounts_position p
             JOIN accounts_account a ON a.id = p.account_id JOIN market_instrument i ON i.id = p.instrument_id
             GROUP BY 1, 2 HAVING sum(p.quantity) <> 0"""
    ours = {(row["account"], row["symbol"]): row["quantity"] for row in rows(tour.firm.firm_id, sql)}
    theirs: dict[tuple[str, str], Decimal] = {}
    for broker in tour.brokers.values():
        theirs |= {(p.account, p.symbol): p.quantity for p in broker.gateway.positions()}
    for plant in tour.planted:
        if plant["what"] == "position":
            key = next(k for k in [*theirs, *ours] if k[0].endswith(f"-{plant['account']}") and k[1] == plant["item"])
            theirs[key] = theirs.get(key, Decimal(0)) - Decimal(plant["delta"])
    keys = {*ours, *theirs}
    pairs = ((key, ours.get(key, Decimal(0)), theirs.get(key, Decimal(0))) for key in sorted(keys))
    return [f"I7 {key[0]} {key[1]}: ours {mine}, custodian {custody}" for key, mine, custody in pairs if mine != custody]


def _breaks(tour: Tour) -> list[str]:
    """Reconciliation found exactly what was planted (a cash break shows by trade date and by settlement date)."""
    found = {(row["account"], _item(row)) for row in rows(tour.firm.firm_id, BREAKS)}
    planted = {(plant["account"], plant["item"]) for plant in tour.planted}
    missed = [f"REC-1 the planted break {what} was not found" for what in sorted(planted - found)]
    return missed + [f"REC-1 a break nobody planted: {what}" for what in sorted(found - planted)]


def _item(row: dict[str, Any]) -> str:
    return str(row["item"])


def _audit(tour: Tour) -> list[str]:
    """I10: the audit chain verifies."""
    out = StringIO()
    try:
        call_command("verify_audit", firm=tour.firm.firm_id, stdout=out, stderr=out)
    except SystemExit:
        return [f"I10 {line}" for line in out.getvalue().splitlines()]
    return []


def _unknown(tour: Tour) -> list[str]:
    """I2: nothing is left unresolved."""
    sql = "SELECT client_order_id, state FROM execution_childorder WHERE state IN ('SENDING', 'UNKNOWN', 'PENDING')"
    return [f"I2 order {row['client_order_id']} is still {row['state']}" for row in rows(tour.firm.firm_id, sql)]
