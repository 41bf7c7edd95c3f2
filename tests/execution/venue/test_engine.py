"""The venue's rules: the next bar, volume, stops, time cut in any way, the same bytes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.core.clock import VirtualClock
from execution.venue.bars import Bars, random_walk
from execution.venue.engine import CommandRefused, Venue
from execution.venue.host import VenueHost
from execution.venue.journal import MemoryJournal
from execution.venue.matching import Spread, ask_of, bid_of
from execution.venue.orders import to_microseconds
from execution.venue.setup import MINUTE, CommissionModel, Instrument, Session, VenueConfig
from tests.execution.venue.world import CONFIG, OPEN, START, make_venue, wire_order

D = Decimal


def opened(**config: Any) -> Venue:
    venue = make_venue(replace(CONFIG, **config))
    venue.execute({"op": "open", "accounts": {"A": {}, "B": {}}})
    return venue


def fills(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(e["client_order_id"], e["last_qty"]) for e in events if e["kind"] == "TRADE"]


def test_order_placed_at_a_bars_first_instant_waits_for_the_next_bar() -> None:
    venue = opened(latency_us=0)
    venue.advance(to_microseconds(OPEN + timedelta(minutes=7)))
    venue.execute({"op": "submit", "orders": [wire_order("o1")]})
    assert fills(venue.advance(venue.now_us + 2 * MINUTE - 1)) == []
    assert fills(venue.advance(venue.now_us + 1)) == [("o1", "100")]


def test_latency_beyond_the_minute_costs_another_bar() -> None:
    venue = opened(latency_us=55_000_000)
    venue.execute({"op": "submit", "orders": [wire_order("o1")]})
    assert fills(venue.advance(venue.now_us + 2 * MINUTE)) == []
    assert fills(venue.advance(venue.now_us + MINUTE)) == [("o1", "100")]


def test_ioc_delayed_beyond_the_minute_still_gets_its_one_bar() -> None:
    venue = opened(latency_us=55_000_000)
    venue.execute({"op": "submit", "orders": [wire_order("o1", quantity="1500", time_in_force="IOC")]})
    assert fills(venue.advance(venue.now_us + 3 * MINUTE)) == [("o1", "1000")]


def test_bar_volume_is_shared_by_price_and_then_time() -> None:
    venue = opened()
    limit = {"order_type": "LIMIT"}
    orders = [
        wire_order("late-price", quantity="600", limit_price="50.02", **limit),
        wire_order("good-price", quantity="600", limit_price="50.03", **limit),
        wire_order("sell", "SELL", quantity="300"),
    ]
    venue.execute({"op": "submit", "orders": orders})
    assert fills(venue.advance(venue.now_us + 2 * MINUTE)) == [("sell", "300"), ("good-price", "600"), ("late-price", "100")]


@pytest.mark.parametrize(
    ("side", "stop", "price"),
    [("BUY", "50.95", "51.01"), ("SELL", "51.05", "50.99")],
)
def test_stop_that_the_open_has_passed_fills_from_the_open(side: str, stop: str, price: str) -> None:
    venue = opened(latency_us=240_000_000)
    venue.execute({"op": "submit", "orders": [wire_order("o1", side, symbol="RISE", order_type="STOP", stop_price=stop)]})
    events = venue.advance(venue.now_us + 8 * MINUTE)
    assert [e["last_px"] for e in events if e["kind"] == "TRADE"] == [price]


def test_stop_limit_fills_at_once_where_its_limit_allows() -> None:
    venue = opened()
    order = wire_order("o1", symbol="RISE", order_type="STOP_LIMIT", stop_price="51.05", limit_price="51.10")
    venue.execute({"op": "submit", "orders": [order]})
    events = venue.advance(venue.now_us + 8 * MINUTE)
    assert [(e["kind"], e.get("last_px")) for e in events] == [("TRIGGERED", None), ("TRADE", "51.06")]


def test_replacement_waits_for_the_next_bar_again() -> None:
    venue = opened()
    venue.execute({"op": "submit", "orders": [wire_order("o1")]})
    venue.advance(venue.now_us + MINUTE + MINUTE // 3)
    venue.execute({"op": "replace", "client_order_id": "o1", "order": wire_order("o2", quantity="200")})
    assert fills(venue.advance(venue.now_us + MINUTE)) == []
    assert fills(venue.advance(venue.now_us + MINUTE)) == [("o2", "200")]


def test_extended_hours_bars_neither_fill_nor_count_as_volume() -> None:
    bars = random_walk(seed=1, start=OPEN, minutes=30)
    regular = np.arange(30) >= 20
    early = Bars(bars.start_us, bars.open, bars.high, bars.low, bars.close, bars.volume, regular)
    venue = Venue([Instrument("X")], {"X": early}, start_us=to_microseconds(OPEN))
    venue.execute({"op": "open", "accounts": {"A": {}}})
    venue.execute({"op": "submit", "orders": [wire_order("o1", symbol="X", quantity="1")]})
    venue.advance(to_microseconds(OPEN) + 20 * MINUTE)
    assert venue.execution_events == [] and venue.minute_volumes("X", 20) == []
    venue.advance(to_microseconds(OPEN) + 21 * MINUTE)
    assert len(venue.execution_events) == 1


def test_a_symbol_may_keep_hours_of_its_own() -> None:
    day = OPEN.date()
    night = Session(day, to_microseconds(OPEN - timedelta(hours=14)), to_microseconds(OPEN))
    bars = {
        "DAY": random_walk(seed=1, start=OPEN, minutes=30),
        "NIGHT": random_walk(seed=1, start=OPEN - timedelta(minutes=30), minutes=30),
    }
    start = to_microseconds(OPEN - timedelta(minutes=20))
    sessions = [Session(day, to_microseconds(OPEN), to_microseconds(OPEN) + 390 * MINUTE)]
    venue = Venue([Instrument("DAY"), Instrument("NIGHT")], bars, start_us=start, sessions=sessions, hours={"NIGHT": [night]})
    venue.execute({"op": "open", "accounts": {"A": {}}})
    wires = [wire_order(symbol, symbol=symbol, quantity="1", time_in_force="IOC") for symbol in ("DAY", "NIGHT")]
    venue.execute({"op": "submit", "orders": wires})
    rejected = [(event["client_order_id"], event["reason"]) for event in venue.events if event["kind"] == "REJECTED"]
    assert rejected == [("DAY", "SESSION_CLOSED")]
    venue.advance(start + 3 * MINUTE)
    assert [event["client_order_id"] for event in venue.execution_events] == ["NIGHT"]


def test_quote_spread_is_at_least_a_tick_and_rounds_outwards() -> None:
    spread = Spread(tick=100, bps=0)
    assert (bid_of(500_000, spread), ask_of(500_000, spread)) == (499_900, 500_100)
    assert (bid_of(500_049, spread), ask_of(500_049, spread)) == (499_900, 500_100)
    assert bid_of(50, spread) == 100


@pytest.mark.parametrize(
    "command",
    [
        {},
        {"op": "nonsense"},
        {"op": "submit", "orders": "x"},
        {"op": "submit", "orders": [7]},
        {"op": "submit", "orders": [wire_order("ok"), {"side": "UP"}]},
        {"op": "submit", "orders": [wire_order("ok"), {**wire_order("o2"), "quantity": 1.5}]},
        {"op": "replace", "client_order_id": "o1", "order": None},
        {"op": "cancel", "client_order_id": 7},
        {"op": "bust", "exec_id": "X1"},
        {"op": "bust", "exec_id": "X٣"},
        {"op": "halt", "symbol": "NONE"},
        {"op": "open", "accounts": {"N": {"cash": {"USD": "NaN"}}}},
        {"op": "open", "accounts": {"N": {"positions": {"NONE": "1"}}}},
        {"op": "plant", "what": "position", "account": "A", "key": "FLAT", "delta": "1E+99"},
        {"op": "plant", "what": "missing_trade", "account": "A", "key": "X9", "delta": "0"},
        {"op": "allocate", "symbol": "FLAT", "trade_date": "soon"},
        {"op": "restart", "rollback": -1},
    ],
)
def test_refused_command_changes_nothing(command: dict[str, Any]) -> None:
    venue = opened()
    before = list(venue.events)
    with pytest.raises(CommandRefused):
        venue.execute(command)
    assert venue.events == before and not venue.book.any_open and "N" not in venue.custody.accounts


@pytest.mark.parametrize("quantity", ["", "x", "NaN", "Infinity", "-1", "0", "1E+400000", "0x10"])
def test_impossible_quantity_is_rejected(quantity: str) -> None:
    (event,) = opened().execute({"op": "submit", "orders": [wire_order("o1", quantity=quantity)]})
    assert (event["kind"], event["reason"]) == ("REJECTED", "BAD_QUANTITY")


def test_time_does_not_go_back() -> None:
    venue = make_venue()
    with pytest.raises(ValueError, match="back"):
        venue.advance(venue.now_us - 1)


# -- properties over random days ------------------------------------------------------------------------------------------------------

ORDERS = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": st.integers(1, 4_000).map(str),
        "time_in_force": st.sampled_from(["DAY", "GTC", "IOC", "FOK"]),
        "kind": st.sampled_from(["MARKET", "LIMIT", "STOP", "STOP_LIMIT"]),
        "offset": st.integers(-40, 40),
        "account": st.sampled_from(["A", "B"]),
    }
)
STEPS = st.lists(st.tuples(st.integers(0, 200), st.lists(ORDERS, max_size=4), st.booleans()), min_size=1, max_size=8)


def play(seed: int, steps: list[Any], cuts: int = 1, **config: Any) -> tuple[Venue, bytes]:
    """Play a random day; `cuts`: into how many pieces every advance is cut."""
    bars = random_walk(seed=seed, start=OPEN, minutes=40)
    settings_ = VenueConfig(commission=CommissionModel(D("0.005"), D(1), D(1)), latency_jitter_us=90_000_000, **config)
    venue = Venue([Instrument("X")], {"X": bars}, settings_, start_us=to_microseconds(START), seed=seed)
    clock = VirtualClock(START)
    journal = MemoryJournal()
    host = VenueHost(venue, journal, clock)
    host.execute({"op": "open", "accounts": {"A": {"cash": {"USD": "0"}}, "B": {"cash": {"USD": "0"}}}})
    for number, (seconds, orders, cancels) in enumerate(steps):
        host.execute({"op": "submit", "orders": [_order(f"o{number}-{i}", entry) for i, entry in enumerate(orders)]})
        if cancels and orders:
            host.execute({"op": "cancel", "client_order_id": f"o{number}-0"})
        for cut in range(cuts):
            clock.advance(timedelta(seconds=seconds * (cut + 1) // cuts - seconds * cut // cuts))
            host.catch_up()
    clock.advance(timedelta(hours=2))
    host.catch_up()
    return venue, journal.getvalue()


def _order(reference: str, entry: dict[str, Any]) -> dict[str, str]:
    limit, stop = {"MARKET": (0, 0), "LIMIT": (1, 0), "STOP": (0, 1), "STOP_LIMIT": (1, 1)}[entry["kind"]]
    price = str(D(100) + D(entry["offset"]) / 100)
    prices = ({"limit_price": price} if limit else {}) | ({"stop_price": price} if stop else {})
    words = {name: entry[name] for name in ("side", "quantity", "time_in_force", "account")}
    return wire_order(reference, symbol="X", order_type=entry["kind"], **words, **prices)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_i8_same_seed_and_inputs_give_the_same_bytes(seed: int, steps: list[Any]) -> None:
    assert play(seed, steps)[1] == play(seed, steps)[1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS, cuts=st.integers(2, 7))
def test_how_time_is_cut_makes_no_difference(seed: int, steps: list[Any], cuts: int) -> None:
    assert play(seed, steps)[0].events == play(seed, steps, cuts)[0].events


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS, participation=st.integers(1, 10_000))
def test_every_bar_gives_at_most_its_participation_and_no_order_gets_too_much(seed: int, steps: list[Any], participation: int) -> None:
    venue, _ = play(seed, steps, participation_bps=participation)
    market = venue.markets["X"]
    placed = {e["client_order_id"]: e for e in venue.events if e["kind"] == "NEW"}
    taken: dict[int, Decimal] = {}
    for trade in venue.execution_events:
        order = placed[trade["client_order_id"]]
        taken[trade["at"]] = taken.get(trade["at"], D(0)) + D(trade["last_qty"])
        assert trade["at"] - MINUTE > order["at"], "filled in the bar it was placed in"
        assert D(trade["filled_qty"]) <= D(order["quantity"])
    for at, quantity in taken.items():
        volume = int(market.bars.volume[market.ends.tolist().index(at)])
        assert quantity <= volume * participation // 10_000
    for order in placed.values():
        wire = venue.order_views(order["client_order_id"], "", 0)[0]
        total = sum(D(t["last_qty"]) for t in venue.execution_events if t["client_order_id"] == order["client_order_id"])
        assert total == D(str(wire["filled_qty"]))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=STEPS)
def test_custodians_books_sum_to_the_executions(seed: int, steps: list[Any]) -> None:
    venue, _ = play(seed, steps)
    for account in ("A", "B"):
        rows = [t for t in venue.execution_events if t["account"] == account]
        signed = [(D(t["last_qty"]) if t["side"] == "BUY" else -D(t["last_qty"])) for t in rows]
        cash = sum((-q * D(t["last_px"]) - D(t["commission"]) for q, t in zip(signed, rows, strict=True)), D(0))
        assert sum((q for _, _, q in venue.custody.positions(account)), D(0)) == sum(signed, D(0))
        ((_, _, booked, settled),) = venue.custody.cash(account, venue.calendar.business_date(venue.now_us))
        assert booked == cash and settled == 0
