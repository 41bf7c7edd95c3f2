"""A firm on a database of its own, a paper venue a connection, two gateways and a worker, all as processes on one rehearsal clock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.db import connection, connections

from base import tenancy
from base.clock import process_clock
from execution.venue.journal import Oracle, read_oracle
from mamweb.embedded.supervisor import dies_with_parent
from mamweb.tour.firm import LANES, TourFirm, build_firm, generated_people
from mamweb.tour.world import generated_market
from tests.database import cloned_database

SPEED = 20.0
PATIENCE = 150.0
MANAGE = [sys.executable, "manage.py"]


@dataclass
class Stage:
    """Running processes and where they keep things."""

    firm: TourFirm
    folder: Path
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: list[str], extra: Mapping[str, str] | None = None) -> None:
        """Start a process; it dies with this one."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=settings.BASE_DIR,
                env=self.environment | dict(extra or {}),
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )

    def start_venue(self, lane: str) -> None:
        self.start(f"venue-{lane}", [*MANAGE, "run_paper_venue", lane, "--firm", str(self.firm.firm_id)])
        wait_for(lambda: self.address(lane).exists() or self.has_ended(f"venue-{lane}"), f"venue {lane} to listen")
        if self.has_ended(f"venue-{lane}"):
            raise RuntimeError(f"venue {lane} did not start: {self.tail(f'venue-{lane}')}")

    def start_gateway(self, lane: str, extra: Mapping[str, str] | None = None) -> None:
        self.start(f"gateway-{lane}", [*MANAGE, "run_gateway", lane, "--firm", str(self.firm.firm_id)], extra)

    def start_worker(self, extra: Mapping[str, str] | None = None) -> None:
        """Start a worker; it takes work as soon as it has read the queue."""
        celery = [sys.executable, "-m", "celery", "-A", "mamweb"]
        self.start("worker", [*celery, "worker", "-P", "solo", "-l", "INFO", "--without-mingle", "--without-gossip"], extra)

    def start_beat(self) -> None:
        """Start beat, a process of its own: inside a worker it would outlive the worker's kill -9."""
        celery = [sys.executable, "-m", "celery", "-A", "mamweb"]
        scheduler = ["-s", str(self.folder / "beat"), "--scheduler", "celery.beat:PersistentScheduler"]
        self.start("beat", [*celery, "beat", "-l", "WARNING", "--pidfile=", *scheduler])

    def state_signal(self, key: str, body: str, crash_at: str = "") -> int:
        """State a signal from the command line; return the process's status."""
        command = [*MANAGE, "signal", body, "--firm", str(self.firm.firm_id), "--user", self.firm.actors["TRADER"].user_id, "--key", key]
        extra = {"MAMWEB_CRASH_AT": crash_at} if crash_at else {}
        done = subprocess.run(command, cwd=settings.BASE_DIR, env=self.environment | extra, capture_output=True, text=True)
        with (self.folder / "signals.log").open("a") as log:
            log.write(done.stdout + done.stderr)
        return done.returncode

    def restart(self, name: str, crash_at: str = "") -> None:
        """Kill -9 if it still runs, and start it again; it will die at the point if one is named. A gateway is waited for until it trades."""
        self.kill(name)
        extra = {"MAMWEB_CRASH_AT": crash_at} if crash_at else {}
        if name == "worker":
            self.start_worker(extra)
        else:
            lane = name.removeprefix("gateway-")
            before = self._reconciled(lane)
            self.start_gateway(lane, extra)
            self.wait_until_trading(lane, after=before)

    def wait_until_trading(self, lane: str, *, after: int = -1) -> None:
        """Wait until the lane's gateway has reconciled under a later epoch than this one, or has ended."""
        name = f"gateway-{lane}"
        self.wait_for(lambda: self._reconciled(lane) > after or self.has_ended(name), f"{name} to trade")

    def _reconciled(self, lane: str) -> int:
        sql = """SELECT l.reconciled_epoch FROM execution_gatewaylease l JOIN accounts_brokerconnection c ON c.id = l.connection_id
                 WHERE c.code = %s"""
        return max((int(row[0]) for row in self.rows(sql, lane)), default=-1)

    def has_ended(self, name: str) -> bool:
        return self.processes[name].poll() is not None

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.kill()
        process.wait()

    def address(self, lane: str) -> Path:
        return Path(self.environment["MAMWEB_SOCKETS"]) / f"{lane}.sock"

    def oracle(self, lane: str) -> Oracle:
        """Return what the venue's journal proves."""
        return read_oracle(self.address(lane).parent / lane / "venue.journal")

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Return rows of the firm."""
        with tenancy.firm(self.firm.firm_id), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until it is so. Raises TimeoutError that says what did not come and how things stand."""
        try:
            wait_for(condition, what, seconds)
        except TimeoutError as error:
            orders = """SELECT c.code, i.symbol, o.side, o.state, o.reason, count(*) FROM execution_childorder o
                        JOIN accounts_brokerconnection c ON c.id = o.connection_id JOIN market_instrument i ON i.id = o.instrument_id
                        GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4"""
            parents = "SELECT state, side, done_at IS NULL, count(*) FROM execution_parentorder GROUP BY 1, 2, 3"
            lines = """SELECT binding_rule, reason, count(*), sum(quantity) FROM allocation_allocationline GROUP BY 1, 2, statement_id
                       ORDER BY statement_id"""
            stands = [*self.rows(orders), *self.rows(parents), *self.rows(lines)]
            raise TimeoutError("\n".join([str(error), *map(str, stands), *map(self.tail, self.processes)])) from error

    def tail(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]


def wait_for(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until it is so. Raises TimeoutError naming what did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


@contextmanager
def stage(name: str, *, accounts: int, seed: int, opened: date | None = None, speed: float = SPEED) -> Iterator[Stage]:
    """Set everything up, and take everything down.

    opened: the day of the accounts' first cash, the market's day unless given. speed: of the market's clock.
    """
    folder = settings.VAR_DIR / "chaos" / name
    rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # A Unix socket's path is short: not every checkout's folder would do.
    with TemporaryDirectory(prefix="mamweb-chaos-") as short, cloned_database(f"chaos_{name}_{os.getpid()}"):
        sockets = Path(short)
        market = generated_market(seed)
        clock = f"{market.start.isoformat()}@{datetime.now(UTC).isoformat()}*{speed}"
        settings.REHEARSAL_CLOCK = clock
        lanes = {lane: {"address": str(sockets / f"{lane}.sock"), "journal": str(sockets / lane)} for lane in LANES}
        firm = build_firm(
            name=f"Chaos {name}",
            people=generated_people(accounts, seed),
            now=market.start - timedelta(minutes=1),
            opened=opened,
            settings=lanes,
        )
        environment = os.environ | {**addresses(), "MAMWEB_CLOCK": clock, "MAMWEB_SOCKETS": str(sockets), "PYTHONUNBUFFERED": "1"}
        environment["PYTEST_XDIST_WORKER"] = ""
        here = Stage(firm, folder, environment)
        try:
            for lane in LANES:
                here.start_venue(lane)
                here.start_gateway(lane)
            here.start_worker()
            here.start_beat()
            for lane in LANES:
                here.wait_until_trading(lane)
            yield here
        finally:
            for process in list(here.processes):
                here.kill(process)
            connections.close_all()
            settings.REHEARSAL_CLOCK = ""


def addresses() -> dict[str, str]:
    """Return the addresses of the clone for child processes."""
    found = {}
    for alias, variable in (("default", "DATABASE_URL"), ("owner", "DATABASE_OWNER_URL"), ("loader", "DATABASE_LOADER_URL")):
        given = settings.DATABASES[alias]
        password = f":{given['PASSWORD']}" if given["PASSWORD"] else ""
        found[variable] = f"postgresql://{given['USER']}{password}@/{given['NAME']}?host={given['HOST']}"
        if given["PORT"]:
            found[variable] += f"&port={given['PORT']}"
    return found | {"REDIS_URL": settings.REDIS_URL, "MAMWEB_ENV": "test"}


__all__ = ["Stage", "process_clock", "stage", "wait_for"]
