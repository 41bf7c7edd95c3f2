"""Orders in, cancelled, replaced, expired.

Entry point: `OrderDesk`.

Invariants:
1. A class-A venue makes at most one order of a reference; a repetition is answered with the order as it stands.
2. IOC and FOK live for exactly one bar, the first that begins after they arrived; DAY until the session's close.
3. A delayed cancel or replacement finds whatever the order has become meanwhile; a fill has won.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from execution.venue.commands import CommandRefused, text_of
from execution.venue.orders import Market, Terms, VenueOrder, admit, is_readable, to_wire
from execution.venue.setup import MINUTE, Session

if TYPE_CHECKING:
    from execution.venue.engine import Venue


class OrderDesk:
    """Carries out order commands of a venue. halted: symbols in which nothing trades, kept by the caller."""

    def __init__(self, venue: Venue, halted: set[str]) -> None:
        self._venue = venue
        self._halted = halted
        self._timers: list[tuple[int, int, str, VenueOrder, dict[str, str]]] = []
        self._timer_count = 0
        self._actions: dict[str, Callable[[Mapping[str, object]], None]] = {
            "submit": self._submit,
            "cancel": self._cancel,
            "replace": self._replace,
        }

    def action(self, op: str) -> Callable[[Mapping[str, object]], None] | None:
        """Return what carries out `op`, None if it is no order command."""
        return self._actions.get(op)

    def next_timer_us(self) -> int | None:
        """Return when the next expiry or delayed request falls due."""
        return self._timers[0][0] if self._timers else None

    def run_timers(self) -> None:
        """Carry out what has fallen due."""
        while self._timers and self._timers[0][0] <= self._venue.now_us:
            _, _, action, order, request = heapq.heappop(self._timers)
            if action == "CANCEL":
                self._finish_cancel(order)
            elif action == "REPLACE":
                self._finish_replace(order, request)
            elif order.is_open and order.expires_us is not None and order.expires_us <= self._venue.now_us:
                self._end(order, "EXPIRED" if order.time_in_force == "DAY" else "CANCELED", order.time_in_force)

    def _set_timer(self, due_us: int, action: str, order: VenueOrder, request: dict[str, str] | None = None) -> None:
        self._timer_count += 1
        heapq.heappush(self._timers, (due_us, self._timer_count, action, order, request or {}))

    def _submit(self, command: Mapping[str, object]) -> None:
        orders = command.get("orders")
        if not isinstance(orders, list) or not all(isinstance(wire, dict) for wire in orders):
            raise CommandRefused("orders must be a list of objects")
        if not all(is_readable(wire) for wire in orders):
            raise CommandRefused("an order has fields that are no strings, or words that are not FIX's")
        for wire in orders:
            self._submit_one(wire)

    def _submit_one(self, wire: Mapping[str, str]) -> None:
        reference = wire.get("client_order_id", "")
        if self._venue.config.venue_class == "A" and reference and self._venue.book.has_reference(reference):
            self.report("DUPLICATE", self._venue.book.find(reference, "", 0)[-1])
            return
        market = self._venue.markets.get(wire.get("symbol", ""))
        session = self._venue.calendar_of(wire.get("symbol", "")).at_or_after(self._venue.now_us)
        terms = self._admit(wire, market, session)
        order = self._new_order(wire, terms if isinstance(terms, Terms) else Terms(0, None, None))
        if isinstance(terms, str) or market is None:
            order.status = "REJECTED"
            self._venue.book.add(order)
            self.report("REJECTED", order, str(terms))
            return
        self._venue.book.add(order)
        self._set_expiry(order, session)
        self.report("NEW", order)

    def _admit(self, wire: Mapping[str, str], market: Market | None, session: Session | None) -> Terms | str:
        if not wire.get("client_order_id"):
            return "NO_REFERENCE"
        if market is None:
            return "UNKNOWN_SYMBOL"
        if wire.get("account") not in self._venue.custody.accounts:
            return "UNKNOWN_ACCOUNT"
        at_once = wire.get("time_in_force") in {"IOC", "FOK"}
        closed = session is None or (at_once and session.open_us > self._venue.now_us)
        if closed and wire.get("time_in_force") != "GTC":
            return "SESSION_CLOSED"
        if market.instrument.symbol in self._halted and (at_once or wire.get("order_type") == "MARKET"):
            return "HALTED"
        index = market.last_completed(self._venue.now_us)
        return admit(wire, market, int(market.bars.close[index]) if index >= 0 else None)

    def _new_order(self, wire: Mapping[str, str], terms: Terms) -> VenueOrder:
        number = self._venue.book.next_number()
        return VenueOrder(
            number=number,
            epoch=self._venue.book.epoch,
            broker_order_id=self._venue.book.next_broker_id(),
            client_order_id=wire.get("client_order_id", ""),
            account=wire.get("account", ""),
            symbol=wire.get("symbol", ""),
            side=wire.get("side", ""),
            order_type=wire.get("order_type", ""),
            time_in_force=wire.get("time_in_force", ""),
            lots=terms.lots,
            limit=terms.limit,
            stop=terms.stop,
            placed_us=self._venue.now_us,
            arrival_us=self._venue.now_us + self._latency(number),
            priority=number,
        )

    def _latency(self, number: int) -> int:
        if not self._venue.config.latency_jitter_us:
            return self._venue.config.latency_us
        draw = hashlib.blake2b(f"{self._venue.seed}|{number}|{self._venue.now_us}".encode(), digest_size=8).digest()
        return self._venue.config.latency_us + int.from_bytes(draw, "big") % (self._venue.config.latency_jitter_us + 1)

    def _set_expiry(self, order: VenueOrder, session: Session | None) -> None:
        if order.time_in_force == "GTC" or session is None:
            return
        order.expires_us = session.close_us
        if order.time_in_force in {"IOC", "FOK"}:
            first_bar = max(order.placed_us // MINUTE + 1, -(-order.arrival_us // MINUTE)) * MINUTE
            order.expires_us = min(first_bar + MINUTE, session.close_us)
        self._set_timer(order.expires_us, "EXPIRE", order)

    def _target(self, command: Mapping[str, object]) -> tuple[VenueOrder | None, str]:
        reference = "" if self._venue.config.venue_class == "C" else text_of(command, "client_order_id", optional=True)
        epoch = command.get("epoch", 0)
        found = self._venue.book.find(reference, text_of(command, "broker_order_id", optional=True), epoch if isinstance(epoch, int) else 0)
        if len(found) > 1:
            return None, "AMBIGUOUS"
        if not found:
            return None, "UNKNOWN_ORDER"
        return found[0], "" if found[0].is_open else "TOO_LATE"

    def _cancel(self, command: Mapping[str, object]) -> None:
        order, reason = self._target(command)
        if order is None:
            self._venue.emit({"kind": "REQUEST_REJECTED", "reason": reason})
        elif reason:
            self.report("CANCEL_REJECTED", order, reason)
        elif self._venue.config.cancel_latency_us:
            order.status = "PENDING_CANCEL"
            self.report("PENDING_CANCEL", order)
            self._set_timer(self._venue.now_us + self._venue.config.cancel_latency_us, "CANCEL", order)
        else:
            self._end(order, "CANCELED", "REQUESTED")

    def _finish_cancel(self, order: VenueOrder) -> None:
        if order.is_open:
            self._end(order, "CANCELED", "REQUESTED")
        else:
            self.report("CANCEL_REJECTED", order, "TOO_LATE")

    def _replace(self, command: Mapping[str, object]) -> None:
        wire = command.get("order")
        if not isinstance(wire, dict) or not is_readable(wire):
            raise CommandRefused("a replacement is an order like any other")
        order, reason = self._target(command)
        if order is None:
            self._venue.emit({"kind": "REQUEST_REJECTED", "reason": reason})
            return
        reason = reason or self._replacement_fault(order, wire)
        if reason:
            self.report("REPLACE_REJECTED", order, reason)
            return
        self._venue.book.name(order, wire["client_order_id"])
        if self._venue.config.cancel_latency_us:
            order.status = "PENDING_REPLACE"
            self.report("PENDING_REPLACE", order)
            self._set_timer(self._venue.now_us + self._venue.config.cancel_latency_us, "REPLACE", order, dict(wire))
        else:
            self._finish_replace(order, wire)

    def _replacement_fault(self, order: VenueOrder, wire: Mapping[str, str]) -> str:
        if not wire.get("client_order_id"):
            return "NO_REFERENCE"
        if self._venue.config.venue_class == "A" and self._venue.book.has_reference(wire["client_order_id"]):
            return "DUPLICATE_REFERENCE"
        same = all(wire.get(name) == getattr(order, name) for name in ("account", "symbol", "side", "order_type", "time_in_force"))
        if not same:
            return "BAD_TERMS"
        terms = admit(wire, self._venue.markets[order.symbol], None)
        return terms if isinstance(terms, str) else ""

    def _finish_replace(self, order: VenueOrder, wire: Mapping[str, str]) -> None:
        terms = admit(wire, self._venue.markets[order.symbol], None)
        if not order.is_open or isinstance(terms, str) or terms.lots <= order.filled:
            if order.status == "PENDING_REPLACE":
                order.status = order.working_status()
            self.report("REPLACE_REJECTED", order, "TOO_LATE")
            return
        order.orig_client_order_id, order.client_order_id = order.client_order_id, wire["client_order_id"]
        order.lots, order.limit, order.stop = terms.lots, terms.limit, terms.stop
        order.placed_us, order.arrival_us = self._venue.now_us, self._venue.now_us + self._latency(order.number)
        if order.status != "PENDING_CANCEL":
            order.status = order.working_status()
        self.report("REPLACED", order)

    def _end(self, order: VenueOrder, status: str, reason: str) -> None:
        order.status = status
        self._venue.book.close(order)
        self.report(status, order, reason)

    def report(self, kind: str, order: VenueOrder, reason: str = "") -> None:
        """Tell of an order."""
        self._venue.emit({"kind": kind, "reason": reason, **to_wire(order, self._venue.markets.get(order.symbol))})
