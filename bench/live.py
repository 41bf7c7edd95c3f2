"""P2, P2b, P8.web: from a fill's bytes to browsers, through the services, PostgreSQL, Valkey and a web process as production runs it.

The fills are reports of one broker, processed as a gateway processes them: recorded, booked, committed, announced. Floors: one single-row
commit; the same bytes written to as many plain sockets by a bare asyncio server (a process of its own, read by the same clients), and one commit.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client

from base import tenancy
from base.core.ids import new_id
from bench.release import _row, _single_commit
from execution.enums import ExecutionKind, OrderState, OrderType, ParentState, RemainderPolicy, RouteKind, SharePolicy, TimeInForce
from execution.gateways.enums import ReportedStatus
from execution.gateways.reports import ExecutionReport, OrderRef
from execution.models import ChildOrder, ParentOrder
from execution.services.evidence import of_execution
from execution.services.reports import process
from governance.enums import Role
from governance.web import FIRM_KEY
from market.enums import Side
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import make_user, number

RUNS = 15
SOCKETS = 500
PEOPLE = 50
BURST = 1_000
GOAL_MB = 90.0
_filled = count(1)
SERVER = """
import asyncio, sys
async def main():
    writers = []
    async def meet(reader, writer):
        writers.append(writer)
    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        data = b"x" * int(line)
        for writer in writers:
            writer.write(data)
asyncio.run(main())
"""


@dataclass
class Clients:
    """The process with the sockets."""

    process: subprocess.Popen[str]

    def ask(self, line: str) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def wait(self, line: str) -> dict[str, Any]:
        return dict(json.loads(self.ask(line)))


def rows() -> list[dict[str, Any]]:
    """Return the rows of P2, P2b and P8.web."""
    scene = make_scene()
    order = _order(scene)
    cookies = [_cookie(scene, role) for role in [Role.OPERATIONS] * (PEOPLE // 2) + [Role.RISK] * (PEOPLE - PEOPLE // 2)]
    commit = median(_single_commit() for _ in range(5))
    with _web() as (port, pid):
        with _clients(port, 1, cookies) as clients:
            one = _latencies(scene, order, clients)
        with _clients(port, SOCKETS, cookies) as clients:
            many = _latencies(scene, order, clients)
            burst, resyncs = _burst(scene, clients)
            memory = _memory(pid)
    raw = _raw(_frame_bytes())
    found = [
        _row("P2.1", "fill bytes → durable → 1 socket; floor = a single-row commit", 1000 * one, 1000 * commit),
        _row(
            "P2.500",
            f"fill bytes → durable → the last of {SOCKETS} sockets; floor = raw broadcast + commit",
            1000 * many,
            1000 * (raw + commit),
        ),
    ]
    rate = BURST * SOCKETS / burst
    what = f"{BURST:,} fills announced × {SOCKETS} sockets, thousands of deliveries a second (in the columns of ms), {resyncs} resyncs; floor = 500"
    found.append(
        {"id": "P2b", "what": what, "ours_ms": rate / 1000, "floor_ms": 500.0, "ratio": rate / 500_000, "better": "higher", "n": 5}
    )
    what = f"MB of a web process with {SOCKETS} sockets (in the columns of ms); floor = the goal of {GOAL_MB:.0f} MB"
    found.append(
        {"id": "P8.web", "what": what, "ours_ms": memory, "floor_ms": GOAL_MB, "ratio": memory / GOAL_MB, "better": "lower", "n": 1}
    )
    return [{**row, "n": RUNS} if row["id"].startswith("P2.") else row for row in found]


def _frame_bytes() -> int:
    """The size of a fill's frame: one order, one execution, one account, as measured."""
    ids = f'"{new_id()}"'
    return len(f'{{"seq":10,"events":{{"positions":[{ids}],"orders":[{ids}],"fills":[{ids}]}}}}') + 4


def _order(scene: Scene) -> ChildOrder:
    """An order so large that every run fills a little of it."""
    with tenancy.firm(scene.firm.id):
        parent = ParentOrder.objects.get(pk=scene.ids["parent"])
        terms: dict[str, Any] = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.DAY, "limit_price": Decimal("10.05")}
        common = {"journey_id": parent.journey_id, "instrument": scene.instrument, "side": Side.BUY, "quantity": 10**6, "created_at": NOW}
        large = ParentOrder.objects.create(
            **common,
            **terms,
            statement_id=parent.statement_id,
            strategy=scene.strategy,
            state=ParentState.WORKING,
            route=RouteKind.MARKETABLE_LIMIT,
            decision_price=10,
            share_policy=SharePolicy.PRO_RATA,
            remainder_policy=RemainderPolicy.CANCEL,
            plan_seed="s",
        )
        order = ChildOrder.objects.create(
            **common,
            **terms,
            parent=large,
            connection=scene.account.connection,
            account=scene.account,
            client_order_id=f"L{number()}",
            sequence=1,
        )
        for state in (OrderState.SENDING, OrderState.ACKED):
            ChildOrder.objects.filter(pk=order.pk).update(state=state)
    return order


def _fill(scene: Scene, order: ChildOrder) -> None:
    """Process one fill as a gateway does."""
    filled = next(_filled)
    report = ExecutionReport(
        ref=OrderRef(order.client_order_id),
        account=scene.account.custodian_account,
        symbol=scene.instrument.symbol,
        side=Side.BUY,
        broker_exec_id=f"X{new_id().hex}",
        revision=0,
        kind=ExecutionKind.NEW,
        last_qty=Decimal(1),
        last_px=Decimal(10),
        commission=Decimal(0),
        currency="USD",
        trade_date=NOW.date(),
        settle_date=NOW.date() + timedelta(days=1),
        at=NOW,
        order_status=ReportedStatus.PARTIALLY_FILLED,
        filled_qty=Decimal(filled),
        leaves_qty=Decimal(order.quantity - filled),
    )
    with tenancy.firm(scene.firm.id):
        process(connection_id=order.connection_id, evidence=[of_execution(report)], now=NOW)


def _latencies(scene: Scene, order: ChildOrder, clients: Clients) -> float:
    found = []
    for run in range(RUNS + 2):
        time.sleep(0.25)
        clients.ask("clear 0")
        began = time.monotonic()
        _fill(scene, order)
        heard = clients.wait("frames 1")
        if run > 1:
            found.append(heard["at"] - began)
    return median(found)


def _burst(scene: Scene, clients: Clients) -> tuple[float, int]:
    """Return seconds from the first commit of 1,000 announced fills, ten a transaction, until the last socket has the last; and resyncs."""
    from base.live import Topic, announce

    found, resyncs = [], 0
    for _ in range(5):
        time.sleep(0.3)
        clients.ask("clear 0")
        began = time.monotonic()
        for _ in range(BURST // 10):
            with tenancy.firm(scene.firm.id):
                announce(Topic.FILLS, [new_id() for _ in range(10)], accounts=[scene.account.id] * 10)
        heard = clients.wait(f"ids {BURST}")
        if heard["least"] < BURST and not heard["resyncs"]:
            raise RuntimeError(f"a socket has {heard['least']} of {BURST} fills and was not told")
        found.append(heard["at"] - began)
        resyncs += heard["resyncs"]
    return median(found), resyncs


def _raw(size: int) -> float:
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdin and server.stdout
    found = []
    try:
        with _clients(int(server.stdout.readline()), SOCKETS, []) as clients:
            for _ in range(RUNS):
                time.sleep(0.1)
                clients.ask("clear 0")
                began = time.monotonic()
                server.stdin.write(f"{size}\n")
                server.stdin.flush()
                found.append(clients.wait(f"bytes {size}")["at"] - began)
    finally:
        server.kill()
        server.wait()
    return median(found)


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def _cookie(scene: Scene, role: Role) -> str:
    with tenancy.firm(scene.firm.id):
        user = make_user(role)
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session[FIRM_KEY] = scene.firm.id
    session.save()
    return client.cookies["sessionid"].value


@contextlib.contextmanager
def _clients(port: int, sockets: int, cookies: list[str]) -> Iterator[Clients]:
    command = [sys.executable, "-m", "bench.live_clients", str(port), str(sockets), *cookies]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        if process.stdout.readline() != "open\n":
            raise RuntimeError("the sockets did not open")
        time.sleep(1.5)
        yield Clients(process)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _web() -> Iterator[tuple[int, int]]:
    """A web process as `manage.py demo` starts it, on the bench's database."""
    port = _free_port()
    given = connection.settings_dict
    url = f"postgresql://{given['USER']}@/{given['NAME']}?host={given['HOST']}"
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_LOADER_URL")
    environment = {**os.environ, **dict.fromkeys(names, url), "REDIS_URL": settings.REDIS_URL}
    command = [sys.executable, "-m", "uvicorn", "mamweb.asgi:application", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen([*command, "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"], env=environment)
    try:
        _until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).status == 200)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if true():
                return
        time.sleep(0.1)
    raise RuntimeError("the web process did not answer")
