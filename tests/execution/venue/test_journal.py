"""The journal: damage, torn ends, replay, and the oracle that reads it without the engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from base.core.clock import VirtualClock
from execution.venue.bars import Bars
from execution.venue.engine import Venue
from execution.venue.faults import FaultInjector, FaultPlan
from execution.venue.host import VenueHost, last_instant
from execution.venue.journal import FileJournal, JournalDamaged, MemoryJournal, read_oracle, read_records
from execution.venue.orders import to_microseconds
from execution.venue.service import VenueService
from tests.execution.venue.test_custody import WHOLE, allocation
from tests.execution.venue.world import CONFIG, INSTRUMENTS, OPENED, START, make_bars, make_service, wire_order

COLUMNS = ("start_us", "open", "high", "low", "close", "volume", "regular")


def busy_day(path: Path) -> Any:
    """Trade, bust, correct, allocate; return the service."""
    service = make_service(path)
    opening = {"A": {"cash": {"USD": "1000"}, "positions": {"FLAT": "7"}}, "B": {}}
    orders = [wire_order("o1"), wire_order("o2", "SELL", "40"), wire_order("o1"), wire_order("bad", quantity="0.5")]
    for request in [
        {"op": "open", "accounts": opening},
        {
            "op": "submit",
            "orders": [*orders, wire_order("b1", quantity="300", account="BLOCK"), wire_order("o3", quantity="60", account="B")],
        },
        {"op": "clock", "microseconds": 180_000_000},
        {"op": "bust", "exec_id": "X1"},
        {"op": "correct", "exec_id": "X4", "quantity": "50"},
        allocation(WHOLE),
    ]:
        reply = service.handle(request).reply
        assert reply["ok"], reply
    service.host.sync()
    return service


def test_oracle_counts_transmissions_orders_executions_and_positions(tmp_path: Path) -> None:
    service = busy_day(tmp_path / "j")
    oracle = read_oracle(tmp_path / "j")
    assert oracle.transmissions == {"o1": 2, "o2": 1, "bad": 1, "b1": 1, "o3": 1}
    assert +oracle.accepted == {"o1": 1, "o2": 1, "b1": 1, "o3": 1}
    assert {exec_id: (e["kind"], e["revision"]) for exec_id, e in oracle.executions.items()} == {
        "X1": ("BUST", 1),
        "X2": ("TRADE", 0),
        "X3": ("TRADE", 0),
        "X4": ("CORRECT", 1),
    }
    assert (oracle.filled_qty("o1"), oracle.filled_qty("o3")) == (0, 50)
    assert oracle.orders["bad"]["status"] == "REJECTED" and oracle.orders["o2"]["status"] == "FILLED"
    booked = {(account, symbol): quantity for account, symbol, quantity in service.host.venue.custody.positions()}
    assert oracle.positions == booked == {("A", "FLAT"): Decimal(7 - 40 + 200), ("B", "FLAT"): Decimal(50 + 100)}


def test_replay_gives_the_same_state_and_writes_nothing(tmp_path: Path) -> None:
    first = busy_day(tmp_path / "j")
    first.host.journal.close()
    before = (tmp_path / "j").read_bytes()
    second = make_service(tmp_path / "j")
    assert second.host.venue.events == first.host.venue.events
    assert second.host.venue.custody.positions() == first.host.venue.custody.positions()
    assert second.host.clock.now() == first.host.now()
    second.host.journal.close()
    assert (tmp_path / "j").read_bytes() == before


def test_every_torn_end_is_cut_off_and_the_rest_replays(tmp_path: Path) -> None:
    busy_day(tmp_path / "j").host.journal.close()
    whole = (tmp_path / "j").read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    kept = len(read_records(tmp_path / "j")) - 1
    for cut in range(last, len(whole), 97):
        (tmp_path / "torn").write_bytes(whole[:cut])
        assert len(read_records(tmp_path / "torn")) == kept
        make_service(tmp_path / "torn").host.journal.close()
        assert (tmp_path / "torn").read_bytes() == whole[:last]


def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    busy_day(tmp_path / "j").host.journal.close()
    content = bytearray((tmp_path / "j").read_bytes())
    for position in (3, len(content) // 2, len(content) - 2):
        damaged = bytearray(content)
        damaged[position] ^= 1
        (tmp_path / "bad").write_bytes(damaged)
        with pytest.raises(JournalDamaged):
            read_records(tmp_path / "bad")


def test_journal_of_another_setup_is_refused(tmp_path: Path) -> None:
    busy_day(tmp_path / "j").host.journal.close()
    with pytest.raises(JournalDamaged, match="other"):
        make_service(tmp_path / "j", replace(CONFIG, participation_bps=2_000))
    with pytest.raises(JournalDamaged, match="other"):
        make_service(tmp_path / "j", seed=1)


def _again(path: Path, bars: dict[str, Bars]) -> VenueService:
    """Return the venue of a journal over other bars."""
    journal = FileJournal(path)
    OPENED.append(journal)
    history = journal.take_records()
    venue = Venue(INSTRUMENTS, bars, CONFIG, start_us=to_microseconds(START))
    return VenueService(VenueHost(venue, journal, VirtualClock(last_instant(history, START)), history=history))


def test_a_venue_goes_on_when_days_are_added_and_refuses_another_past(tmp_path: Path) -> None:
    busy_day(tmp_path / "j").host.journal.close()
    whole = make_bars()
    monday = {symbol: replace(bars, **{name: getattr(bars, name)[:390] for name in COLUMNS}) for symbol, bars in whole.items()}
    (tmp_path / "first").write_bytes((tmp_path / "j").read_bytes())
    once = _again(tmp_path / "first", monday)
    more = _again(tmp_path / "j", whole)
    assert orjson.dumps(once.host.venue.events) == orjson.dumps(more.host.venue.events)
    with pytest.raises(JournalDamaged, match="differs"):
        _again(tmp_path / "first", {**whole, "FLAT": whole["RISE"]})


def test_altered_history_is_noticed(tmp_path: Path) -> None:
    busy_day(tmp_path / "j").host.journal.close()
    forged = FileJournal(tmp_path / "forged")
    for record in read_records(tmp_path / "j"):
        for event in record.get("events", ()):
            if event["kind"] == "TRADE":
                event["last_px"] = "49.00"
        forged.append(record)
    forged.close()
    with pytest.raises(JournalDamaged, match="differs"):
        make_service(tmp_path / "forged")


def test_memory_and_file_hold_the_same_bytes(tmp_path: Path) -> None:
    memory, file = MemoryJournal(), FileJournal(tmp_path / "j")
    for journal in (memory, file):
        journal.append({"header": 1})
        journal.append({"at": 1, "cmd": {"op": "é"}, "events": []})
    file.close()
    assert (tmp_path / "j").read_bytes() == memory.getvalue()


def test_faults_strike_by_seed_and_rate_whatever_else_is_asked() -> None:
    plan = FaultPlan(lose_ack=2_500, drop_report=5_000)
    alone = FaultInjector(plan, seed=3)
    first = [alone.strikes("lose_ack") for _ in range(400)]
    mixed = FaultInjector(plan, seed=3)
    second = []
    for _ in range(400):
        mixed.strikes("drop_report")
        second.append(mixed.strikes("lose_ack"))
    assert first == second and 60 < sum(first) < 140
    assert first != [FaultInjector(plan, seed=4).strikes("lose_ack") for _ in range(400)]


def test_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        FaultPlan.from_mapping({"nonsense": 1})
    with pytest.raises(ValueError, match="hold_us"):
        FaultInjector().force("hold_us", 1)


def test_held_request_arrives_at_its_own_instant(tmp_path: Path) -> None:
    service = make_service(tmp_path / "j", faults=FaultPlan(hold_us=90_000_000))
    service.handle({"op": "open", "accounts": {"A": {}}})
    service.handle({"op": "inject", "fault": "hold_request"})
    placed = service.host.now()
    assert service.handle({"op": "submit", "orders": [wire_order("o1")]}).reply is None
    service.handle({"op": "clock", "microseconds": 600_000_000})
    (event,) = [e for e in service.host.venue.events if e["kind"] == "NEW"]
    assert event["at"] == service.host.venue.events[0]["at"] + timedelta(seconds=90) // timedelta(microseconds=1)
    assert service.host.now() - placed == timedelta(minutes=10)
