"""A parent's limit changed while it works: whether it may be, where it may go, and what of an ended order is sent again (RTE-2, RTE-7).

Entry points: `why_not` (may this parent be replaced), `may_replace` (is there a button), `judge_limit` (may it have this limit),
`furthest` (how far one may go), `too_small` (would the venue take what is left), `after_end` (may an order's rest be sent again), `rest_of` (how
much). Pure.

Invariants:
1. Nothing is sent again but on the broker's word that the order has ended and filled exactly what is booked: absence, an incomplete answer, a
   figure that differs, is no such word.
2. A chain of orders, each sent for what the one before left, never orders more than its first one: the rest is the first one's quantity less
   everything the chain has filled, fills that came late included.
3. A limit is taken as it is or refused: on the tick, never past the collar, never above what a parent over time has reserved for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from base.core.figures import number
from market.enums import Side

from ..enums import SLICED, OrderState, ParentState, TimeInForce


class Resend(StrEnum):
    """What becomes of the rest of an order that was to be replaced. DROP: nothing is left, or nothing may follow, and nobody need be told."""

    SEND = "SEND"
    WAIT = "WAIT"
    DROP = "DROP"
    GIVE_UP = "GIVE_UP"


@dataclass(frozen=True, slots=True)
class Standing:
    """A parent as it stands when somebody wants another limit. limit: None where it has none.

    reserved_at: the price its cash was reserved at, for one over time. is_over: its session has ended.
    """

    side: Side
    state: ParentState
    is_sliced: bool
    time_in_force: TimeInForce
    limit: Decimal | None
    is_stated: bool
    reserved_at: Decimal | None = None
    is_cancel_asked: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """A rule that stands in the way, in words; edge: the nearest limit that it would let pass, where there is one."""

    rule: str
    message: str
    edge: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The broker's answer about one order: whether it has ended there by a cancel, whether it has ended at all, and what it says was filled."""

    is_canceled: bool
    is_final: bool
    filled_qty: Decimal


class Replaceable(Protocol):
    """What `may_replace` asks of a parent, a row of the database or a reader's own."""

    @property
    def state(self) -> str: ...
    @property
    def route(self) -> str: ...
    @property
    def time_in_force(self) -> str: ...
    @property
    def cancel_requested_at(self) -> datetime | None: ...


def may_replace(parent: Replaceable) -> bool:
    """Return whether a parent has something whose limit could be changed: `why_not` but for the hour of its session."""
    rests = parent.route in SLICED or parent.time_in_force == TimeInForce.DAY
    return parent.state == ParentState.WORKING and parent.cancel_requested_at is None and rests


def why_not(parent: Standing) -> Refusal | None:
    """Return why the limit of this parent cannot be changed any more, or not yet; None where it can."""
    if parent.state in (ParentState.DONE, ParentState.CANCELED, ParentState.DENIED):
        return Refusal("RTE-7", "it has ended; nothing works that could be replaced")
    if parent.is_cancel_asked:
        return Refusal("RTE-7", "it was asked to be canceled; nothing more will be sent")
    if parent.state is ParentState.HELD:
        return Refusal("RTE-5", "it waits until an opposite order has ended, and has no orders yet; cancel it and state it again")
    if parent.state is ParentState.RELEASING:
        return Refusal("RTE-7", "its orders are being made; try again in a moment")
    if not parent.is_sliced and parent.time_in_force is not TimeInForce.DAY:
        return Refusal("RTE-2", "what is not filled at once is canceled; nothing rests that could be replaced")
    if parent.is_over:
        return Refusal("ALC-3", "its session has ended, and its orders with it")
    return None


def judge_limit(parent: Standing, limit: Decimal | None, *, house: Decimal, tick: Decimal) -> Refusal | None:
    """Return the rule that refuses this limit, None if it may stand. limit: None = the house's best price.

    house: the edge of the collar now (RTE-2). tick > 0.

    >>> resting = Standing(Side.BUY, ParentState.WORKING, False, TimeInForce.DAY, Decimal("49.90"), True)
    >>> judge_limit(resting, Decimal("50.08"), house=Decimal("50.08"), tick=Decimal("0.01")) is None
    True
    >>> judge_limit(resting, Decimal("50.09"), house=Decimal("50.08"), tick=Decimal("0.01")).rule
    'RTE-2'
    """
    price = house if limit is None else limit
    if price <= 0:
        return Refusal("positive", "a limit is above zero")
    if price % tick:
        return Refusal("tick", f"{tick.normalize():f} is the smallest step")
    if (price - house) * parent.side.sign > 0:
        return Refusal("RTE-2", "it is past the collar", house)
    edge, rule = furthest(parent, house)
    if rule == "ACC-4" and price > edge:
        return Refusal(rule, "more than was reserved for its slices; cancel it and state it again", edge)
    return None


class Minima(Protocol):
    """What `too_small` asks of an instrument."""

    @property
    def currency(self) -> str: ...
    @property
    def multiplier(self) -> Decimal: ...
    @property
    def min_quantity(self) -> Decimal: ...
    @property
    def min_notional(self) -> Decimal: ...


def too_small(left: Decimal, *, price: Decimal, instrument: Minima) -> str:
    """Return in words why the venue would not take so little at this price, "" where it would (SIZ-5)."""
    worth = left * price * instrument.multiplier
    if worth < instrument.min_notional:
        return f"would be worth {number(worth)} {instrument.currency}, less than its smallest order, {number(instrument.min_notional)}"
    if left < instrument.min_quantity:
        return f"is {number(left)}, less than its smallest order, {number(instrument.min_quantity)}"
    return ""


def furthest(parent: Standing, house: Decimal) -> tuple[Decimal, str]:
    """Return how far a limit may go now, and the rule that ends it there. house: the edge of the collar.

    >>> sliced = Standing(Side.BUY, ParentState.WORKING, True, TimeInForce.DAY, Decimal("49.90"), True, Decimal("49.90"))
    >>> furthest(sliced, Decimal("50.08")), furthest(sliced, Decimal("49.80"))
    ((Decimal('49.90'), 'ACC-4'), (Decimal('49.80'), 'RTE-2'))
    """
    if parent.is_sliced and parent.side.is_buy and parent.reserved_at is not None and parent.reserved_at < house:
        return parent.reserved_at, "ACC-4"
    return house, "RTE-2"


def after_end(
    *, state: OrderState, filled_qty: Decimal, is_declared_absent: bool, told: Sequence[Told], is_complete: bool, may_follow: bool
) -> Resend:
    """Return what becomes of the rest of an order that has ended on our books.

    told: the broker's answers about it, is_complete: all of them. may_follow: its parent still works and may send.
    Source: RTE-7, RELIABILITY "cancel/fill and replace/fill race", "late ack after declared absent".

    >>> facts = dict(state=OrderState.CANCELED, filled_qty=Decimal(40), is_declared_absent=False, is_complete=True, may_follow=True)
    >>> after_end(told=[Told(True, True, Decimal(40))], **facts).value, after_end(told=[Told(True, True, Decimal(60))], **facts).value
    ('SEND', 'WAIT')
    """
    if not may_follow or state in (OrderState.FILLED, OrderState.EXPIRED):
        return Resend.DROP
    if is_declared_absent or state is not OrderState.CANCELED:
        return Resend.GIVE_UP
    if not is_complete or not all(one.is_final for one in told):
        return Resend.WAIT
    if not told or not all(one.is_canceled for one in told):
        return Resend.GIVE_UP
    return Resend.SEND if sum((one.filled_qty for one in told), Decimal(0)) == filled_qty else Resend.WAIT


def rest_of(*, first_quantity: Decimal, filled: Sequence[Decimal]) -> Decimal:
    """Return what a chain of orders has still to fill, never below zero. filled: of each order of the chain.

    >>> rest_of(first_quantity=Decimal(100), filled=[Decimal(30), Decimal(20)]), rest_of(first_quantity=Decimal(10), filled=[Decimal(12)])
    (Decimal('50'), Decimal('0'))
    """
    return max(first_quantity - sum(filled, Decimal(0)), Decimal(0))
