"""The life of an order: its states, the moves between them, and the values a report is made of (DESIGN §5).

Entry points: `MOVES` and `is_allowed` (the table), `base_state`, `OrderView`, `Report`, `OrderChange`.
`order_reports.apply_report` applies reports; `transition_sql.transition_trigger_sql` writes the same table as a database trigger.

Invariants:
1. UNKNOWN is left only for states that a broker's report proves.
2. A fill is accepted in every state: each state has a move to PARTIALLY_FILLED and FILLED, or is one of them.
3. DENIED (never sent) and REJECTED (the broker's word) are left for a fill only.

Moves beyond DESIGN's list, and why: a bust takes FILLED and PARTIALLY_FILLED back; a request not answered is UNKNOWN like an order not
answered;
negative evidence is reversible, so the broker's own word revives CANCELED and EXPIRED; fills arrive in any state (restored backup, zombie).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from execution.enums import ExecType, FindingCode, OrderState

S = OrderState
TERMINAL = frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.REJECTED, S.DENIED})
LIVE = frozenset({S.ACKED, S.PARTIALLY_FILLED, S.PENDING_CANCEL, S.PENDING_REPLACE})
UNSENT = frozenset({S.PENDING, S.DENIED})
_FILLS = frozenset({S.PARTIALLY_FILLED, S.FILLED})

MOVES: Mapping[OrderState, frozenset[OrderState]] = {
    S.PENDING: frozenset({S.SENDING, S.DENIED, S.CANCELED, S.EXPIRED}) | _FILLS,
    S.SENDING: frozenset({S.ACKED, S.REJECTED, S.UNKNOWN}) | _FILLS,
    S.ACKED: frozenset({S.REJECTED, S.EXPIRED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.CANCELED}) | _FILLS,
    S.PARTIALLY_FILLED: frozenset({S.ACKED, S.FILLED, S.EXPIRED, S.PENDING_CANCEL, S.PENDING_REPLACE, S.CANCELED}),
    S.PENDING_CANCEL: frozenset({S.ACKED, S.REJECTED, S.EXPIRED, S.CANCELED, S.UNKNOWN}) | _FILLS,
    S.PENDING_REPLACE: frozenset({S.ACKED, S.REJECTED, S.EXPIRED, S.PENDING_CANCEL, S.CANCELED, S.UNKNOWN}) | _FILLS,
    S.UNKNOWN: frozenset({S.ACKED, S.REJECTED, S.EXPIRED, S.CANCELED}) | _FILLS,
    S.FILLED: frozenset({S.ACKED, S.PARTIALLY_FILLED, S.CANCELED, S.EXPIRED}),
    S.CANCELED: frozenset({S.ACKED}) | _FILLS,
    S.EXPIRED: frozenset({S.ACKED}) | _FILLS,
    S.REJECTED: _FILLS,
    S.DENIED: _FILLS,
}
ALARMS = frozenset(FindingCode) - {FindingCode.DUPLICATE, FindingCode.STALE}


@dataclass(frozen=True, slots=True)
class Execution:
    """One revision of one execution. A bust is the revision with quantity 0."""

    broker_exec_id: str
    revision: int
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class OrderView:
    """What the rules need of an order. `filled_notional` = Σ quantity × price of booked executions, exact.

    `declared_absent`: the broker was asked and did not know the order; a later live report revives it.
    """

    quantity: Decimal
    state: OrderState = S.PENDING
    filled_qty: Decimal = Decimal(0)
    filled_notional: Decimal = Decimal(0)
    declared_absent: bool = False

    @property
    def avg_px(self) -> Fraction | None:
        """Return the exact average price, None before the first fill."""
        return Fraction(self.filled_notional) / Fraction(self.filled_qty) if self.filled_qty else None

    @property
    def leaves_qty(self) -> Decimal:
        """Return what may still fill: 0 once the order has ended (FIX tag 151)."""
        return Decimal(0) if self.state in TERMINAL else max(Decimal(0), self.quantity - self.filled_qty)

    @property
    def overfill_qty(self) -> Decimal:
        """Return how much was filled above the quantity (I5)."""
        return max(Decimal(0), self.filled_qty - self.quantity)


@dataclass(frozen=True, slots=True)
class Report:
    """One message of a broker about one order, already attached to it by reference.

    status: the broker's order state mapped to ours, None if not given. execution: set for TRADE (revision 0), TRADE_CORRECT and
    TRADE_CANCEL
    (revision ≥ 1, `broker_exec_id` that of the execution meant). cum_qty: compared only. new_quantity: order quantity after REPLACED.
    """

    kind: ExecType
    status: OrderState | None = None
    execution: Execution | None = None
    cum_qty: Decimal | None = None
    new_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderFinding:
    """Something to tell: what, and the two figures that disagree where there are any."""

    code: FindingCode
    number: Decimal | None = None
    limit: Decimal | None = None

    @property
    def is_alarm(self) -> bool:
        """Return False for what happens on every busy day (duplicates, late news)."""
        return self.code in ALARMS


@dataclass(frozen=True, slots=True)
class OrderChange:
    """The outcome of one report.

    order: the order afterwards. path: states to write one after the other, empty if the state stays. reverse, book: executions to take
    out of and put
    into the ledger. ask_broker: our picture has a hole; query status and executions.
    """

    order: OrderView
    path: tuple[OrderState, ...] = ()
    reverse: Execution | None = None
    book: Execution | None = None
    findings: tuple[OrderFinding, ...] = ()
    ask_broker: bool = False


def is_allowed(before: OrderState, after: OrderState) -> bool:
    """Return True if the move is in the table; staying is always allowed.

    >>> is_allowed(OrderState.CANCELED, OrderState.FILLED), is_allowed(OrderState.UNKNOWN, OrderState.SENDING)
    (True, False)
    """
    return before == after or after in MOVES[before]


def base_state(order: OrderView) -> OrderState:
    """Return the state that the filled quantity alone asks for: ACKED, PARTIALLY_FILLED or FILLED."""
    if order.filled_qty >= order.quantity:
        return S.FILLED
    return S.PARTIALLY_FILLED if order.filled_qty > 0 else S.ACKED
