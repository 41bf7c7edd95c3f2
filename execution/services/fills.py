"""Executions: recorded once, and booked to the ledger in the same transaction (I3, I4, I6).

Entry points: `KnownExecution`, `KnownExecutions`, `newest_executions`, `new_row`, `booking_of`, `undoing_of`, `write_rows`.

Invariants:
1. A single account's fill posts to that account, a block's to the connection's clearing account (DESIGN §4.10).
2. The ledger transaction of an execution follows from its row alone, so that any revision can be reversed exactly.
3. A source key names (connection, execution, revision): nothing is booked twice, whoever tries.
4. What was recorded as a stranger's was never booked: it does not stand in the way of the same execution under its order's name.
5. A fee counts in whole minor units, rounded at each execution; a bust keeps the fee that the broker still charges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from accounts.core import clearing, entries, ledger
from base.core.money import round_money
from market.enums import Side

from ..enums import ExecutionKind
from ..gateways.reports import ExecutionReport
from ..models import Execution
from .orders import WorkingOrder

_COLUMNS = ("broker_exec_id", "revision", "order_id", "last_qty", "last_px", "fee", "trade_date", "settle_date")


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
    """Return what we have recorded of these executions."""
    rows = Execution.objects.filter(connection_id=connection_id, broker_exec_id__in=set(exec_ids))
    known = [KnownExecution(*row) for row in rows.order_by("broker_exec_id", "revision").values_list(*_COLUMNS)]
    newest = {row.broker_exec_id: row for row in known if row.order_id is not None}
    return KnownExecutions(newest, {(row.broker_exec_id, row.revision) for row in known if row.order_id is None})


def known_of(report: ExecutionReport, order_id: UUID | None) -> KnownExecution:
    """Return a report as the revision that is now the newest."""
    quantity = Decimal(0) if report.kind is ExecutionKind.BUST else report.last_qty
    return KnownExecution(
        report.broker_exec_id, report.revision, order_id, quantity, report.last_px, report.commission, report.trade_date, report.settle_date
    )


def new_row(report: ExecutionReport, order: WorkingOrder, *, connection_id: UUID, now: datetime) -> Execution:
    """Return the row of an execution of one of our orders."""
    return Execution(
        **_common(report, connection_id, now),
        journey_id=order.journey_id,
        order_id=order.id,
        account_id=order.account_id,
        instrument_id=order.instrument_id,
        side=order.side,
        decision_price=order.decision_price,
        arrival_price=order.arrival_price,
    )


def external_row(
    report: ExecutionReport, *, connection_id: UUID, account_id: UUID | None, instrument_id: int | None, now: datetime
) -> Execution:
    """Return the row of an execution that belongs to none of our orders; never dropped."""
    return Execution(
        **_common(report, connection_id, now),
        account_id=account_id,
        instrument_id=instrument_id,
        side=report.side,
        reported_account=report.account[:64],
        reported_symbol=report.symbol[:64],
    )


def _common(report: ExecutionReport, connection_id: UUID, now: datetime) -> dict[str, object]:
    return {
        "connection_id": connection_id,
        "broker_exec_id": report.broker_exec_id,
        "revision": report.revision,
        "kind": report.kind,
        "last_qty": Decimal(0) if report.kind is ExecutionKind.BUST else report.last_qty,
        "last_px": report.last_px,
        "fee": report.commission,
        "currency": report.currency,
        "trade_date": report.trade_date,
        "settle_date": report.settle_date,
        "executed_at": report.at,
        "recorded_at": now,
    }


def write_rows(rows: Sequence[Execution]) -> None:
    """Insert execution rows in one statement, an array a column: a burst costs a tenth of as many value lists."""
    fields = [field for field in Execution._meta.local_concrete_fields if field.attname != "firm_id"]
    names = ", ".join(str(field.column) for field in fields)
    arrays = ", ".join(f"%s::{field.db_type(connection) or ''}[]" for field in fields)
    columns = [[getattr(row, field.attname) for row in rows] for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO execution_execution ({names}) SELECT * FROM unnest({arrays})", columns)


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
