"""What a broker tells us, in the words of the core: one shape for answers, streamed reports and executions.

Entry points: `of_outcome`, `of_order_report`, `of_execution`, `unanswered`, `absent`, `ended`.
Invariant: nothing is invented: what the broker did not say is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ..core.lifecycle import Execution, Report
from ..enums import ExecType, ExecutionKind, OrderState
from ..gateways.enums import OrderEvent, OutcomeKind, ReportedStatus
from ..gateways.reports import ExecutionReport, OrderRef, OrderReport, Outcome

EVENTS: Mapping[OrderEvent, ExecType] = {
    OrderEvent.NEW: ExecType.NEW,
    OrderEvent.REJECTED: ExecType.REJECTED,
    OrderEvent.DUPLICATE: ExecType.ORDER_STATUS,
    OrderEvent.TRIGGERED: ExecType.RESTATED,
    OrderEvent.PENDING_CANCEL: ExecType.PENDING_CANCEL,
    OrderEvent.CANCELED: ExecType.CANCELED,
    OrderEvent.CANCEL_REJECTED: ExecType.CANCEL_REJECTED,
    OrderEvent.PENDING_REPLACE: ExecType.PENDING_REPLACE,
    OrderEvent.REPLACED: ExecType.REPLACED,
    OrderEvent.REPLACE_REJECTED: ExecType.CANCEL_REJECTED,
    OrderEvent.EXPIRED: ExecType.EXPIRED,
    OrderEvent.STATUS: ExecType.ORDER_STATUS,
}
STATES: Mapping[ReportedStatus, OrderState] = {
    ReportedStatus.NEW: OrderState.ACKED,
    ReportedStatus.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    ReportedStatus.FILLED: OrderState.FILLED,
    ReportedStatus.CANCELED: OrderState.CANCELED,
    ReportedStatus.REJECTED: OrderState.REJECTED,
    ReportedStatus.EXPIRED: OrderState.EXPIRED,
    ReportedStatus.PENDING_CANCEL: OrderState.PENDING_CANCEL,
    ReportedStatus.PENDING_REPLACE: OrderState.PENDING_REPLACE,
}
_TRADES: Mapping[ExecutionKind, ExecType] = {
    ExecutionKind.NEW: ExecType.TRADE,
    ExecutionKind.CORRECT: ExecType.TRADE_CORRECT,
    ExecutionKind.BUST: ExecType.TRADE_CANCEL,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of news about one order. ref: as the broker named it. execution: the whole report, where it is one."""

    ref: OrderRef
    report: Report
    reason: str = ""
    execution: ExecutionReport | None = None

    @property
    def is_from_broker(self) -> bool:
        """Return False for conclusions of our own."""
        return self.report.kind not in (ExecType.UNANSWERED, ExecType.ABSENT)


def of_outcome(outcome: Outcome) -> Evidence:
    """Return what the answer to a new order tells."""
    ref = OrderRef(outcome.client_order_id)
    if outcome.kind is OutcomeKind.UNRESOLVED:
        return Evidence(ref, Report(ExecType.UNANSWERED), outcome.reason)
    if outcome.report is not None:
        told = of_order_report(outcome.report)
        return Evidence(_named(outcome.report.ref, outcome.client_order_id), told.report, outcome.reason)
    kind = ExecType.REJECTED if outcome.kind is OutcomeKind.REJECTED else ExecType.NEW
    return Evidence(ref, Report(kind), outcome.reason)


def of_order_report(report: OrderReport) -> Evidence:
    """Return what an order report tells."""
    kind = EVENTS[report.event]
    quantity = report.quantity if kind is ExecType.REPLACED else None
    return Evidence(report.ref, Report(kind, STATES[report.status], cum_qty=report.filled_qty, new_quantity=quantity), report.reason)


def of_execution(report: ExecutionReport) -> Evidence:
    """Return what an execution report tells; a bust is the revision with quantity 0."""
    kind = _TRADES[report.kind]
    quantity = Decimal(0) if kind is ExecType.TRADE_CANCEL else report.last_qty
    execution = Execution(report.broker_exec_id, report.revision, quantity, report.last_px)
    told = Report(kind, STATES[report.order_status], execution, cum_qty=report.filled_qty)
    return Evidence(report.ref, told, execution=report)


def of_report(report: OrderReport | ExecutionReport) -> Evidence:
    """Return what a streamed report tells."""
    return of_execution(report) if isinstance(report, ExecutionReport) else of_order_report(report)


def unanswered(client_order_id: str, reason: str = "") -> Evidence:
    """Return our conclusion that nobody answered."""
    return Evidence(OrderRef(client_order_id), Report(ExecType.UNANSWERED), reason)


def absent(client_order_id: str, reason: str) -> Evidence:
    """Return our conclusion that the broker has no such order."""
    return Evidence(OrderRef(client_order_id), Report(ExecType.ABSENT), reason)


def ended(client_order_id: str, reason: str) -> Evidence:
    """Return a person's word that the broker has the order no more; what it has filled stays."""
    return Evidence(OrderRef(client_order_id), Report(ExecType.CANCELED), reason)


def _named(ref: OrderRef, client_order_id: str) -> OrderRef:
    return OrderRef(client_order_id, ref.broker_order_id, ref.session_epoch)
