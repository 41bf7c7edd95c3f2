"""Between the venue's messages and the values of `execution.gateways.reports`.

Entry points: `encode_order`, `encode_ref`, `encode_allocation`, and one `decode_…` per report.

Invariant: what cannot be read raises `UnreadableReport`; nothing is guessed or filled in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

from base.core.ids import plain_decimal
from execution.enums import ExecutionKind
from execution.gateways.enums import OrderEvent, ReportedStatus
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
    PositionReport,
    QuoteReport,
)
from market.enums import Side

Message = dict[str, Any]
T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXECUTION_KINDS = {"TRADE": ExecutionKind.NEW, "CORRECT": ExecutionKind.CORRECT, "BUST": ExecutionKind.BUST}


class UnreadableReport(ValueError):
    """A message that is not what it should be."""


def reading(decode: Callable[[Any], T], message: Any) -> T:
    """Return `decode(message)`. Raises UnreadableReport where it cannot be decoded."""
    try:
        return decode(message)
    except (KeyError, ValueError, TypeError, ArithmeticError, IndexError) as error:
        raise UnreadableReport(f"unreadable report: {error!r}") from error


def encode_order(order: OrderRequest) -> Message:
    """Return the order as the venue reads it."""
    wire = {
        "client_order_id": order.client_order_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side.value,
        "quantity": str(order.quantity),
        "order_type": order.order_type.value,
        "time_in_force": order.time_in_force.value,
    }
    if order.limit_price is not None:
        wire["limit_price"] = str(order.limit_price)
    if order.stop_price is not None:
        wire["stop_price"] = str(order.stop_price)
    return wire


def encode_ref(ref: OrderRef) -> Message:
    """Return the reference as the venue reads it."""
    return {"client_order_id": ref.client_order_id, "broker_order_id": ref.broker_order_id, "epoch": ref.session_epoch}


def encode_allocation(instruction: AllocationInstruction) -> Message:
    """Return the allocation as the venue reads it."""
    return {
        "op": "allocate",
        "allocation_id": instruction.allocation_id,
        "block_account": instruction.block_account,
        "symbol": instruction.symbol,
        "side": instruction.side.value,
        "trade_date": instruction.trade_date.isoformat(),
        "shares": [
            {
                "account": share.account,
                "quantity": plain_decimal(share.quantity),
                "amount": plain_decimal(share.amount),
                "fee": plain_decimal(share.fee),
            }
            for share in instruction.shares
        ],
    }


@lru_cache(maxsize=1024)
def instant(microseconds: int) -> datetime:
    """Return the instant so many microseconds after 1970, UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def is_execution(message: Message) -> bool:
    """Say whether a streamed message is an execution; otherwise it is an order report."""
    return message.get("kind") in _EXECUTION_KINDS


def decode_order(message: Message, own_reference: str = "") -> OrderReport:
    """Return an order report; `own_reference` where the venue does not repeat ours."""
    return OrderReport(
        event=OrderEvent(message["kind"]),
        ref=OrderRef(message["client_order_id"] or own_reference, message["broker_order_id"], message["epoch"]),
        account=message["account"],
        symbol=message["symbol"],
        side=Side(message["side"]),
        status=ReportedStatus(message["status"]),
        quantity=_number(message["quantity"]),
        filled_qty=_number(message["filled_qty"]),
        leaves_qty=_number(message["leaves_qty"]),
        at=instant(message["at"]),
        orig_client_order_id=message["orig_client_order_id"],
        reason=message["reason"],
    )


def decode_execution(message: Message) -> ExecutionReport:
    """Return an execution report."""
    return ExecutionReport(
        broker_exec_id=message["exec_id"],
        revision=message["revision"],
        kind=_EXECUTION_KINDS[message["kind"]],
        ref=OrderRef(message["client_order_id"], message["broker_order_id"], message["epoch"]),
        account=message["account"],
        symbol=message["symbol"],
        side=Side(message["side"]),
        last_qty=_number(message["last_qty"]),
        last_px=_number(message["last_px"]),
        commission=_number(message["commission"]),
        currency=message["currency"],
        trade_date=date.fromisoformat(message["trade_date"]),
        settle_date=date.fromisoformat(message["settle_date"]),
        at=instant(message["at"]),
        order_status=ReportedStatus(message["status"]),
        filled_qty=_number(message["filled_qty"]),
        leaves_qty=_number(message["leaves_qty"]),
    )


def decode_stream(message: Message) -> OrderReport | ExecutionReport:
    """Return whichever report a streamed message is."""
    return decode_execution(message) if is_execution(message) else decode_order(message)


def decode_position(row: list[str]) -> PositionReport:
    """Return a position."""
    account, symbol, quantity = row
    return PositionReport(account, symbol, _number(quantity))


def decode_cash(row: list[str]) -> CashReport:
    """Return a cash balance."""
    account, currency, total, settled = row
    return CashReport(account, currency, _number(total), _number(settled))


def decode_trade(message: Message) -> CustodyTradeReport:
    """Return a custodian's trade."""
    return CustodyTradeReport(
        trade_id=message["trade_id"],
        account=message["account"],
        symbol=message["symbol"],
        side=Side(message["side"]),
        quantity=_number(message["quantity"]),
        price=_number(message["price"]),
        amount=_number(message["amount"]),
        fee=_number(message["fee"]),
        currency=message["currency"],
        trade_date=date.fromisoformat(message["trade_date"]),
        settle_date=date.fromisoformat(message["settle_date"]),
        client_order_id=message["client_order_id"],
    )


def decode_fee(message: Message) -> FeeReport:
    """Return a custodian's charge."""
    return FeeReport(
        fee_id=message["fee_id"],
        account=message["account"],
        currency=message["currency"],
        amount=_number(message["amount"]),
        fee_date=date.fromisoformat(message["fee_date"]),
        text=message["text"],
    )


def decode_rules(message: Message) -> InstrumentRules:
    """Return a symbol's order rules."""
    return InstrumentRules(
        symbol=message["symbol"],
        currency=message["currency"],
        tick=_number(message["tick"]),
        lot_step=_number(message["lot_step"]),
        min_quantity=_number(message["min_quantity"]),
        min_notional=_number(message["min_notional"]),
        multiplier=_number(message["multiplier"]),
        settlement_days=message["settlement_days"],
    )


def decode_quote(message: Message) -> QuoteReport:
    """Return a quote."""
    return QuoteReport(
        symbol=message["symbol"],
        bid=_number(message["bid"]),
        ask=_number(message["ask"]),
        bid_size=_number(message["bid_size"]),
        ask_size=_number(message["ask_size"]),
        last=_number(message["last"]),
        at=instant(message["at"]),
        halted=message["halted"],
    )


def decode_volume(text: str) -> Decimal:
    """Return a volume."""
    return _number(text)


@lru_cache(maxsize=4096)
def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not isinstance(text, str) or not number.is_finite():
        raise ValueError(f"{text!r} is no finite decimal")
    return number
