"""`manage.py run_gateways [--firm ID]`: one child process for each enabled connection, started again when it dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from dataclasses import dataclass
from typing import Any

from django.db import connections

from accounts.queries import connections as broker_connections
from base import tenancy
from base.commands import HouseCommand, identifier
from governance.queries import firm_ids

LOOK_EVERY = 0.5
LIST_EVERY = 10.0
SHORTEST_LIFE = 2.0
LONGEST_PAUSE = 10.0
Key = tuple[int, str]


@dataclass(slots=True)
class Child:
    """One gateway process. pause: how long to wait before it is started again; grows while it dies young."""

    process: subprocess.Popen[bytes]
    started_at: float
    pause: float = 0.5
    again_at: float | None = None


class Command(HouseCommand):
    help = "Run a gateway process for every enabled connection and keep them running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, metavar="ID", help="only this firm's connections")

    def handle(self, *, firm: int | None, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        children: dict[Key, Child] = {}
        listed_at = -LIST_EVERY
        while not stop.wait(LOOK_EVERY):
            now = time.monotonic()
            if now - listed_at >= LIST_EVERY:
                self._adjust(children, _wanted(firm), now)
                listed_at = now
            self._revive(children, now)
        _end([child.process for child in children.values()])

    def _adjust(self, children: dict[Key, Child], wanted: set[Key], now: float) -> None:
        for key in sorted(wanted - children.keys()):
            children[key] = Child(_start(key), now)
        gone = children.keys() - wanted
        _end([children[key].process for key in gone])
        for key in gone:
            del children[key]

    def _revive(self, children: dict[Key, Child], now: float) -> None:
        for key, child in children.items():
            if child.process.poll() is None:
                continue
            if child.again_at is None:
                child.pause = 0.5 if now - child.started_at > SHORTEST_LIFE else min(child.pause * 2, LONGEST_PAUSE)
                child.again_at = now + child.pause
                self.stderr.write(f"gateway {key[1]} of firm {key[0]} ended with status {child.process.returncode}")
            elif now >= child.again_at:
                child.process, child.started_at, child.again_at = _start(key), now, None


def _wanted(firm: int | None) -> set[Key]:
    found: set[Key] = set()
    for firm_id in firm_ids() if firm is None else [firm]:
        with tenancy.firm(firm_id):
            found |= {(firm_id, row.code) for row in broker_connections() if row.is_enabled}
    connections.close_all()
    return found


def _start(key: Key) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, sys.argv[0], "run_gateway", key[1], "--firm", str(key[0])])


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
