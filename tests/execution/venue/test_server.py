"""The venue as a process: killed at any moment it remembers all it has answered; faults never make a second order."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.core.clock import VirtualClock
from execution.enums import OrderType, TimeInForce
from execution.gateways.base import GatewayError
from execution.gateways.enums import OutcomeKind
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport, NoAnswer, SocketTransport
from execution.gateways.reports import OrderRef, OrderRequest
from execution.venue.faults import FaultPlan
from execution.venue.host import VenueHost
from execution.venue.journal import MemoryJournal, read_oracle
from execution.venue.server import MAX_MESSAGE, frame, listen
from execution.venue.service import VenueService
from market.enums import Side
from tests.execution.venue.world import OPEN, START, make_service, make_venue, wire_order

ROOT = Path(__file__).parents[3]


class Server:
    """The server process of a test, with its bars, journal and socket in one folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self._arguments = arguments
        self.address = str(folder / "venue.sock")
        self.journal = folder / "journal" / "venue.journal"
        _write_bars(folder / "bars.csv")
        self.start()

    def start(self, *more: str) -> None:
        paths = ["--journal", str(self.journal.parent), "--socket", self.address, "--bars", str(self._folder / "bars.csv")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "execution.venue.server", *paths, *self._arguments, *more], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._wait()

    def stop(self) -> int:
        self._process.terminate()
        return self._wait()

    def _wait(self) -> int:
        assert self._process.stdout is not None
        code = self._process.wait(20)
        self._process.stdout.close()
        return code

    def running(self) -> bool:
        return self._process.poll() is None


def _write_bars(path: Path) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["symbol", "ts", "open", "high", "low", "close", "volume"])
        for minute in range(390):
            at = (OPEN + timedelta(minutes=minute)).astimezone(ZoneInfo("America/New_York"))
            writer.writerow(["FLAT", at.strftime("%Y-%m-%d %H:%M:%S"), "50.0", "50.0", "50.0", "50.0", "1000000.0"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, "--speed", "0", "--seed", "7")
    yield server
    if server.running():
        server.stop()


def connect(address: str) -> tuple[PaperGateway, SocketTransport]:
    gateway, steering = PaperGateway(SocketTransport(address)), SocketTransport(address)
    gateway.connect()
    steering.connect(5)
    return gateway, steering


def order(reference: str, quantity: int = 100) -> OrderRequest:
    return OrderRequest(reference, "A", "FLAT", Side.BUY, Decimal(quantity))


def test_killed_server_remembers_everything_it_answered(server: Server) -> None:
    gateway, steering = connect(server.address)
    steering.request({"op": "open", "accounts": {"A": {"cash": {"USD": "1000000"}}}}, 5)
    confirmed: list[str] = []
    for round_ in range(4):
        outcomes = gateway.submit_many([order(f"o{round_}-{n}") for n in range(20)])
        confirmed += [o.client_order_id for o in outcomes if o.kind is OutcomeKind.CONFIRMED]
        steering.request({"op": "clock", "microseconds": 90_000_000}, 5)
        told = gateway.executions_since("").items
        server.kill()
        server.start()
        gateway.connect()
        steering.connect(5)
        assert gateway.executions_since("").items[: len(told)] == told
    oracle = read_oracle(server.journal)
    assert len(confirmed) == 80 and all(oracle.transmissions[reference] == oracle.accepted[reference] == 1 for reference in confirmed)
    steering.request({"op": "clock", "microseconds": 180_000_000}, 5)
    assert read_oracle(server.journal).positions == {("A", "FLAT"): Decimal(8_000)}
    assert [row.quantity for row in gateway.positions("A")] == [8_000]
    gateway.close()
    steering.close()


def test_kill_while_orders_are_coming_in_doubles_and_loses_none(server: Server) -> None:
    gateway, steering = connect(server.address)
    steering.request({"op": "open", "accounts": {"A": {}}}, 5)
    steering.close()
    killer = subprocess.Popen([sys.executable, "-c", f"import os,time; time.sleep(0.4); os.kill({server._process.pid}, 9)"])
    outcomes = {}
    for n in range(1_000_000):
        try:
            outcome = gateway.submit(order(f"o{n}", 1), timeout=5)
        except GatewayError:
            break
        outcomes[outcome.client_order_id] = outcome.kind
    killer.wait()
    server._wait()
    oracle = read_oracle(server.journal)
    assert list(outcomes.values()).count(OutcomeKind.UNRESOLVED) <= 1
    assert all(oracle.accepted[reference] == 1 for reference, kind in outcomes.items() if kind is OutcomeKind.CONFIRMED)
    assert max(oracle.transmissions.values()) == 1 and oracle.transmissions.keys() <= outcomes.keys()
    server.start()
    gateway.connect()
    for reference in outcomes:
        assert len(gateway.order_status(OrderRef(reference))) == oracle.accepted[reference]
    gateway.close()


def test_restart_may_repeat_broker_ids_in_a_new_epoch(server: Server) -> None:
    gateway, steering = connect(server.address)
    steering.request({"op": "open", "accounts": {"A": {}}}, 5)
    first = gateway.submit(order("o1")).report
    server.kill()
    server.start("--rollback", "1")
    gateway.connect()
    second = gateway.submit(order("o2")).report
    assert first is not None and second is not None
    assert first.ref.broker_order_id == second.ref.broker_order_id and second.ref.session_epoch == first.ref.session_epoch + 1
    gateway.close()
    steering.close()


def test_venue_time_runs_at_the_given_speed_and_ends_cleanly(tmp_path: Path) -> None:
    server = Server(tmp_path, "--speed", "600", "--config", orjson.dumps({"commission": {"minimum": "1"}}).decode())
    gateway, steering = connect(server.address)
    assert steering.request({"op": "clock", "microseconds": 1}, 5)["ok"] is False
    steering.request({"op": "open", "accounts": {"A": {}}}, 5)
    began, venue_began = time.monotonic(), gateway.now()
    gateway.submit(order("o1"))
    while not gateway.executions_since("").items and time.monotonic() - began < 20:
        time.sleep(0.02)
    (execution,) = gateway.executions_since("")
    assert timedelta(minutes=1) <= execution.at - venue_began <= timedelta(minutes=3)
    elapsed, venue_elapsed = time.monotonic() - began, gateway.now() - venue_began
    assert venue_elapsed >= timedelta(seconds=600 * elapsed) - timedelta(seconds=60)
    gateway.close()
    steering.close()
    assert server.stop() == 0


def test_garbage_costs_the_client_its_connection_and_nobody_else(server: Server) -> None:
    gateway, steering = connect(server.address)
    for content in (b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"\x00\x00\x00\x02[]", (MAX_MESSAGE + 1).to_bytes(4, "big")):
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(server.address)
            other.sendall(content)
            assert other.recv(10) == b""
    with socket.socket(socket.AF_UNIX) as half:
        half.connect(server.address)
        half.sendall(b"\x00\x00")
        assert gateway.now().year == 2026
    assert gateway.now().year == 2026
    gateway.close()
    steering.close()


def test_only_loopback_addresses_are_served() -> None:
    with pytest.raises(ValueError, match="loopback"):
        listen("0.0.0.0:0")
    listener = listen("127.0.0.1:0")
    listener.close()


def test_late_reply_of_a_timed_out_request_is_not_taken_for_another(tmp_path: Path) -> None:
    near, far = socket.socketpair()
    transport = SocketTransport("unused")
    transport._socket = near
    with pytest.raises(NoAnswer):
        transport.request({"op": "submit"}, 0.05)
    late = frame({"id": 1, "ok": True, "late": True})
    far.sendall(late[:5])
    with pytest.raises(NoAnswer):
        transport.request({"op": "now"}, 0.05)
    far.sendall(late[5:] + frame({"id": 3, "ok": True, "late": False}))
    assert transport.request({"op": "now"}, 1)["late"] is False
    transport.close()
    far.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OPS = """submit cancel replace allocate status open_orders poll executions positions cash trades fees rules quotes volumes now
    inject open bust correct plant"""
FIELDS = """orders order client_order_id broker_order_id epoch after symbols symbol count account accounts exec_id quantity price
    shares date fault what"""


@settings(max_examples=150, deadline=None)
@given(
    op=st.sampled_from(OPS.split()),
    fields=st.dictionaries(st.sampled_from(FIELDS.split()), JSON, max_size=5),
    order=st.none()
    | st.dictionaries(st.sampled_from(list(wire_order("x"))), st.sampled_from([*wire_order("x").values(), "", "9e9", 1]), max_size=8),
)
def test_s5_no_request_breaks_the_service(op: str, fields: dict[str, Any], order: dict[str, Any] | None) -> None:
    service = VenueService(VenueHost(make_venue(), MemoryJournal(), VirtualClock(START)))
    request = {"op": op, **fields, **({"orders": [order]} if order is not None else {})}
    reply = service.handle(orjson.loads(orjson.dumps(request))).reply
    assert reply is None or isinstance(reply["ok"], bool)
    orjson.dumps(reply)


@pytest.mark.parametrize("seed", range(12))
def test_i1_i7_faults_never_double_an_order_and_queries_find_the_truth(tmp_path: Path, seed: int) -> None:
    plan = FaultPlan(
        lose_ack=1_500,
        hold_request=700,
        disconnect_before=700,
        disconnect_after=700,
        drop_report=1_500,
        lose_report=500,
        duplicate_report=1_500,
        reorder_report=1_500,
        delay_report=1_000,
        truncate_list=1_500,
        fail_query=1_500,
    )
    service = make_service(tmp_path / "j", faults=plan, seed=seed)
    gateway = PaperGateway(LocalTransport(service))
    service.handle({"op": "open", "accounts": {"A": {}}})
    cursor, executions = "", {}
    for n in range(40):
        gateway.connect()
        request = OrderRequest(f"o{n}", "A", "FLAT", Side(("BUY", "SELL")[n % 2]), Decimal(100 + n), OrderType.MARKET, TimeInForce.GTC)
        gateway.submit(request)
        service.handle({"op": "clock", "microseconds": 30_000_000})
        gateway.connect()
        try:
            listing = gateway.executions_since(cursor)
        except GatewayError:
            continue
        cursor = listing.cursor
        executions.update({(e.broker_exec_id, e.revision): e for e in listing})
    service.handle({"op": "clock", "microseconds": 3_600_000_000})
    service.faults.plan = FaultPlan()
    gateway.connect()
    while listing := gateway.executions_since(cursor):
        cursor = listing.cursor
        executions.update({(e.broker_exec_id, e.revision): e for e in listing})
    oracle = read_oracle(tmp_path / "j")
    assert max(oracle.transmissions.values()) == 1 and max(oracle.accepted.values()) == 1
    assert {(e, r["revision"]) for e, r in oracle.executions.items()} == executions.keys()
    ours = sum(e.last_qty if e.side is Side.BUY else -e.last_qty for e in executions.values())
    assert ours == oracle.positions.get(("A", "FLAT"), Decimal(0)) == sum((p.quantity for p in gateway.positions("A")), Decimal(0))
    streamed = gateway.poll("")
    while not streamed.complete:
        streamed = gateway.poll(streamed.cursor)
    assert {r.ref.client_order_id for r in gateway.open_orders()} == {
        reference for reference, state in oracle.orders.items() if state["status"] in {"NEW", "PARTIALLY_FILLED"}
    }


def test_ten_thousand_orders_go_through_in_one_call(tmp_path: Path) -> None:
    service = make_service(tmp_path / "j")
    service.handle({"op": "open", "accounts": {f"A{n}": {} for n in range(10_000)}})
    gateway = PaperGateway(LocalTransport(service))
    gateway.connect()
    orders = [OrderRequest(f"o{n}", f"A{n}", "FLAT", Side.BUY, Decimal(1)) for n in range(10_000)]
    began = time.process_time()
    outcomes = gateway.submit_many(orders)
    seconds = time.process_time() - began
    assert {o.kind for o in outcomes} == {OutcomeKind.CONFIRMED} and len({o.report.ref for o in outcomes if o.report}) == 10_000
    assert seconds < 5, f"{seconds:.2f} s for 10,000 orders"
    service.handle({"op": "clock", "microseconds": 660_000_000 + 60_000_000})
    assert len(gateway.positions()) == 10_000
