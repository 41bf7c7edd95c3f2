"""The paper gateway: `Gateway` over the simulated venue, whichever transport carries it.

Entry point: `PaperGateway(transport, venue_class)`.

Invariants: those of `execution.gateways.base`. In particular one call is one transmission: nothing here is ever repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from execution.enums import OrderType, TimeInForce
from execution.gateways.base import DEFAULT_TIMEOUT, Capabilities, GatewayError
from execution.gateways.enums import OrderEvent, OutcomeKind, VenueClass
from execution.gateways.paper import codec
from execution.gateways.paper.codec import Message, UnreadableReport, reading
from execution.gateways.paper.transports import NoAnswer, NotConnected, Transport
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

T = TypeVar("T")
_REFUSALS = {OrderEvent.REJECTED, OrderEvent.CANCEL_REJECTED, OrderEvent.REPLACE_REJECTED}


def capabilities_of(venue_class: VenueClass) -> Capabilities:
    """Return what the simulated venue can do, set up as a venue of this class."""
    return Capabilities(
        venue_class=venue_class,
        block_orders=True,
        native_allocation=False,
        post_trade_allocation=True,
        brackets=False,
        replace=True,
        max_batch=10_000,
        order_types=frozenset(OrderType),
        times_in_force=frozenset(TimeInForce),
    )


class PaperGateway:
    """One connection to the simulated venue."""

    def __init__(self, transport: Transport, venue_class: VenueClass = VenueClass.A) -> None:
        self.capabilities = capabilities_of(venue_class)
        self._transport = transport

    def connect(self, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        try:
            self._transport.connect(timeout)
        except NotConnected as error:
            raise GatewayError(str(error), permanent=False) from error

    def close(self) -> None:
        self._transport.close()

    def now(self, *, timeout: float = DEFAULT_TIMEOUT) -> datetime:
        return self._understand(lambda reply: codec.instant(reply["as_of"]), self._ask({"op": "now"}, timeout))

    # -- writing ------------------------------------------------------------------------------------------------------------------

    def submit_many(self, orders: Sequence[OrderRequest], *, timeout: float = DEFAULT_TIMEOUT) -> list[Outcome]:
        if len(orders) > self.capabilities.max_batch:
            raise ValueError(f"{len(orders)} orders, but a batch takes {self.capabilities.max_batch}")
        references = [order.client_order_id for order in orders]
        return self._transmit({"op": "submit", "orders": [codec.encode_order(order) for order in orders]}, references, timeout)

    def submit(self, order: OrderRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        return self.submit_many([order], timeout=timeout)[0]

    def cancel(self, ref: OrderRef, request_id: str, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        message = {"op": "cancel", "request_id": request_id, **codec.encode_ref(ref)}
        return self._transmit(message, [ref.client_order_id], timeout)[0]

    def replace(self, ref: OrderRef, replacement: OrderRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        message = {"op": "replace", "order": codec.encode_order(replacement), **codec.encode_ref(ref)}
        return self._transmit(message, [replacement.client_order_id], timeout)[0]

    def allocate(self, instruction: AllocationInstruction, *, timeout: float = DEFAULT_TIMEOUT) -> Outcome:
        return self._transmit(codec.encode_allocation(instruction), [instruction.allocation_id], timeout)[0]

    def _transmit(self, message: Message, references: list[str], timeout: float) -> list[Outcome]:
        """Write once; return one outcome per reference. Raises GatewayError if nothing was written."""
        try:
            reply = self._transport.request(message, timeout)
            if not reply.get("ok"):
                return [Outcome(OutcomeKind.REJECTED, reference, reason=str(reply["error"])) for reference in references]
            return [_outcome(result, ref) for result, ref in zip(reply["results"], references, strict=True)]
        except NotConnected as error:
            raise GatewayError(str(error), permanent=False) from error
        except NoAnswer as error:
            reason = str(error)
        except (UnreadableReport, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"unreadable answer: {error}"
        return [Outcome(OutcomeKind.UNRESOLVED, reference, reason=reason) for reference in references]

    # -- reading ------------------------------------------------------------------------------------------------------------------

    def order_status(self, ref: OrderRef, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[OrderReport]:
        return self._list({"op": "status", **codec.encode_ref(ref)}, codec.decode_order, timeout)

    def open_orders(self, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[OrderReport]:
        return self._list({"op": "open_orders"}, codec.decode_order, timeout)

    def poll(self, cursor: str, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[OrderReport | ExecutionReport]:
        after = _position(cursor)
        reply = self._ask({"op": "poll", "after": after}, timeout)
        return self._understand(lambda message: _stream(message, after), reply)

    def executions_since(self, cursor: str, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[ExecutionReport]:
        return self._list({"op": "executions", "after": _position(cursor)}, codec.decode_execution, timeout)

    def positions(self, account: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[PositionReport]:
        return self._list({"op": "positions", "account": account}, codec.decode_position, timeout)

    def cash(self, account: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[CashReport]:
        return self._list({"op": "cash", "account": account}, codec.decode_cash, timeout)

    def trades(self, trade_date: date, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[CustodyTradeReport]:
        return self._list({"op": "trades", "date": trade_date.isoformat()}, codec.decode_trade, timeout)

    def fees(self, fee_date: date, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[FeeReport]:
        return self._list({"op": "fees", "date": fee_date.isoformat()}, codec.decode_fee, timeout)

    def instrument_rules(self, symbols: Sequence[str], *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[InstrumentRules]:
        return self._list({"op": "rules", "symbols": list(symbols)}, codec.decode_rules, timeout)

    def quotes(self, symbols: Sequence[str], *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[QuoteReport]:
        return self._list({"op": "quotes", "symbols": list(symbols)}, codec.decode_quote, timeout)

    def minute_volumes(self, symbol: str, count: int = 20, *, timeout: float = DEFAULT_TIMEOUT) -> ReportList[Decimal]:
        return self._list({"op": "volumes", "symbol": symbol, "count": count}, codec.decode_volume, timeout)

    def _list(self, message: Message, decode: Callable[..., T], timeout: float) -> ReportList[T]:
        reply = self._ask(message, timeout)
        return self._understand(
            lambda answer: ReportList(
                items=tuple(decode(item) for item in answer["items"]),
                as_of=codec.instant(answer["as_of"]),
                complete=answer["complete"] is True,
                cursor=str(answer.get("cursor", "")),
            ),
            reply,
        )

    def _ask(self, message: Message, timeout: float) -> Message:
        """Return the venue's reply to a question. Raises GatewayError."""
        try:
            reply = self._transport.request(message, timeout)
        except (NotConnected, NoAnswer) as error:
            raise GatewayError(str(error), permanent=False) from error
        if reply.get("ok") is not True:
            raise GatewayError(str(reply.get("error")), permanent=reply.get("permanent") is True)
        return reply

    def _understand(self, decode: Callable[[Message], T], reply: Message) -> T:
        try:
            return reading(decode, reply)
        except UnreadableReport as error:
            raise GatewayError(str(error), permanent=False) from error


def _outcome(result: Message, reference: str) -> Outcome:
    """Return what one result of a transmission tells; a repeated order is as confirmed or rejected as the first one was."""
    if "broker_order_id" not in result:
        refused = result["kind"] in {"REQUEST_REJECTED", "ALLOCATION_REJECTED"}
        return Outcome(OutcomeKind.REJECTED if refused else OutcomeKind.CONFIRMED, reference, reason=result["reason"])
    report = reading(lambda message: codec.decode_order(message, reference), result)
    refused = report.event in _REFUSALS or (report.event is OrderEvent.DUPLICATE and report.status == "REJECTED")
    return Outcome(OutcomeKind.REJECTED if refused else OutcomeKind.CONFIRMED, reference, report, report.reason)


def _stream(reply: Message, after: int) -> ReportList[OrderReport | ExecutionReport]:
    """Return streamed reports as they came, and a cursor at the last number before the first one missing."""
    numbers = {message["seq"] for message in reply["items"]}
    last = after
    while last + 1 in numbers:
        last += 1
    return ReportList(
        items=tuple(codec.decode_stream(message) for message in reply["items"] if message["kind"] != "GAP_FILL"),
        as_of=codec.instant(reply["as_of"]),
        complete=last == reply["last"],
        cursor=str(last),
    )


def _position(cursor: str) -> int:
    return int(cursor) if cursor else 0
