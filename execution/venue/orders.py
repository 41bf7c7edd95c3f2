"""Orders as the venue keeps them, and the rules of admission.

Entry points: `VenueOrder`, `admit`, `Market` (an instrument with its integer scales), `to_microseconds`.

Invariants:
1. Inside the venue a quantity is a whole number of lot steps and a price a whole number of 10^-price_decimals: exact, and fast to match.
2. An admitted order obeys tick, lot step, minimum quantity and minimum notional; what does not is refused with one reason code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

import numpy as np

from base.core.ids import plain_decimal
from execution.venue.bars import Bars, Ints
from execution.venue.setup import MINUTE, Instrument

OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE"})
PRICED = {"MARKET": (False, False), "LIMIT": (True, False), "STOP": (False, True), "STOP_LIMIT": (True, True)}
"""Order type → (has a limit price, has a stop price)."""
SIDES = frozenset({"BUY", "SELL"})
TIMES_IN_FORCE = frozenset({"DAY", "GTC", "IOC", "FOK"})

_LARGEST_EXPONENT = 15


class Market:
    """An instrument, its bars, and the conversion between decimals and the venue's integers.

    tick: in price units. lots: int64[n], bar volumes in lot steps, rounded down. Raises ValueError if the tick is finer than the bars'
    price scale.
    """

    def __init__(self, instrument: Instrument, bars: Bars) -> None:
        tick = instrument.tick.scaleb(bars.price_decimals)
        if tick != tick.to_integral_value():
            raise ValueError(f"{instrument.symbol}: tick {instrument.tick} is finer than the bars' {bars.price_decimals} decimals")
        numerator, denominator = instrument.lot_step.scaleb(bars.volume_decimals).as_integer_ratio()
        self.instrument = instrument
        self.bars = bars
        self.tick = int(tick)
        self.lots: Ints = bars.volume * denominator // numerator
        self.ends: Ints = bars.start_us + MINUTE
        self.quantity_text = lru_cache(maxsize=4096)(self._quantity_text)
        self._price_unit = Decimal(1).scaleb(-bars.price_decimals)
        self._last_completed = (0, -1)

    def price(self, units: int) -> Decimal:
        return units * self._price_unit

    def quantity(self, lots: int) -> Decimal:
        return lots * self.instrument.lot_step

    def price_units(self, price: Decimal) -> int | None:
        """Return the price in units, or None if it is not a positive multiple of the tick."""
        if not price.is_finite() or price <= 0 or price % self.instrument.tick:
            return None
        return int(price / self._price_unit)

    def lot_count(self, quantity: Decimal) -> int | None:
        """Return the quantity in lot steps, or None if it is not a positive multiple of the step."""
        if not quantity.is_finite() or quantity <= 0 or quantity % self.instrument.lot_step:
            return None
        return int(quantity / self.instrument.lot_step)

    def last_completed(self, now_us: int) -> int:
        """Return the index of the newest bar that has ended at `now_us`, −1 if none."""
        if self._last_completed[0] != now_us:
            self._last_completed = (now_us, int(np.searchsorted(self.ends, now_us, side="right")) - 1)
        return self._last_completed[1]

    def _quantity_text(self, lots: int) -> str:
        return plain_decimal(self.quantity(lots))


@dataclass(slots=True)
class VenueOrder:
    """One order in the book. Prices in units, quantities in lots; `notional` = Σ price × lots of valid executions."""

    number: int
    epoch: int
    broker_order_id: str
    client_order_id: str
    account: str
    symbol: str
    side: str
    order_type: str
    time_in_force: str
    lots: int
    limit: int | None
    stop: int | None
    placed_us: int
    arrival_us: int
    expires_us: int | None = None
    status: str = "NEW"
    filled: int = 0
    notional: int = 0
    charged: Decimal = Decimal(0)
    triggered: bool = False
    priority: int = 0
    orig_client_order_id: str = ""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def leaves(self) -> int:
        """Return the lots still working: none once the order is final (FIX 151)."""
        return self.lots - self.filled if self.is_open else 0

    def working_status(self) -> str:
        """Return the status that the filled quantity alone implies for a working order."""
        return "FILLED" if self.filled >= self.lots else "PARTIALLY_FILLED" if self.filled else "NEW"


@dataclass(frozen=True, slots=True)
class Terms:
    """The admitted numbers of an order."""

    lots: int
    limit: int | None
    stop: int | None


def is_readable(wire: Mapping[str, object]) -> bool:
    """Say whether an order's fields are strings and its words are FIX's. One that is not is no order at all."""
    return (
        set(map(type, wire.values())) == {str}
        and wire.get("side") in SIDES
        and wire.get("order_type") in PRICED
        and wire.get("time_in_force") in TIMES_IN_FORCE
    )


def admit(wire: Mapping[str, str], market: Market, reference_price: int | None) -> Terms | str:
    """Check the numbers of a readable order; return its terms, or the reason code of the refusal.

    wire: strings as they came. reference_price: units, for the notional of an order without a price of its own; None skips that test.
    """
    quantity = _decimal(wire.get("quantity", ""))
    if quantity is None or quantity <= 0:
        return "BAD_QUANTITY"
    lots = market.lot_count(quantity)
    if lots is None:
        return "LOT_STEP"
    if quantity < market.instrument.min_quantity:
        return "MIN_QUANTITY"
    prices: list[int | None] = []
    for name, wanted in zip(("limit_price", "stop_price"), PRICED[wire["order_type"]], strict=True):
        text = wire.get(name) or ""
        if bool(text) != wanted:
            return "BAD_TERMS"
        price = _decimal(text) if wanted else None
        units = market.price_units(price) if price is not None else None
        if wanted and units is None:
            return "TICK_SIZE"
        prices.append(units)
    at = next((units for units in [*prices, reference_price] if units is not None), None)
    if at is not None and quantity * market.price(at) * market.instrument.multiplier < market.instrument.min_notional:
        return "MIN_NOTIONAL"
    return Terms(lots, prices[0], prices[1])


def to_wire(order: VenueOrder, market: Market | None) -> dict[str, object]:
    """Return the order as reports and journal show it; market None for a refused order in an unknown symbol."""
    filled = leaves = quantity = "0"
    if market is not None:
        quantity, filled, leaves = map(market.quantity_text, (order.lots, order.filled, order.leaves))
    return {
        "broker_order_id": order.broker_order_id,
        "epoch": order.epoch,
        "client_order_id": order.client_order_id,
        "orig_client_order_id": order.orig_client_order_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side,
        "status": order.status,
        "quantity": quantity,
        "filled_qty": filled,
        "leaves_qty": leaves,
    }


def to_microseconds(instant: datetime) -> int:
    """Return microseconds since 1970 UTC of an aware instant, exactly."""
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _LARGEST_EXPONENT else None
