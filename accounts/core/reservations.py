"""What live orders hold back: cash and quantity, both sides (DESIGN §3; ACC-4, CST-3, CST-4).

Entry points: `Reservation`, `reserve`, `consume`, `release`, `totals`, `reserved_cash_arrays`.

Invariants:
1. What is held depends only on the terms and on what is filled: consuming fill by fill or at once gives the same reservation.
2. Cash is rounded up to the minor unit: a reservation never holds less than the order may cost.
3. A released or wholly filled reservation holds nothing. A fill after release, or beyond the quantity, is recorded, holds nothing and shows
   as `overfilled` (I5: booked and alarmed).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from accounts.enums import OrderSide
from base.core.money import minor_exponent

from .ledger import Holder, Id
from .scaled import SCALE

ZERO = Decimal(0)
_BUYING = frozenset({OrderSide.BUY, OrderSide.BUY_TO_COVER})


@dataclass(frozen=True, slots=True)
class Reservation:
    """One live order's hold on one account.

    quantity: > 0, whole order. limit_price: the worst price it may fill at (a market order's collar). fee: of the whole order, ≥ 0.
    cash_rate: how much of the notional is needed in cash: 1 in cash accounts, else the margin rate (a short sale's 50% under Reg T comes on
    top of its own proceeds, which stay with the broker; ACC-7).
    """

    order_id: Id
    holder: Holder
    instrument_id: Id
    side: OrderSide
    quantity: Decimal
    limit_price: Decimal
    currency: str
    multiplier: Decimal = Decimal(1)
    fee: Decimal = ZERO
    cash_rate: Decimal = Decimal(1)
    filled: Decimal = ZERO
    released: bool = False

    @property
    def leaves_qty(self) -> Decimal:
        """What may still fill."""
        return ZERO if self.released else max(self.quantity - self.filled, ZERO)

    @property
    def overfilled(self) -> Decimal:
        """What filled beyond the quantity, ≥ 0."""
        return max(self.filled - self.quantity, ZERO)

    @property
    def cash(self) -> Decimal:
        """Cash held back: buys, covers and short sales; a sale of what is held pays for itself."""
        if self.side is OrderSide.SELL or not self.leaves_qty:
            return ZERO
        notional = Fraction(self.leaves_qty) * Fraction(self.limit_price) * Fraction(self.multiplier) * Fraction(self.cash_rate)
        return _round_up(notional + Fraction(self.fee) * Fraction(self.leaves_qty) / Fraction(self.quantity), self.currency)


def reserve(reservation: Reservation) -> Reservation:
    """Check the terms of a new reservation and return it.

    Raises ValueError for a quantity that is not positive, a negative fee or rate, or a missing price where cash is held.
    """
    figures = (reservation.quantity, reservation.limit_price, reservation.fee, reservation.cash_rate, reservation.multiplier)
    if not all(figure.is_finite() for figure in figures):
        raise ValueError(f"order {reservation.order_id}: a term is not a finite number")
    if reservation.quantity <= 0:
        raise ValueError(f"order {reservation.order_id}: quantity {reservation.quantity} is not positive")
    if reservation.side is not OrderSide.SELL and not reservation.limit_price > 0:
        raise ValueError(f"order {reservation.order_id}: price {reservation.limit_price} cannot be reserved against")
    if reservation.fee < 0 or reservation.cash_rate < 0:
        raise ValueError(f"order {reservation.order_id}: fee {reservation.fee} or rate {reservation.cash_rate} is negative")
    return reservation


def consume(reservation: Reservation, last_qty: Decimal) -> Reservation:
    """Return the reservation after a fill of `last_qty`; a busted fill gives its quantity back as a negative one.

    Raises ValueError if more would be given back than was filled.
    """
    filled = reservation.filled + last_qty
    if filled < 0:
        raise ValueError(f"order {reservation.order_id}: cannot give back {-last_qty} of {reservation.filled} filled")
    return replace(reservation, filled=filled)


def release(reservation: Reservation) -> Reservation:
    """Return the reservation of an order that has become terminal: it holds nothing any more."""
    return replace(reservation, released=True)


@dataclass(frozen=True, slots=True)
class ReservationTotals:
    """Σ over live orders. cash: by (account, currency). Quantities by (holder, instrument), all ≥ 0.

    selling: of what is held (CST-3: long quantity left to sell = position − selling). covering: of what is short.
    open_buys, open_sells: every working buy and sell, for limits that count working orders (CST-6, SIZ-1).
    """

    cash: dict[tuple[Id, str], Decimal] = field(default_factory=dict)
    selling: dict[tuple[Holder, Id], Decimal] = field(default_factory=dict)
    covering: dict[tuple[Holder, Id], Decimal] = field(default_factory=dict)
    open_buys: dict[tuple[Holder, Id], Decimal] = field(default_factory=dict)
    open_sells: dict[tuple[Holder, Id], Decimal] = field(default_factory=dict)


def totals(reservations: Iterable[Reservation]) -> ReservationTotals:
    """Sum what live orders hold back; released and filled ones add nothing."""
    result = ReservationTotals()
    for reservation in reservations:
        leaves = reservation.leaves_qty
        if not leaves:
            continue
        key = (reservation.holder, reservation.instrument_id)
        working = result.open_buys if reservation.side in _BUYING else result.open_sells
        _add(working, key, leaves)
        if reservation.side is OrderSide.SELL:
            _add(result.selling, key, leaves)
        elif reservation.side is OrderSide.BUY_TO_COVER:
            _add(result.covering, key, leaves)
        if reservation.cash:
            cash_key = (reservation.holder.account_id, reservation.currency)
            result.cash[cash_key] = result.cash.get(cash_key, ZERO) + reservation.cash
    return result


def _add(sums: dict[tuple[Holder, Id], Decimal], key: tuple[Holder, Id], quantity: Decimal) -> None:
    sums[key] = sums.get(key, ZERO) + quantity


def _round_up(amount: Fraction, currency: str) -> Decimal:
    minor = amount * 10 ** minor_exponent(currency)
    return Decimal(-((-minor.numerator) // minor.denominator)).scaleb(-minor_exponent(currency))


def reserved_cash_arrays(
    quantity: NDArray[np.int64], limit_price: Decimal, fee: NDArray[np.int64], currency: str, multiplier: Decimal = Decimal(1)
) -> NDArray[np.int64]:
    """Return the cash each of n new buys holds back, in units of 10⁻⁸, rounded up to the minor unit.

    quantity: int64[n] ≥ 0, units of 10⁻⁸; fee: int64[n], units of 10⁻⁸. Equal to `Reservation.cash` account by account.
    Raises OverflowError where a product does not fit 64 bits.
    """
    price = Fraction(limit_price) * Fraction(multiplier)
    unit = SCALE // 10 ** minor_exponent(currency)
    exact = quantity.astype(object) * price.numerator + fee.astype(object) * price.denominator
    held = -((-exact) // (price.denominator * unit)) * unit
    result: NDArray[np.int64] = held.astype(np.int64)
    return result
