"""The venue itself: a deterministic state machine on a virtual clock. Commands in, events out.

Entry points: `Venue.advance(to_us)`, `Venue.execute(command)`; the readers are plain methods that change nothing.

Invariants:
1. Same setup, same commands at the same instants → same events, byte for byte (I8). How time is cut into `advance` steps makes no
   difference.
2. `execute` changes everything or nothing: a `CommandRefused` leaves no trace.
3. Events are numbered 1, 2, 3 … without holes, and never change once returned.
4. At one instant the bar that ends then is matched before requests and expiries that fall due then: the fill wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from base.core.ids import digest
from execution.venue.bars import Bars, sessions_of
from execution.venue.book import OrderBook
from execution.venue.calendar import Calendar
from execution.venue.commands import AdminDesk, CommandRefused
from execution.venue.custody import Custody
from execution.venue.executions import Event, ExecutionDesk
from execution.venue.matching import Bar, Spread, match_bar
from execution.venue.order_desk import OrderDesk
from execution.venue.orders import Market, VenueOrder, to_wire
from execution.venue.quotes import minute_volumes, quote
from execution.venue.setup import MINUTE, Instrument, Session, VenueConfig

__all__ = ["CommandRefused", "Venue"]


class Venue:
    """A simulated venue with its custodian.

    instruments, bars: the same symbols in both. sessions: regular trading days; derived from the bars if not given. hours: the
    sessions of symbols that keep hours of their own. start_us: the first instant.
    seed: varies the latency jitter, nothing else.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        bars: Mapping[str, Bars],
        config: VenueConfig | None = None,
        *,
        start_us: int,
        seed: int = 0,
        sessions: Sequence[Session] = (),
        hours: Mapping[str, Sequence[Session]] | None = None,
    ) -> None:
        self.config = config or VenueConfig()
        self.now_us = start_us
        self.seed = seed
        self.markets = {instrument.symbol: Market(instrument, bars[instrument.symbol]) for instrument in instruments}
        self.calendar = Calendar(sessions or sessions_of(bars[symbol] for symbol in self.markets))
        self._hours = {symbol: Calendar(kept) for symbol, kept in (hours or {}).items()}
        self.book = OrderBook()
        self.custody = Custody(self.config.market_days, self.config.block_accounts)
        self.desk = ExecutionDesk(self.book, self.custody, self.config.commission)
        self.events: list[Event] = []
        self.execution_events: list[Event] = []
        # Bars and days may be added while a venue lives; that the past ones are the same, a replay proves event by event.
        knobs = replace(self.config, market_days=())
        self.setup_digest = digest([repr(knobs), [repr(instrument) for instrument in instruments], seed, start_us])
        self._admin = AdminDesk(self)
        self._orders = OrderDesk(self, self._admin.halted)
        ends = [market.ends[market.bars.regular] for market in self.markets.values()]
        self._bar_ends = np.unique(np.concatenate(ends)) if ends else np.empty(0, np.int64)

    # -- time ---------------------------------------------------------------------------------------------------------------------

    def advance(self, to_us: int) -> list[Event]:
        """Let the venue live until `to_us`; return what happened. Raises ValueError for a step back."""
        if to_us < self.now_us:
            raise ValueError(f"time cannot go back by {self.now_us - to_us} µs")
        first = len(self.events)
        while (due := self._next_due()) is not None and due <= to_us:
            self.now_us = due
            self._match_bars()
            self._orders.run_timers()
        self.now_us = to_us
        return self.events[first:]

    def _next_due(self) -> int | None:
        timer = self._orders.next_timer_us()
        if not self.book.any_open:
            return timer
        index = int(np.searchsorted(self._bar_ends, self.now_us, side="right"))
        bar = int(self._bar_ends[index]) if index < len(self._bar_ends) else None
        return min((due for due in (timer, bar) if due is not None), default=None)

    def _match_bars(self) -> None:
        for symbol in self.book.open_symbols():
            session = self.calendar_of(symbol).at(self.now_us - MINUTE)
            if session is None or self.now_us > session.close_us:
                continue
            market = self.markets[symbol]
            index = market.last_completed(self.now_us)
            if index < 0 or market.ends[index] != self.now_us or not market.bars.regular[index] or symbol in self._admin.halted:
                continue
            bar = Bar(
                start_us=int(market.bars.start_us[index]),
                open=int(market.bars.open[index]),
                high=int(market.bars.high[index]),
                low=int(market.bars.low[index]),
                capacity=int(market.lots[index]) * self.config.participation_bps // 10_000,
            )
            triggered, fills = match_bar(self.book.open_in(symbol), bar, self.spread(market))
            for order in triggered:
                order.triggered = True
                self._orders.report("TRIGGERED", order)
            for fill in fills:
                self.emit(self.desk.trade(fill.order, market, fill.lots, fill.price, session.trade_date))

    # -- commands -----------------------------------------------------------------------------------------------------------------

    def execute(self, command: Mapping[str, object]) -> list[Event]:
        """Carry out a command at the venue's now; return its events. Raises CommandRefused for one that makes no sense."""
        first = len(self.events)
        op = str(command.get("op"))
        action = self._orders.action(op) or self._admin.action(op)
        action(command)
        return self.events[first:]

    def emit(self, event: Event) -> None:
        """Number and keep an event."""
        event["seq"] = len(self.events) + 1
        event["at"] = self.now_us
        self.events.append(event)
        if event["kind"] in {"TRADE", "BUST", "CORRECT"}:
            self.execution_events.append(event)

    def calendar_of(self, symbol: str) -> Calendar:
        """Return the sessions a symbol trades in: its own, else the venue's."""
        return self._hours.get(symbol, self.calendar)

    # -- readers ------------------------------------------------------------------------------------------------------------------

    def spread(self, market: Market) -> Spread:
        """Return the quoted spread of a market."""
        return Spread(market.tick, self.config.spread_bps)

    def order_views(self, reference: str, broker_order_id: str, epoch: int) -> list[Event]:
        """Return the orders meant by our reference, or by the broker's id."""
        return [self._view(order) for order in self.book.find(reference, broker_order_id, epoch)]

    def open_order_views(self) -> list[Event]:
        """Return all working orders."""
        return [self._view(order) for order in self.book.open_orders()]

    def quote(self, symbol: str) -> Event | None:
        """Return the quote of a symbol; None for an unknown one or before its first bar has ended."""
        market = self.markets.get(symbol)
        if market is None:
            return None
        shown = quote(
            market,
            self.now_us,
            spread=self.spread(market),
            participation_bps=self.config.participation_bps,
            age_us=self.config.quote_age_us,
            as_of_us=self._admin.frozen.get(symbol),
        )
        return shown and {**shown, "halted": symbol in self._admin.halted}

    def minute_volumes(self, symbol: str, count: int) -> list[str] | None:
        """Return the last `count` completed regular one-minute volumes, oldest first; None for an unknown symbol."""
        market = self.markets.get(symbol)
        return None if market is None else minute_volumes(market, self.now_us, count)

    def _view(self, order: VenueOrder) -> Event:
        wire = to_wire(order, self.markets.get(order.symbol))
        return {"kind": "STATUS", "reason": "", "at": self.now_us, "seq": len(self.events), **wire}
