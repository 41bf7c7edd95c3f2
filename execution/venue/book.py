"""All orders of the venue and the ways to find them again.

Entry point: `OrderBook`.

Invariants:
1. `open_in(symbol)` holds exactly the orders whose status is open, in the sequence of their entry.
2. A broker order id is unique within a session epoch only; without an epoch the newest order of that id is meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from execution.venue.orders import VenueOrder


class OrderBook:
    """Orders by number, by our reference, and by broker id."""

    def __init__(self) -> None:
        self.epoch = 1
        self._next_id = 1
        self._orders: list[VenueOrder] = []
        self._by_reference: defaultdict[str, list[VenueOrder]] = defaultdict(list)
        self._by_broker_id: defaultdict[str, list[VenueOrder]] = defaultdict(list)
        self._open: defaultdict[str, dict[int, VenueOrder]] = defaultdict(dict)
        self._open_count = 0

    def next_number(self) -> int:
        """Return the number the next order gets; numbers never repeat."""
        return len(self._orders) + 1

    def next_broker_id(self) -> str:
        """Return a broker order id and count on."""
        self._next_id += 1
        return f"V{self._next_id - 1}"

    def start_new_session(self, rollback: int) -> None:
        """Begin a new epoch whose broker ids start `rollback` lower, so that they repeat earlier ones."""
        self.epoch += 1
        self._next_id = max(1, self._next_id - rollback)

    def add(self, order: VenueOrder) -> None:
        """Keep a new order."""
        self._orders.append(order)
        self._by_broker_id[order.broker_order_id].append(order)
        self.name(order, order.client_order_id)
        if order.is_open:
            self._open[order.symbol][order.number] = order
            self._open_count += 1

    def name(self, order: VenueOrder, reference: str) -> None:
        """Let `reference` find the order too (a replacement's reference)."""
        self._by_reference[reference].append(order)

    def close(self, order: VenueOrder) -> None:
        """Take a finished order from the open ones."""
        if self._open[order.symbol].pop(order.number, None) is not None:
            self._open_count -= 1

    def has_reference(self, reference: str) -> bool:
        return reference in self._by_reference

    def find(self, reference: str, broker_order_id: str, epoch: int) -> list[VenueOrder]:
        """Return the orders meant by our reference, else by the broker's id (epoch 0: its newest)."""
        if reference:
            return list(self._by_reference.get(reference, ()))
        same_id = self._by_broker_id.get(broker_order_id, [])
        if epoch:
            return [order for order in same_id if order.epoch == epoch]
        return same_id[-1:]

    def open_in(self, symbol: str) -> list[VenueOrder]:
        return list(self._open[symbol].values())

    def open_symbols(self) -> list[str]:
        """Return the symbols that have open orders, sorted."""
        return sorted(symbol for symbol, orders in self._open.items() if orders)

    def open_orders(self) -> Iterator[VenueOrder]:
        """Yield all open orders, by symbol and then entry."""
        for symbol in self.open_symbols():
            yield from self._open[symbol].values()

    @property
    def any_open(self) -> bool:
        return self._open_count > 0
