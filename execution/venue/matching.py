"""One bar against the open orders of its symbol. Pure: reads orders, returns what happens to them.

Entry points: `match_bar`, `ask_of`, `bid_of`.

Invariants:
1. Only orders placed before the bar began take part (DESIGN §7: the next bar, never the one it was placed in).
2. All fills of a bar together take at most its participation volume.
3. No fill is worse than the order's limit; buys pay the ask around a traded price, sells get the bid.
4. Who comes first: price better than the bar's open by more, then earlier in the book. Orders never match each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from execution.venue.orders import VenueOrder

_MARKETABLE = 1 << 62


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, prices in units; `capacity`: lots that our orders may take of it."""

    start_us: int
    open: int
    high: int
    low: int
    capacity: int


@dataclass(frozen=True, slots=True)
class Spread:
    """tick: price units. bps: quoted spread, at least one tick."""

    tick: int
    bps: int

    def width(self, price: int) -> int:
        return max(self.tick, price * self.bps // 10_000)


@dataclass(frozen=True, slots=True)
class Fill:
    """`lots` of `order` at `price` units."""

    order: VenueOrder
    lots: int
    price: int


def ask_of(price: int, spread: Spread) -> int:
    """Return half a spread above a traded price, rounded up to the tick.

    >>> ask_of(500_200, Spread(tick=100, bps=2))
    500300
    """
    return -(-(2 * price + spread.width(price)) // (2 * spread.tick)) * spread.tick


def bid_of(price: int, spread: Spread) -> int:
    """Return half a spread below a traded price, rounded down to the tick, never below one tick."""
    return max((2 * price - spread.width(price)) // (2 * spread.tick), 1) * spread.tick


def match_bar(orders: Iterable[VenueOrder], bar: Bar, spread: Spread) -> tuple[list[VenueOrder], list[Fill]]:
    """Return the stops that this bar triggers and the fills it gives, in the sequence in which they happen."""
    triggered: list[VenueOrder] = []
    candidates: list[tuple[int, int, VenueOrder, int]] = []
    for order in orders:
        if bar.start_us <= order.placed_us or bar.start_us < order.arrival_us:
            continue
        fires = order.stop is not None and not order.triggered and _stop_reached(order, bar)
        if fires:
            triggered.append(order)
        price = _fill_price(order, bar, spread, fires=fires)
        if price is not None:
            candidates.append((-_eagerness(order, bar), order.priority, order, price))
    candidates.sort(key=lambda candidate: candidate[:2])
    return triggered, _share_out(candidates, bar.capacity)


def _share_out(candidates: list[tuple[int, int, VenueOrder, int]], capacity: int) -> list[Fill]:
    fills: list[Fill] = []
    for _, _, order, price in candidates:
        if capacity == 0:
            break
        lots = min(order.leaves, capacity)
        if lots == 0 or (order.time_in_force == "FOK" and lots < order.leaves):
            continue
        fills.append(Fill(order, lots, price))
        capacity -= lots
    return fills


def _stop_reached(order: VenueOrder, bar: Bar) -> bool:
    assert order.stop is not None  # noqa: S101  (for the type checker; the caller asks only stop orders)
    return bar.high >= order.stop if order.side == "BUY" else bar.low <= order.stop


def _fill_price(order: VenueOrder, bar: Bar, spread: Spread, *, fires: bool) -> int | None:
    """Return the price at which the bar would fill the order, None if it would not.

    A stop that fires now trades from its stop, or from an open beyond it; a stop-limit that is not good at that price rests from the
    next bar.
    """
    buys = order.side == "BUY"
    touch = ask_of if buys else bid_of
    if order.stop is not None and not order.triggered:
        if not fires:
            return None
        start = max(bar.open, order.stop) if buys else min(bar.open, order.stop)
        price = touch(start, spread)
        return price if _within(price, order) else None
    price = touch(bar.open, spread)
    if _within(price, order):
        return price
    best = touch(bar.low if buys else bar.high, spread)
    return order.limit if _within(best, order) else None


def _within(price: int, order: VenueOrder) -> bool:
    return order.limit is None or (price <= order.limit if order.side == "BUY" else price >= order.limit)


def _eagerness(order: VenueOrder, bar: Bar) -> int:
    if order.limit is None:
        return _MARKETABLE
    return order.limit - bar.open if order.side == "BUY" else bar.open - order.limit
