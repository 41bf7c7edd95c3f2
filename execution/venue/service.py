"""The venue as its clients see it: one request in, one answer out, faults in between. The same for in-process use and the socket server.

Entry points: `VenueService.handle`, `Answer`.

Requests are JSON objects `{"op": …}`. `submit`, `cancel`, `replace`, `allocate` trade; `status`, `open_orders`, `poll`, `executions`,
`positions`, `cash`,
`trades`, `fees`, `rules`, `quotes`, `volumes`, `now` read; `clock` and `inject` and all other venue commands steer (tests, paper
set-up) and meet no faults.

Invariants:
1. `handle` answers only what is journaled; the caller syncs the host before it passes answers on.
2. Streamed reports carry the event's number; what the stream withholds shows as a missing number, what it will never tell as a GAP_FILL.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from base.core.ids import plain_decimal
from execution.venue.commands import CommandRefused, date_of, text_of
from execution.venue.custody import CustodyTrade, Fee
from execution.venue.executions import Event
from execution.venue.faults import FaultInjector
from execution.venue.host import VenueHost

Message = dict[str, Any]
TRADING = frozenset({"submit", "cancel", "replace", "allocate"})
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """`reply` None: silence. `disconnect`: the connection ends (after the reply, if there is one)."""

    reply: Message | None
    disconnect: bool = False


class VenueService:
    """Serves any number of clients of one venue. No state per client."""

    def __init__(self, host: VenueHost, faults: FaultInjector | None = None) -> None:
        self.host = host
        self.faults = faults or FaultInjector()
        self._held: list[tuple[int, int, Message]] = []
        self._held_count = 0
        self._lost: set[int] = set()
        self._delayed: dict[int, bool] = {}
        self._queries: dict[str, Callable[[Message], Message]] = {
            "now": lambda request: {"ok": True, "as_of": self.host.venue.now_us},
            "status": self._status,
            "open_orders": lambda request: self._listing(self._masked(self.host.venue.open_order_views())),
            "poll": self._poll,
            "executions": self._executions,
            "positions": self._positions,
            "cash": self._cash,
            "trades": lambda request: self._listing([_trade(t) for t in self.host.venue.custody.trades(date_of(request, "date"))]),
            "fees": lambda request: self._listing([_fee(f) for f in self.host.venue.custody.fees(date_of(request, "date"))]),
            "rules": self._rules,
            "quotes": self._quotes,
            "volumes": self._volumes,
        }

    def tick(self) -> None:
        """Let held requests arrive and the venue live until the clock's now."""
        while self._held:
            self.host.catch_up(self._held[0][0])
            if self.host.venue.now_us < self._held[0][0]:
                return
            due_us, _, request = heapq.heappop(self._held)
            self._carry_out(request, at_us=due_us)
        self.host.catch_up()

    def handle(self, request: Message) -> Answer:
        """Answer a request. Never raises for what a client sends."""
        self.tick()
        op = request.get("op")
        try:
            if op in TRADING:
                return self._trade(request)
            if op == "clock":
                return Answer(self._move_clock(request))
            if op == "inject":
                self.faults.force(text_of(request, "fault"), int(request.get("count", 1)))
                return Answer({"ok": True})
            if isinstance(op, str) and op in self._queries:
                return self._read(op, request)
            return Answer(self._carry_out(request))
        except (CommandRefused, ValueError, TypeError) as error:
            return Answer({"ok": False, "error": str(error), "permanent": True})

    def _trade(self, request: Message) -> Answer:
        if self.faults.strikes("disconnect_before"):
            return Answer(None, disconnect=True)
        if self.faults.strikes("hold_request"):
            self._held_count += 1
            heapq.heappush(self._held, (self.host.venue.now_us + self.faults.plan.hold_us, self._held_count, request))
            return Answer(None)
        reply = self._carry_out(request)
        if self.faults.strikes("disconnect_after"):
            return Answer(None, disconnect=True)
        return Answer(None if self.faults.strikes("lose_ack") else reply)

    def _carry_out(self, request: Message, *, at_us: int | None = None) -> Message:
        command = {name: value for name, value in request.items() if name != "id"}
        try:
            events = self.host.execute(command, at_us=at_us)
        except CommandRefused as error:
            return {"ok": False, "error": str(error), "permanent": True}
        return {"ok": True, "results": self._masked(events)}

    def _move_clock(self, request: Message) -> Message:
        if not self.host.move_clock(timedelta(microseconds=int(request.get("microseconds", 0)))):
            return {"ok": False, "error": "this venue's clock runs by itself", "permanent": True}
        self.tick()
        return {"ok": True, "as_of": self.host.venue.now_us}

    def _read(self, op: str, request: Message) -> Answer:
        if op != "now" and self.faults.strikes("fail_query"):
            return Answer({"ok": False, "error": "query failed", "permanent": False})
        reply = self._queries[op](request)
        if "items" in reply and reply["items"] and op != "poll" and self.faults.strikes("truncate_list"):
            reply["items"] = reply["items"][: len(reply["items"]) // 2]
            reply["complete"] = False
            if op == "executions":
                reply["cursor"] = reply["items"][-1]["seq"] if reply["items"] else int(request.get("after", 0))
        return Answer(reply)

    def _listing(self, items: list[Any], *, complete: bool = True) -> Message:
        return {"ok": True, "items": items, "complete": complete, "as_of": self.host.venue.now_us}

    def _masked(self, events: list[Event]) -> list[Event]:
        if self.host.venue.config.venue_class != "C":
            return events
        return [{**e, "client_order_id": "", "orig_client_order_id": ""} if "client_order_id" in e else e for e in events]

    def _status(self, request: Message) -> Message:
        reference = text_of(request, "client_order_id", optional=True)
        broker_order_id = text_of(request, "broker_order_id", optional=True)
        if self.host.venue.config.venue_class == "C":
            if not broker_order_id:
                raise CommandRefused("this venue does not keep clients' references")
            reference = ""
        return self._listing(self._masked(self.host.venue.order_views(reference, broker_order_id, int(request.get("epoch", 0)))))

    def _poll(self, request: Message) -> Message:
        after = max(int(request.get("after", 0)), 0)
        events = self.host.venue.events[after : after + PAGE]
        reply = self._listing(self._stream(events), complete=after + PAGE >= len(self.host.venue.events))
        reply["last"] = len(self.host.venue.events)
        return reply

    def _stream(self, events: list[Event]) -> list[Event]:
        delivered: list[Event] = []
        for event in self._masked(events):
            number = int(str(event["seq"]))
            if "broker_order_id" not in event or number in self._lost:
                delivered.append({"seq": number, "kind": "GAP_FILL"})
            elif self.faults.strikes("lose_report"):
                self._lost.add(number)
                delivered.append({"seq": number, "kind": "GAP_FILL"})
            elif not (self.faults.strikes("drop_report") or self._is_delayed(event)):
                delivered.append(event)
                if self.faults.strikes("duplicate_report"):
                    delivered.append(event)
        for i in range(len(delivered) - 1):
            if self.faults.strikes("reorder_report"):
                delivered[i], delivered[i + 1] = delivered[i + 1], delivered[i]
        return delivered

    def _is_delayed(self, event: Event) -> bool:
        number = int(str(event["seq"]))
        if number not in self._delayed:
            self._delayed[number] = self.faults.strikes("delay_report")
        return self._delayed[number] and self.host.venue.now_us < int(str(event["at"])) + self.faults.plan.delay_us

    def _executions(self, request: Message) -> Message:
        after = int(request.get("after", 0))
        known = self.host.venue.execution_events
        first = bisect_right(known, after, key=lambda event: int(str(event["seq"])))
        page = known[first : first + PAGE]
        reply = self._listing(self._masked(page), complete=first + PAGE >= len(known))
        reply["cursor"] = page[-1]["seq"] if page else after
        return reply

    def _positions(self, request: Message) -> Message:
        rows = self.host.venue.custody.positions(self._account(request))
        return self._listing([[account, symbol, plain_decimal(quantity)] for account, symbol, quantity in rows])

    def _cash(self, request: Message) -> Message:
        venue = self.host.venue
        rows = venue.custody.cash(self._account(request), venue.calendar.business_date(venue.now_us))
        return self._listing(
            [[account, currency, plain_decimal(total), plain_decimal(settled)] for account, currency, total, settled in rows]
        )

    def _account(self, request: Message) -> str:
        account = text_of(request, "account", optional=True)
        if account and account not in self.host.venue.custody.accounts:
            raise CommandRefused(f"no account {account!r}")
        return account

    def _rules(self, request: Message) -> Message:
        wanted = _symbols(request)
        markets = [self.host.venue.markets[symbol] for symbol in wanted if symbol in self.host.venue.markets]
        items = []
        for market in markets:
            i = market.instrument
            numbers = {name: plain_decimal(getattr(i, name)) for name in ("tick", "lot_step", "min_quantity", "min_notional", "multiplier")}
            items.append({"symbol": i.symbol, "currency": i.currency, "settlement_days": i.settlement_days, **numbers})
        return self._listing(items, complete=len(items) == len(wanted))

    def _quotes(self, request: Message) -> Message:
        wanted = _symbols(request)
        quotes = [quote for quote in map(self.host.venue.quote, wanted) if quote is not None]
        return self._listing(quotes, complete=len(quotes) == len(wanted))

    def _volumes(self, request: Message) -> Message:
        count = int(request.get("count", 20))
        volumes = self.host.venue.minute_volumes(text_of(request, "symbol"), count)
        if volumes is None:
            raise CommandRefused(f"no instrument {request['symbol']!r}")
        return self._listing(volumes, complete=len(volumes) == count)


def _symbols(request: Mapping[str, object]) -> list[str]:
    symbols = request.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise CommandRefused("symbols must be a list of strings")
    return symbols


def _trade(trade: CustodyTrade) -> Message:
    numbers: dict[str, Decimal] = {"quantity": trade.quantity, "price": trade.price, "amount": trade.amount, "fee": trade.fee}
    return {
        "trade_id": trade.trade_id,
        "account": trade.account,
        "symbol": trade.symbol,
        "side": trade.side,
        "currency": trade.currency,
        "trade_date": trade.trade_date.isoformat(),
        "settle_date": trade.settle_date.isoformat(),
        "client_order_id": trade.client_order_id,
        **{name: plain_decimal(number) for name, number in numbers.items()},
    }


def _fee(fee: Fee) -> Message:
    return {
        "fee_id": fee.fee_id,
        "account": fee.account,
        "currency": fee.currency,
        "amount": plain_decimal(fee.amount),
        "fee_date": fee.fee_date.isoformat(),
        "text": fee.text,
    }
