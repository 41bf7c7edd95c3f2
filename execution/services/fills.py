"""Executions: recorded once, and booked to the ledger in the same transaction (I3, I4, I6).

Entry points: `KnownExecution`, `KnownExecutions`, `newest_executions`, `new_row`, `external_row`, `EXECUTIONS`,
`booking_of`, `undoing_of`.

Invariants:
1. A single account's fill posts to that account, a block's to the connection's clearing account (DESIGN §4.10).
2. The ledger transaction of an execution follows from its row alone, so that any revision can be reversed exactly.
3. A source key names (connection, execution, revision): nothing is booked twice, whoever tries.
4. What was recorded as a stranger's was never booked: it does not stand in the way of the same execution under its order's name.
5. A fee counts in whole minor units, rounded at each execution; a bust keeps the fee that the broker still charges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts.core import clearing, entries, ledger
from base import prepared
from base.core.ids import new_id
from base.core.money import round_money
from base.prepared import Part, insertion
from market.enums import Side

from ..enums import ExecutionKind
from ..gateways.reports import ExecutionReport
from .orders import WorkingOrder

_KNOWN = """
SELECT broker_exec_id, revision, order_id, last_qty, last_px, fee, trade_date, settle_date FROM execution_execution
WHERE connection_id = %s AND broker_exec_id {match} ORDER BY broker_exec_id, revision
"""
_EXECUTION = (
    "id uuid, journey_id uuid, connection_id uuid, order_id uuid, account_id uuid, instrument_id bigint, reported_account text, "
    "reported_symbol text, broker_exec_id text, revision integer, kind text, side text, last_qty numeric, last_px numeric, fee numeric, "
    "currency text, trade_date date, settle_date date, executed_at timestamptz, recorded_at timestamptz, decision_price numeric, "
    "arrival_price numeric"
)
EXECUTIONS = Part("executions", insertion("execution_execution", _EXECUTION), _EXECUTION)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KnownExecution:
    """A recorded revision of an execution. order_id None: it is EXTERNAL. quantity 0: it was busted."""

    broker_exec_id: str
    revision: int
    order_id: UUID | None
    quantity: Decimal
    price: Decimal
    fee: Decimal
    trade_date: date
    settle_date: date


@dataclass(frozen=True, slots=True)
class KnownExecutions:
    """newest: by id, the newest revision that belongs to one of our orders. strange: (id, revision) of what was recorded as EXTERNAL."""

    newest: dict[str, KnownExecution]
    strange: set[tuple[str, int]]


def newest_executions(*, connection_id: UUID, exec_ids: Iterable[str]) -> KnownExecutions:
    """Return what we have recorded of these executions, at least one."""
    how, value = prepared.match(list(set(exec_ids)))
    known = [KnownExecution(*row) for row in prepared.fetch(_KNOWN.format(match=how), [connection_id, value])]
    newest = {row.broker_exec_id: row for row in known if row.order_id is not None}
    return KnownExecutions(newest, {(row.broker_exec_id, row.revision) for row in known if row.order_id is None})


def known_of(report: ExecutionReport, order_id: UUID | None) -> KnownExecution:
    """Return a report as the revision that is now the newest."""
    quantity = Decimal(0) if report.kind is ExecutionKind.BUST else report.last_qty
    return KnownExecution(
        report.broker_exec_id, report.revision, order_id, quantity, report.last_px, report.commission, report.trade_date, report.settle_date
    )


def new_row(report: ExecutionReport, order: WorkingOrder, *, connection_id: UUID, now: datetime) -> Row:
    """Return the row of an execution of one of our orders."""
    return _row(report, connection_id, now) | {
        "journey_id": order.journey_id,
        "order_id": order.id,
        "account_id": order.account_id,
        "instrument_id": order.instrument_id,
        "side": order.side,
        "decision_price": order.decision_price,
        "arrival_price": order.arrival_price,
    }


def external_row(report: ExecutionReport, *, connection_id: UUID, account_id: UUID | None, instrument_id: int | None, now: datetime) -> Row:
    """Return the row of an execution that belongs to none of our orders; never dropped."""
    return _row(report, connection_id, now) | {
        "account_id": account_id,
        "instrument_id": instrument_id,
        "reported_account": report.account[:64],
        "reported_symbol": report.symbol[:64],
    }


def _row(report: ExecutionReport, connection_id: UUID, now: datetime) -> Row:
    return {
        "id": new_id(),
        "journey_id": None,
        "connection_id": connection_id,
        "order_id": None,
        "account_id": None,
        "instrument_id": None,
        "reported_account": "",
        "reported_symbol": "",
        "broker_exec_id": report.broker_exec_id,
        "revision": report.revision,
        "kind": report.kind,
        "side": report.side,
        "last_qty": Decimal(0) if report.kind is ExecutionKind.BUST else report.last_qty,
        "last_px": report.last_px,
        "fee": report.commission,
        "currency": report.currency,
        "trade_date": report.trade_date,
        "settle_date": report.settle_date,
        "executed_at": report.at,
        "recorded_at": now,
        "decision_price": None,
        "arrival_price": None,
    }


def booking_of(known: KnownExecution, order: WorkingOrder, connection_id: UUID) -> ledger.Transaction | None:
    """Return the ledger transaction of an execution; None for a bust that charges nothing any more."""
    charged = round_money(known.fee, order.currency)
    if not known.quantity and not charged:
        return None
    holder = ledger.Holder(order.account_id, order.sleeve_id)
    stamp = entries.Stamp(known.trade_date, known.settle_date, _key("fill", connection_id, known), order.journey_id)
    if not known.quantity and not order.is_block:
        return entries.fee(holder, stamp, amount=charged, currency_code=order.currency)
    book = clearing.execution if order.is_block else entries.trade
    return book(
        holder,
        stamp,
        instrument_id=order.instrument_id,
        quantity=known.quantity * _sign(order.side),
        price=known.price,
        currency_code=order.currency,
        fee=charged,
        multiplier=order.multiplier,
    )


def undoing_of(known: KnownExecution, order: WorkingOrder, connection_id: UUID) -> ledger.Transaction | None:
    """Return what takes an execution's booking back; None where there was none."""
    booked = booking_of(known, order, connection_id)
    return None if booked is None else ledger.reverse(booked, source_key=_key("undo", connection_id, known))


def _key(word: str, connection_id: UUID, known: KnownExecution) -> str:
    return f"{word}|{connection_id.hex}|{known.broker_exec_id}|{known.revision}"


def _sign(side: Side) -> int:
    return side.sign
