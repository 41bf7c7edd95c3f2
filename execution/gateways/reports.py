"""What goes over the border between mamweb and a broker, as frozen values.

Entry points: `OrderRequest`, `OrderRef`, `AllocationInstruction` go out; everything named `…Report` comes in, lists of it as
`ReportList`.

Invariants:
1. Quantities and prices are Decimals, instants are timezone-aware UTC.
2. A list says whether it is whole. What is missing from an incomplete list is unknown, not absent; an incomplete position list is not
   "flat".
3. An execution is named by (connection, `broker_exec_id`, `revision`); a higher revision replaces all lower ones.
4. `broker_order_id` alone names nothing: brokers reuse it, so it goes with `session_epoch` (I3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from execution.enums import ExecutionKind, OrderType, TimeInForce
from execution.gateways.enums import OrderEvent, OutcomeKind, ReportedStatus
from market.enums import Side

T = TypeVar("T", covariant=True)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order to send. `account` is the broker's account, a block account for a block. Prices only where the type has them."""

    client_order_id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OrderRef:
    """How to name an order to its broker: by our reference, by the broker's id within a session epoch, or both."""

    client_order_id: str = ""
    broker_order_id: str = ""
    session_epoch: int = 0


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The broker's view of one order. Cumulative figures are hints; executions are the truth (RELIABILITY)."""

    event: OrderEvent
    ref: OrderRef
    account: str
    symbol: str
    side: Side
    status: ReportedStatus
    quantity: Decimal
    filled_qty: Decimal
    leaves_qty: Decimal
    at: datetime
    orig_client_order_id: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One execution, or what became of it.

    `last_qty` and `last_px` of a BUST repeat what is taken back; `commission` is the charge now valid.
    """

    broker_exec_id: str
    revision: int
    kind: ExecutionKind
    ref: OrderRef
    account: str
    symbol: str
    side: Side
    last_qty: Decimal
    last_px: Decimal
    commission: Decimal
    currency: str
    trade_date: date
    settle_date: date
    at: datetime
    order_status: ReportedStatus
    filled_qty: Decimal
    leaves_qty: Decimal


@dataclass(frozen=True, slots=True)
class PositionReport:
    """Trade-date quantity the custodian holds for an account."""

    account: str
    symbol: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class CashReport:
    """Cash of an account in one currency: by trade date, and the part of it that has settled."""

    account: str
    currency: str
    trade_date_balance: Decimal
    settled_balance: Decimal


@dataclass(frozen=True, slots=True)
class CustodyTradeReport:
    """A trade on the custodian's books. `amount` is signed cash before `fee`; an allocation from a block shows as its own trade."""

    trade_id: str
    account: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    amount: Decimal
    fee: Decimal
    currency: str
    trade_date: date
    settle_date: date
    client_order_id: str


@dataclass(frozen=True, slots=True)
class FeeReport:
    """A charge on an account: a commission (with the trade's id) or a fee of the custodian. Positive = paid by the account."""

    fee_id: str
    account: str
    currency: str
    amount: Decimal
    fee_date: date
    text: str


@dataclass(frozen=True, slots=True)
class QuoteReport:
    """Bid and ask. `at` is the instant the broker vouches for; `halted` says that nothing trades."""

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_size: Decimal
    ask_size: Decimal
    last: Decimal
    at: datetime
    halted: bool = False


@dataclass(frozen=True, slots=True)
class InstrumentRules:
    """The broker's order rules for a symbol."""

    symbol: str
    currency: str
    tick: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    multiplier: Decimal
    settlement_days: int


@dataclass(frozen=True, slots=True)
class AllocationShare:
    """One account's part of a block: quantity, signed cash before the fee, and its fee (both as booked, to the cent)."""

    account: str
    quantity: Decimal
    amount: Decimal
    fee: Decimal


@dataclass(frozen=True, slots=True)
class AllocationInstruction:
    """Post-trade give-up of a block account's trade of one day, symbol and side to the accounts behind it."""

    allocation_id: str
    block_account: str
    symbol: str
    side: Side
    trade_date: date
    shares: tuple[AllocationShare, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one transmission. `report` where the broker answered; UNRESOLVED carries only the reason."""

    kind: OutcomeKind
    client_order_id: str
    report: OrderReport | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReportList(Generic[T]):
    """Items with their completeness. `complete=False`: there may be more, now or for good. `cursor`: where to ask on from."""

    items: tuple[T, ...]
    as_of: datetime
    complete: bool
    cursor: str = ""

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
