"""Process what a broker reports: attach, book once, move the order, alarm (DESIGN §4.10, RELIABILITY "Faults of the order path").

Entry points: `process`, `Processed`. Inside the caller's tenancy block, which holds the connection's lease.

Invariants:
1. A report is attached by our reference, else by the broker's id and session epoch, else it is EXTERNAL: recorded, alarmed, never dropped.
   So is an execution that contradicts its order: its id belongs to another order, its side is the other one, or its money is not the order's.
2. An execution is one row per (connection, broker_exec_id, revision); a repetition changes nothing but what its status tells (I3).
3. Orders, executions, ledger, reservations and parents move in this one transaction, a few statements for any number of reports.
4. A report that cannot be booked holds up no other: it is kept as EXTERNAL and alarmed, and the rest of its batch is processed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from accounts import services as accounts
from accounts.core import ledger
from base import prepared
from base.errors import Refused
from base.live import Topic, announce
from base.prepared import Rows
from governance.enums import AlertTier

from ..core import lifecycle
from ..core.lifecycle import OrderChange
from ..core.order_reports import apply_report
from ..enums import FindingCode
from ..gateways.crash import crash_point
from ..gateways.reports import ExecutionReport
from .alarms import alert_connection, end_connection_alert, raise_findings
from .evidence import Evidence
from .external import ExternalNames
from .fills import (
    EXECUTIONS,
    KnownExecution,
    KnownExecutions,
    Row,
    booking_of,
    external_row,
    known_of,
    new_row,
    newest_executions,
    undoing_of,
)
from .orders import WorkingOrder, lock_orders, move_orders, order_parts
from .telling import tell_orders

log = logging.getLogger(__name__)
# What a report's own content can bring about. Trouble of the database, and a lost lease, are none of it and end the session.
_UNBOOKABLE = (ValueError, ArithmeticError, Refused, IntegrityError, DataError)


@dataclass(slots=True)
class Processed:
    """What a batch of reports did. ended: orders that became terminal. ask: our picture of these has a hole. mismatched: references whose
    cumulative figures differ. externals: executions of nobody's order."""

    ended: list[UUID] = field(default_factory=list)
    ask: list[str] = field(default_factory=list)
    mismatched: list[str] = field(default_factory=list)
    unattached: int = 0
    executions: int = 0
    externals: int = 0

    def add(self, more: Processed) -> None:
        """Count what another part of the same batch did."""
        self.ended += more.ended
        self.ask += more.ask
        self.mismatched += more.mismatched
        self.unattached += more.unattached
        self.executions += more.executions
        self.externals += more.externals


@dataclass(slots=True)
class _Batch:
    connection_id: UUID
    now: datetime
    orders: dict[UUID, WorkingOrder]
    by_reference: dict[str, WorkingOrder]
    by_broker_id: dict[tuple[str, int], WorkingOrder]
    known: dict[str, KnownExecution]
    strange: set[tuple[str, int]]
    rows: list[Row] = field(default_factory=list)
    transactions: list[ledger.Transaction] = field(default_factory=list)
    strangers: list[ExecutionReport] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Hearing:
    with_mismatches: bool
    silent: bool


def process(
    *, connection_id: UUID, evidence: Sequence[Evidence], now: datetime, with_mismatches: bool = False, silent: bool = False
) -> Processed:
    """Apply evidence in its sequence.

    with_mismatches: alarm where the broker's cumulative figure differs from ours; only right once all executions have been fetched.
    silent: raise no alarm for findings; the caller tells in its own words.
    """
    heard = _Hearing(with_mismatches, silent)
    try:
        with transaction.atomic():
            return _process(connection_id, evidence, now, heard)
    except _UNBOOKABLE:
        if len(evidence) == 1:
            return _keep_unbookable(connection_id, evidence[0], now)
    done = Processed()
    for item in evidence:
        done.add(process(connection_id=connection_id, evidence=[item], now=now, with_mismatches=with_mismatches, silent=silent))
    return done


def _keep_unbookable(connection_id: UUID, item: Evidence, now: datetime) -> Processed:
    """Record what nobody can book, and alarm it; its order is asked about."""
    log.exception("a report on %s cannot be processed", item.ref.client_order_id or item.ref.broker_order_id)
    batch = _load(connection_id, [item], now)
    done = Processed(ask=[order.client_order_id for order in batch.orders.values()])
    _keep_stranger(batch, item, done)
    _write(batch, done)
    name = item.execution.broker_exec_id if item.execution else f"{item.ref.client_order_id} {item.report.kind}"
    alert_connection(
        connection_id,
        tier=AlertTier.CRITICAL,
        rule="I3",
        message=f"A report cannot be processed and is not booked: {name} on order {item.ref.client_order_id or item.ref.broker_order_id}",
        now=now,
        what=f"UNBOOKABLE {name}"[:100],
    )
    return done


def _process(connection_id: UUID, evidence: Sequence[Evidence], now: datetime, heard: _Hearing) -> Processed:
    batch = _load(connection_id, evidence, now)
    done = Processed()
    for item in evidence:
        order = _attach(batch, item)
        if order is None:
            _keep_stranger(batch, item, done)
            continue
        if _contradicts(batch, order, item):
            _keep_stranger(batch, item, done)
            done.ask.append(order.client_order_id)
            continue
        _name(batch, order, item)
        change = apply_report(order.view, item.report, _known(batch, item, order))
        _take(batch, order, item, change, done, heard)
    _write(batch, done)
    return done


def _load(connection_id: UUID, evidence: Sequence[Evidence], now: datetime) -> _Batch:
    exec_ids = [item.execution.broker_exec_id for item in evidence if item.execution is not None]
    orders = lock_orders(
        connection_id=connection_id,
        references={item.ref.client_order_id for item in evidence} - {""},
        broker_ids={(item.ref.broker_order_id, item.ref.session_epoch) for item in evidence if not item.ref.client_order_id},
        exec_ids={item.execution.broker_exec_id for item in evidence if item.execution is not None and not item.ref.client_order_id},
    )
    # Asked once the orders are locked: what another transaction recorded while we waited counts.
    known = newest_executions(connection_id=connection_id, exec_ids=exec_ids) if exec_ids else KnownExecutions({}, set())
    return _Batch(
        connection_id,
        now,
        {order.id: order for order in orders},
        {order.client_order_id: order for order in orders},
        {(order.broker_order_id, order.session_epoch): order for order in orders if order.broker_order_id},
        known.newest,
        known.strange,
    )


def _attach(batch: _Batch, item: Evidence) -> WorkingOrder | None:
    """Our reference first: a broker may use its own id again (I3)."""
    if item.ref.client_order_id:
        return batch.by_reference.get(item.ref.client_order_id)
    found = batch.by_broker_id.get((item.ref.broker_order_id, item.ref.session_epoch))
    if found is None and item.execution is not None:
        known = batch.known.get(item.execution.broker_exec_id)
        return batch.orders.get(known.order_id) if known is not None and known.order_id is not None else None
    return found


def _contradicts(batch: _Batch, order: WorkingOrder, item: Evidence) -> bool:
    """Return whether an execution cannot be this order's, whatever it says; booking it would be a guess."""
    if item.execution is None:
        return False
    known = batch.known.get(item.execution.broker_exec_id)
    is_anothers = known is not None and known.order_id != order.id
    return is_anothers or item.execution.side.sign != order.side.sign or item.execution.currency != order.currency


def _name(batch: _Batch, order: WorkingOrder, item: Evidence) -> None:
    if item.ref.broker_order_id and not order.broker_order_id:
        order.broker_order_id, order.session_epoch = item.ref.broker_order_id, item.ref.session_epoch
        batch.by_broker_id[order.broker_order_id, order.session_epoch] = order
        order.is_touched = True


def _known(batch: _Batch, item: Evidence, order: WorkingOrder) -> lifecycle.Execution | None:
    if item.execution is None:
        return None
    known = batch.known.get(item.execution.broker_exec_id)
    return None if known is None else lifecycle.Execution(known.broker_exec_id, known.revision, known.quantity, known.price)


def _other_terms(batch: _Batch, item: Evidence) -> list[lifecycle.OrderFinding]:
    """Return the conflict of a revision that comes again with another fee or other dates; the core compares quantity and price."""
    report = item.execution
    known = None if report is None else batch.known.get(report.broker_exec_id)
    if report is None or known is None or known.revision != report.revision:
        return []
    same = (known.fee, known.trade_date, known.settle_date) == (report.commission, report.trade_date, report.settle_date)
    return [] if same else [lifecycle.OrderFinding(FindingCode.CONFLICT, report.commission, known.fee)]


def _take(batch: _Batch, order: WorkingOrder, item: Evidence, change: OrderChange, done: Processed, heard: _Hearing) -> None:
    other_terms = _other_terms(batch, item)
    if change.order != order.view or change.path or order.answered_at is None:
        order.apply(change, now=batch.now, reason=item.reason, is_from_broker=item.is_from_broker)
    if change.book is not None and item.execution is not None:
        _book(batch, order, item.execution)
        done.executions += 1
    if not heard.silent:
        findings = [*change.findings, *other_terms]
        raise_findings(order, findings, now=batch.now, with_mismatches=heard.with_mismatches)
    if any(finding.code == "CUMULATIVE_MISMATCH" for finding in change.findings):
        done.mismatched.append(order.client_order_id)
    if change.ask_broker:
        done.ask.append(order.client_order_id)


def _book(batch: _Batch, order: WorkingOrder, report: ExecutionReport) -> None:
    """Record an execution's new revision; take the one before out of the ledger, and put this one in."""
    before = batch.known.get(report.broker_exec_id)
    now_known = known_of(report, order.id)
    batch.known[report.broker_exec_id] = now_known
    if any(exec_id == report.broker_exec_id for exec_id, _ in batch.strange):
        end_connection_alert(batch.connection_id, what=f"EXTERNAL {report.broker_exec_id}", now=batch.now)
    batch.rows.append(new_row(report, order, connection_id=batch.connection_id, now=batch.now))
    entries = [undoing_of(before, order, batch.connection_id) if before is not None else None]
    entries.append(booking_of(now_known, order, batch.connection_id))
    batch.transactions += [entry for entry in entries if entry is not None]


def _keep_stranger(batch: _Batch, item: Evidence, done: Processed) -> None:
    if item.execution is None:
        done.unattached += 1
        return
    key = (item.execution.broker_exec_id, item.execution.revision)
    if key not in batch.strange:
        batch.strange.add(key)
        batch.strangers.append(item.execution)
        done.externals += 1


def _write(batch: _Batch, done: Processed) -> None:
    orders = list(batch.orders.values())
    if batch.strangers:
        _record_strangers(batch)
    move_orders(orders)
    parts = [*order_parts(orders), (EXECUTIONS, batch.rows)]
    if batch.transactions:
        locked = accounts.lock_books(accounts.accounts_of(batch.transactions), beside=parts)
    else:
        prepared.run_together(parts)
    if batch.rows:
        crash_point("between_execution_and_booking")
    holds = _holds(orders)
    if batch.transactions:
        accounts.post_within(transactions=batch.transactions, locked=locked, beside=holds, now=batch.now)
    else:
        prepared.run_together(holds)
    _release(orders, batch.now)
    done.ended = [order.id for order in orders if order.has_ended]
    _tell(batch)


def _tell(batch: _Batch) -> None:
    """Let browsers know of orders that moved and of what was executed; a stranger's execution is for those who see everything."""
    tell_orders(
        (order.id, order.account_id, order.parent_id if order.is_block else None) for order in batch.orders.values() if order.is_touched
    )
    rows = [(row["id"], batch.orders.get(row["order_id"])) for row in batch.rows]
    mine = [(row_id, order.account_id, order.parent_id if order.is_block else None) for row_id, order in rows if order is not None]
    tell_orders(mine, Topic.FILLS)
    announce(Topic.FILLS, [row_id for row_id, order in rows if order is None])


def _record_strangers(batch: _Batch) -> None:
    names = ExternalNames(batch.connection_id, batch.strangers)
    for report in batch.strangers:
        account_id, instrument_id = names.account_id(report.account), names.instrument_id(report.symbol)
        batch.rows.append(
            external_row(report, connection_id=batch.connection_id, account_id=account_id, instrument_id=instrument_id, now=batch.now)
        )
        alert_connection(
            batch.connection_id,
            tier=AlertTier.CRITICAL,
            rule="I3",
            message=f"A fill belongs to none of our orders: {report.side} {report.last_qty:f} {report.symbol} at {report.last_px:f} on account"
            f" {report.account}; execution {report.broker_exec_id}",
            now=batch.now,
            what=f"EXTERNAL {report.broker_exec_id}",
        )


def _holds(orders: Sequence[WorkingOrder]) -> list[Rows]:
    """Return what is reserved no longer because it is filled. A block keeps its hold until it is shared out.

    What lives again holds again, first, what it may still take.
    """
    if revived := [order.id for order in orders if order.has_revived and order.slice_id is None]:
        accounts.hold_again(order_ids=revived)
    filled = [order for order in orders if order.has_booked and not order.is_block and order.view.filled_qty != order.filled_before]
    used = accounts.consumption(
        order_ids=[order.reservation_id for order in filled],
        account_ids=[order.account_id for order in filled],
        filled=[order.view.filled_qty - order.filled_before for order in filled],
    )
    return [used]


def _release(orders: Sequence[WorkingOrder], now: datetime) -> None:
    """Let go of what has ended; what is to be sent again holds on until the order that follows it does."""
    ended = [order for order in orders if order.has_ended and order.slice_id is None and not order.to_resend]
    releasable = [order.id for order in ended if not order.is_block or order.view.filled_qty == Decimal(0)]
    if releasable:
        accounts.release_reservations(order_ids=releasable, now=now)
