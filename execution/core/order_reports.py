"""What a broker's report changes: booking, status, alarms (DESIGN §5, RELIABILITY "Faults of the order path").

Entry point: `apply_report` (order + report → `OrderChange`). Reports come in any order, twice, late, or not at all; replaying them gives
the same order.

Invariants:
1. Every state of `OrderChange.path` is reached from the one before by a move of `lifecycle.MOVES`.
2. An execution is booked once per (broker_exec_id, revision); a duplicate skips the booking *only*, its status still counts (I3).
3. The filled quantity is the sum of booked executions, nothing else; a broker's cumulative figure is compared, never believed.
4. 0 ≤ filled; filled above the quantity is booked and reported as OVERFILL (I5).
5. FILLED if and only if something filled and filled ≥ quantity.
6. After CANCELED or EXPIRED a fill is always booked; it makes the order FILLED if it completes it, else the order stays ended (FIX D35),
   so that
   a fill overtaken by its own cancel does not revive a dead order. The broker's answer to a question (ORDER_STATUS) does.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal, Inexact

from execution.core.lifecycle import TERMINAL, UNSENT, Execution, OrderChange, OrderFinding, OrderView, Report, base_state, is_allowed
from execution.enums import ExecType, FindingCode, OrderState

S = OrderState
# Python's 28 digits would round a long quantity times a long price in silence; this refuses.
_EXACT = Context(prec=100, traps=[Inexact])
_ENDS = {ExecType.CANCELED: S.CANCELED, ExecType.EXPIRED: S.EXPIRED, ExecType.REJECTED: S.REJECTED}
_BOOKINGS = frozenset({ExecType.TRADE, ExecType.TRADE_CORRECT, ExecType.TRADE_CANCEL})
_LAST_WORDS = frozenset({ExecType.CANCELED, ExecType.EXPIRED, ExecType.REJECTED, ExecType.ORDER_STATUS})
_REQUESTED = frozenset({S.PENDING_CANCEL, S.PENDING_REPLACE})
_ASK = frozenset(
    {
        FindingCode.UNKNOWN_EXECUTION,
        FindingCode.CONFLICT,
        FindingCode.CONTRADICTION,
        FindingCode.UNSENT_ORDER_REPORTED,
        FindingCode.CUMULATIVE_MISMATCH,
    }
)


def apply_report(order: OrderView, report: Report, known: Execution | None = None) -> OrderChange:
    """Return what a broker's report changes.

    known: the newest booked revision of `report.execution.broker_exec_id`, None if there is none (one row to look up, however long the
    order).
    Guarantees invariants 1–6 of this module; expected trouble comes back as findings.

    >>> fill = Report(ExecType.TRADE, execution=Execution("E1", 0, Decimal(40), Decimal("50.03")))
    >>> change = apply_report(OrderView(Decimal(100), OrderState.ACKED), fill)
    >>> change.order.filled_qty, change.order.leaves_qty, change.path
    (Decimal('40'), Decimal('60'), (<OrderState.PARTIALLY_FILLED: 'PARTIALLY_FILLED'>,))

    Raises ValueError if a trade report carries no execution, or an execution with a negative quantity or revision.
    Source: DESIGN §5, RELIABILITY "Faults of the order path".
    """
    after, reverse, book, findings = _book(order, report, known)
    if report.kind is ExecType.REPLACED and report.new_quantity is not None:
        after = replace(after, quantity=report.new_quantity)
    if after.overfill_qty > order.overfill_qty:
        findings.append(OrderFinding(FindingCode.OVERFILL, after.filled_qty, after.quantity))
    findings += _compare(after, report, findings)
    target, more = _target(order, after, report)
    path, unreachable = _path(order.state, target)
    findings += more + unreachable
    state = path[-1] if path else order.state
    after = replace(after, state=state, declared_absent=_stays_absent(order, report, more))
    ask = state is S.UNKNOWN or any(item.code in _ASK for item in findings)
    return OrderChange(after, path, reverse, book, tuple(findings), ask)


def _compare(after: OrderView, report: Report, findings: list[OrderFinding]) -> list[OrderFinding]:
    """Hold the broker's cumulative figure against ours. Old news carries old figures, so less than ours counts only in a last word."""
    if any(item.code in (FindingCode.DUPLICATE, FindingCode.STALE) for item in findings):
        return []
    theirs = report.cum_qty
    if theirs is None and report.status is S.FILLED:
        theirs = after.quantity
    if theirs is None or theirs == after.filled_qty or (theirs < after.filled_qty and report.kind not in _LAST_WORDS):
        return []
    return [OrderFinding(FindingCode.CUMULATIVE_MISMATCH, theirs, after.filled_qty)]


def _stays_absent(order: OrderView, report: Report, findings: list[OrderFinding]) -> bool:
    """Any word of the broker about the order itself ends its absence."""
    if any(item.code is FindingCode.ABSENT_AT_BROKER for item in findings):
        return True
    return order.declared_absent and report.kind in (ExecType.ABSENT, ExecType.UNANSWERED, ExecType.CANCEL_REJECTED)


def _book(
    order: OrderView, report: Report, known: Execution | None
) -> tuple[OrderView, Execution | None, Execution | None, list[OrderFinding]]:
    """Book the report's execution unless this revision, or a later one, is booked already."""
    if report.kind not in _BOOKINGS:
        return order, None, None, []
    new = report.execution
    if new is None:
        raise ValueError(f"{report.kind} without an execution")
    if new.quantity < 0 or new.revision < 0:
        raise ValueError(f"execution {new.broker_exec_id} has quantity {new.quantity}, revision {new.revision}")
    if report.kind is ExecType.TRADE_CANCEL and new.quantity:
        raise ValueError(f"the bust of {new.broker_exec_id} carries quantity {new.quantity}")
    if known is not None and known.revision > new.revision:
        return order, None, None, [OrderFinding(FindingCode.STALE, Decimal(new.revision), Decimal(known.revision))]
    if known is not None and known.revision == new.revision:
        same = (known.quantity, known.price) == (new.quantity, new.price)
        code = FindingCode.DUPLICATE if same else FindingCode.CONFLICT
        return order, None, None, [OrderFinding(code, new.quantity, known.quantity)]
    findings = []
    if known is None and new.revision > 0:
        findings.append(OrderFinding(FindingCode.UNKNOWN_EXECUTION, new.quantity))
    if order.state in UNSENT:
        findings.append(OrderFinding(FindingCode.UNSENT_ORDER_REPORTED, new.quantity))
    elif order.state in TERMINAL - {S.FILLED} and new.quantity:
        findings.append(OrderFinding(FindingCode.FILL_AFTER_END, new.quantity))
    old_quantity, old_notional = (known.quantity, _notional(known)) if known else (Decimal(0), Decimal(0))
    after = replace(
        order,
        filled_qty=_EXACT.add(order.filled_qty, _EXACT.subtract(new.quantity, old_quantity)),
        filled_notional=_EXACT.add(order.filled_notional, _EXACT.subtract(_notional(new), old_notional)),
    )
    return after, known, new, findings


def _notional(execution: Execution) -> Decimal:
    return _EXACT.multiply(execution.quantity, execution.price)


def _target(before: OrderView, after: OrderView, report: Report) -> tuple[OrderState, list[OrderFinding]]:
    """Return the state this report asks for, by kind of report."""
    state, base = before.state, base_state(after)
    kind, status = report.kind, report.status
    if kind in (ExecType.UNANSWERED, ExecType.ABSENT):
        return _own_conclusion(before, kind)
    if base is S.FILLED and after.filled_qty > 0:
        return S.FILLED, []
    if kind in _ENDS:
        return _ended(state, _ENDS[kind], after)
    if kind in _BOOKINGS:
        return _after_booking(before, after, status), []
    if kind is ExecType.CANCEL_REJECTED:
        return _cancel_rejected(state, base, status, after)
    if kind is ExecType.ORDER_STATUS:
        return _queried(before, base, status, after)
    if kind in (ExecType.PENDING_CANCEL, ExecType.PENDING_REPLACE):
        return _request_pending(state, OrderState(kind.value), base), []
    if kind is ExecType.REPLACED:
        return (state if state is S.PENDING_CANCEL or state in TERMINAL - {S.FILLED} else base), []
    return _acknowledged(before, base, kind)


def _own_conclusion(order: OrderView, kind: ExecType) -> tuple[OrderState, list[OrderFinding]]:
    """Nobody answered: UNKNOWN. UNKNOWN, and the broker was asked and has no such order: CANCELED, reversible."""
    if order.state is S.SENDING or (kind is ExecType.UNANSWERED and order.state in _REQUESTED):
        return S.UNKNOWN, [OrderFinding(FindingCode.UNANSWERED)]
    if kind is ExecType.UNANSWERED or order.declared_absent:
        return order.state, []
    if order.state is S.UNKNOWN and order.filled_qty == 0:
        return S.CANCELED, [OrderFinding(FindingCode.ABSENT_AT_BROKER)]
    return order.state, [OrderFinding(FindingCode.CONTRADICTION, order.filled_qty)]


def _ended(state: OrderState, end: OrderState, after: OrderView) -> tuple[OrderState, list[OrderFinding]]:
    """The broker ended the order. A rejection of what has already traded ends the rest: CANCELED."""
    if end is S.REJECTED and after.filled_qty > 0:
        end = S.CANCELED
    if state in TERMINAL:
        return state, ([] if state is end else [OrderFinding(FindingCode.STALE)])
    return end, []


def _after_booking(before: OrderView, after: OrderView, status: OrderState | None) -> OrderState:
    """A fill, correction or bust that leaves the order short of its quantity."""
    if status in (S.CANCELED, S.EXPIRED):
        return status
    if before.state in _REQUESTED:
        return before.state
    if before.state in (S.CANCELED, S.EXPIRED) and not before.declared_absent:
        return before.state
    if before.state in (S.REJECTED, S.DENIED) and after.filled_qty == 0:
        return before.state
    return base_state(after)


def _cancel_rejected(
    state: OrderState, base: OrderState, status: OrderState | None, after: OrderView
) -> tuple[OrderState, list[OrderFinding]]:
    """The cancel or replace was refused: back to work, unless the broker says it does not know the order."""
    if state not in _REQUESTED:
        return state, []
    if status is S.REJECTED:
        return S.UNKNOWN, [OrderFinding(FindingCode.CONTRADICTION, after.filled_qty)]
    if status in (S.CANCELED, S.EXPIRED):
        return status, []
    return base, []


def _queried(before: OrderView, base: OrderState, status: OrderState | None, after: OrderView) -> tuple[OrderState, list[OrderFinding]]:
    """The broker answered a question about this order: its word counts in every state."""
    state = before.state
    if status is None or status in (S.PENDING, S.SENDING, S.UNKNOWN, S.DENIED):
        return state, []
    if status in TERMINAL - {S.FILLED}:
        return _ended(state, status, after)
    if state in (S.CANCELED, S.EXPIRED):
        return base, [OrderFinding(FindingCode.REVIVED)]
    if state in (S.REJECTED, S.DENIED):
        return state, [OrderFinding(FindingCode.CONTRADICTION)]
    if status in _REQUESTED:
        return _request_pending(state, status, base), []
    return (state if state in _REQUESTED else base), []


def _request_pending(state: OrderState, pending: OrderState, base: OrderState) -> OrderState:
    """The broker is working on a cancel or replace; it proves that the order lives."""
    if state in (S.ACKED, S.PARTIALLY_FILLED, S.PENDING_REPLACE) and is_allowed(state, pending):
        return pending
    return base if state in (S.PENDING, S.SENDING, S.UNKNOWN) else state


def _acknowledged(before: OrderView, base: OrderState, kind: ExecType) -> tuple[OrderState, list[OrderFinding]]:
    """NEW, RESTATED, DONE_FOR_DAY: the order lives; late ones after the end change nothing unless it was declared absent."""
    state = before.state
    if state in (S.PENDING, S.SENDING, S.UNKNOWN):
        return base, ([OrderFinding(FindingCode.UNSENT_ORDER_REPORTED)] if state is S.PENDING else [])
    if state in (S.CANCELED, S.EXPIRED) and before.declared_absent:
        return base, [OrderFinding(FindingCode.REVIVED)]
    if state in (S.REJECTED, S.DENIED):
        return state, [OrderFinding(FindingCode.CONTRADICTION)]
    stale = kind is ExecType.NEW and state in TERMINAL
    return state, ([OrderFinding(FindingCode.STALE)] if stale else [])


def _path(before: OrderState, target: OrderState) -> tuple[tuple[OrderState, ...], list[OrderFinding]]:
    """Return the states to pass: an end reported as the first word implies the sending and the acknowledgement before it."""
    if target is before:
        return (), []
    for via in ((), (S.SENDING,), (S.ACKED,), (S.PARTIALLY_FILLED,), (S.SENDING, S.ACKED)):
        steps = (*via, target)
        if all(is_allowed(a, b) for a, b in zip((before, *via), steps, strict=True)):
            return steps, []
    return (), [OrderFinding(FindingCode.CONTRADICTION)]
