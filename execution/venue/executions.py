"""Executions of the venue and their booking with the custodian: trades, corrections, busts.

Entry point: `ExecutionDesk`.

Invariants:
1. Execution ids never repeat, not even after a restart that repeats order ids.
2. The custodian's trade `X7` is always the valid revision of execution `X7`; a busted execution has none.
3. A bust or correction on a finished order does not bring it back to the book; a FILLED order that loses quantity becomes CANCELED (FIX
   D35).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from base.core.ids import plain_decimal
from base.core.money import round_money
from execution.venue.book import OrderBook
from execution.venue.custody import Custody, CustodyTrade
from execution.venue.orders import Market, VenueOrder
from execution.venue.setup import CommissionModel

Event = dict[str, object]


@dataclass(slots=True)
class Execution:
    """One execution in its valid revision; `busted` ones are final."""

    exec_id: str
    order: VenueOrder
    lots: int
    price: int
    commission: Decimal
    trade_date: date
    settle_date: date
    revision: int = 0
    busted: bool = False


class ExecutionDesk:
    """Makes executions, books them, and takes them back."""

    def __init__(self, book: OrderBook, custody: Custody, commission: CommissionModel) -> None:
        self._book = book
        self._custody = custody
        self._commission = commission
        self._executions: list[Execution] = []

    def find(self, exec_id: str) -> Execution | None:
        """Return a live execution; None for an unknown or busted id."""
        number = exec_id[1:]
        if not exec_id.startswith("X") or not number.isdecimal() or not 0 < int(number) <= len(self._executions):
            return None
        execution = self._executions[int(number) - 1]
        return None if execution.busted else execution

    def trade(self, order: VenueOrder, market: Market, lots: int, price: int, trade_date: date) -> Event:
        """Execute `lots` of an order at `price`, book it, and return its event."""
        execution = Execution(
            exec_id=f"X{len(self._executions) + 1}",
            order=order,
            lots=lots,
            price=price,
            commission=Decimal(0),
            trade_date=trade_date,
            settle_date=self._custody.settle_date(trade_date, market.instrument.settlement_days),
        )
        self._executions.append(execution)
        self._count(execution, market, +1)
        if order.status in {"NEW", "PARTIALLY_FILLED"} or order.filled >= order.lots:
            order.status = order.working_status()
        if not order.is_open:
            self._book.close(order)
        return self._event("TRADE", execution, market)

    def bust(self, execution: Execution, market: Market) -> Event:
        """Take an execution back; what it was charged is refunded."""
        execution.revision += 1
        self._count(execution, market, -1)
        execution.busted = True
        self._settle_status(execution.order)
        return self._event("BUST", execution, market)

    def correct(self, execution: Execution, market: Market, lots: int, price: int) -> Event:
        """Let an execution have another quantity or price."""
        self._count(execution, market, -1)
        execution.revision += 1
        execution.lots, execution.price = lots, price
        self._count(execution, market, +1)
        self._settle_status(execution.order)
        return self._event("CORRECT", execution, market)

    def _count(self, execution: Execution, market: Market, sign: int) -> None:
        order = execution.order
        order.filled += sign * execution.lots
        order.notional += sign * execution.lots * execution.price
        if sign > 0:
            execution.commission = self._charge(order, market)
            order.charged += execution.commission
            self._custody.book(_custody_trade(execution, market, in_block=self._custody.is_block(order.account)))
        else:
            order.charged -= execution.commission
            self._custody.cancel_trade(execution.exec_id)

    def _charge(self, order: VenueOrder, market: Market) -> Decimal:
        instrument = market.instrument
        notional = market.price(order.notional) * instrument.lot_step * instrument.multiplier
        total = round_money(self._commission.of_order(market.quantity(order.filled), notional), instrument.currency)
        return max(total - order.charged, Decimal(0))

    def _settle_status(self, order: VenueOrder) -> None:
        if order.status == "FILLED" and order.filled < order.lots:
            order.status = "CANCELED"
        elif order.status in {"NEW", "PARTIALLY_FILLED"} or (order.is_open and order.filled >= order.lots):
            order.status = order.working_status()
            if not order.is_open:
                self._book.close(order)

    def _event(self, kind: str, execution: Execution, market: Market) -> Event:
        order = execution.order
        return {
            "kind": kind,
            "exec_id": execution.exec_id,
            "revision": execution.revision,
            "broker_order_id": order.broker_order_id,
            "epoch": order.epoch,
            "client_order_id": order.client_order_id,
            "account": order.account,
            "symbol": order.symbol,
            "side": order.side,
            "last_qty": market.quantity_text(execution.lots),
            "last_px": plain_decimal(market.price(execution.price)),
            "commission": plain_decimal(Decimal(0) if execution.busted else execution.commission),
            "currency": market.instrument.currency,
            "trade_date": execution.trade_date.isoformat(),
            "settle_date": execution.settle_date.isoformat(),
            "status": order.status,
            "filled_qty": market.quantity_text(order.filled),
            "leaves_qty": market.quantity_text(order.leaves),
        }


def _custody_trade(execution: Execution, market: Market, *, in_block: bool) -> CustodyTrade:
    """Return the custodian's trade; a block's keeps its exact amount, for its accounts get the exact average price (ALC-3)."""
    order, instrument = execution.order, market.instrument
    quantity, price = market.quantity(execution.lots), market.price(execution.price)
    exact = quantity * price * instrument.multiplier
    amount = exact if in_block else round_money(exact, instrument.currency)
    return CustodyTrade(
        trade_id=execution.exec_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        amount=-amount if order.side == "BUY" else amount,
        fee=execution.commission,
        currency=instrument.currency,
        trade_date=execution.trade_date,
        settle_date=execution.settle_date,
        client_order_id=order.client_order_id,
    )
