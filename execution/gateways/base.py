"""The one protocol every broker's gateway speaks (DESIGN §7).

Entry points: `Gateway`, `Capabilities`, `GatewayError`. Values that cross the border are in `reports`.

Calls are synchronous with an explicit timeout. A gateway process is a plain loop (claim, send, poll, save) around one connection, where
the order of the steps *is* the safety argument; nothing else wants to run in between, a timeout must end the call it belongs to, and a
crash
point must lie between two known lines. Concurrency comes from more processes, one per connection, not from tasks inside one.

Invariants:
1. `GatewayError` from a call that writes means: nothing was written. Everything after the first byte ends in an `Outcome`.
2. No answer within the timeout, a lost connection or an answer that cannot be read is UNRESOLVED. No gateway ever sends an order again
   by itself (RTE-7).
3. Gateways neither size nor allocate nor decide: they translate.
4. Reports may be lost, doubled, late and out of order in `poll`; `executions_since` and `order_status` are what to reconcile with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from execution.enums import OrderType, TimeInForce
from execution.gateways.enums import VenueClass
from execution.gateways.reports import (
    AllocationInstruction,
    CashReport,
    CustodyTradeReport,
    ExecutionReport,
    FeeReport,
    InstrumentRules,
    OrderRef,
    OrderReport,
    OrderRequest,
    Outcome,
    PositionReport,
    QuoteReport,
    ReportList,
)

DEFAULT_TIMEOUT = 5.0


class GatewayError(Exception):
    """A call that did not do its work. `permanent`: the same call cannot succeed later either."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a connection can do, as data for routing and recovery.

    block_orders: one order for many accounts exists. native_allocation: the broker splits a block itself, by shares sent with the order.
    post_trade_allocation: it takes our split afterwards (`allocate`). max_batch: orders per `submit_many`.
    """

    venue_class: VenueClass
    block_orders: bool
    native_allocation: bool
    post_trade_allocation: bool
    brackets: bool
    replace: bool
    max_batch: int
    order_types: frozenset[OrderType]
    times_in_force: frozenset[TimeInForce]


class Gateway(Protocol):
    """One connection to one broker. Timeouts are seconds of the machine's monotonic clock.

    Calls that read raise GatewayError when they cannot answer; calls that write raise it only if nothing was written.
    """

    capabilities: Capabilities

    def connect(self, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Open the connection. Raises GatewayError. The caller reconciles before it trades (R8)."""

    def close(self) -> None:
        """Close the connection; harmless when it is closed."""

    def now(self, *, timeout: float = DEFAULT_TIMEOUT) -> datetime:
        """Return the broker's own time, UTC."""

    def submit_many(self, orders: Sequence[OrderRequest], *, timeout: float = DEFAULT_TIMEOUT) -> list[Outcome]:
        """Transmit orders once, in this sequence; return one outcome each, in the same sequence.

        Raises ValueError for more than `capabilities.max_batch`.
        """

    def submit(self, order: OrderRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        """Transmit one order once."""

    def cancel(self, ref: OrderRef, request_id: str, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        """Ask to cancel. CONFIRMED = the request was taken; the order is canceled when a report says so, and a fill may win."""

    def replace(self, ref: OrderRef, replacement: OrderRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        """Ask to change quantity (the total, filled part included) and prices.

        `replacement.client_order_id` becomes the order's reference; the old one still finds it.
        """

    def order_status(self, ref: OrderRef, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[OrderReport]:
        """Return all orders the broker knows by this reference: none, one, or (class B, reused ids) several.

        An empty *complete* list is negative evidence, which can still be reversed by a late acknowledgement.
        Raises GatewayError(permanent) where the reference given is of no use to this broker (class C and our own reference).
        """

    def open_orders(self, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[OrderReport]:
        """Return all working orders of the connection."""

    def poll(self, cursor: str, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[OrderReport | ExecutionReport]:
        """Return what the broker has told us since `cursor` ("" = from the beginning it still knows).

        `complete=False`: a gap was seen or more is waiting; call again with the returned cursor, which never passes a gap.
        """

    def executions_since(self, cursor: str, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[ExecutionReport]:
        """Return executions, corrections and busts after `cursor`, oldest first; call on until `complete` and empty."""

    def positions(self, account: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[PositionReport]:
        """Return trade-date positions that are not zero, of one account or all."""

    def cash(self, account: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[CashReport]:
        """Return cash balances, of one account or all."""

    def trades(self, trade_date: date, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[CustodyTradeReport]:
        """Return the custodian's trades of a day."""

    def fees(self, fee_date: date, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[FeeReport]:
        """Return the custodian's charges of a day, commissions included."""

    def allocate(self, instruction: AllocationInstruction, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        """Instruct the split of a block. Idempotent by `allocation_id`, so an unresolved one may be sent again unchanged."""

    def instrument_rules(self, symbols: Sequence[str], *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[InstrumentRules]:
        """Return the rules of the symbols the broker knows; `complete=False` if one is missing."""

    def quotes(self, symbols: Sequence[str], *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[QuoteReport]:
        """Return quotes of the symbols that have one; `complete=False` if one is missing."""

    def minute_volumes(self, symbol: str, count: int = 20, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[Decimal]:
        """Return volumes of the last `count` completed regular-hours minutes, oldest first (RTE-1)."""
