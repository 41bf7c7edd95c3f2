"""Processes that attach the private servers, and what can be seen of the servers from outside."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis
from django.conf import settings

from mamweb.embedded.locks import is_held_alone, open_lock
from mamweb.embedded.places import ELSEWHERE, Places, places

PROFILE = "test-embedded"
ATTACH = "import sys; from pathlib import Path; from mamweb.embedded import attach; "
STAY = f"{ATTACH}[attach(Path(sys.argv[1]), {PROFILE!r}) for _ in range(int(sys.argv[2]))]; print('up', flush=True); sys.stdin.read()"


class Client:
    """A process that attaches, and stays until it is told to go."""

    def __init__(self, var: Path, *, times: int = 1, cwd: Path | None = None) -> None:
        environment = {"PYTHONPATH": str(settings.BASE_DIR), "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "error"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", STAY, str(var), str(times)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd or settings.BASE_DIR,
            env=environment,
        )

    def wait_until_up(self) -> None:
        """Raises AssertionError with what it wrote if it ended instead."""
        assert self.process.stdout is not None and self.process.stderr is not None
        if self.process.stdout.readline() != "up\n":
            raise AssertionError(self.process.stderr.read())

    def leave(self, number: int = signal.SIGKILL) -> str:
        """End it. Return what it wrote on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate()[1]


@contextmanager
def attached(var: Path, **more: Any) -> Iterator[Client]:
    """A client for the length of the block; it is killed at its end."""
    client = Client(var, **more)
    try:
        client.wait_until_up()
        yield client
    finally:
        client.leave()


def where(var: Path) -> Places:
    return places(var, PROFILE)


def sql(var: Path, statement: str, user: str = "mamweb_owner") -> list[Any]:
    """Run one statement in the private database, committed."""
    with psycopg.connect(host=str(where(var).sockets), user=user, dbname="mamweb") as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def valkey(var: Path) -> Iterator[redis.Redis]:
    client = redis.Redis(unix_socket_path=str(where(var).sockets / "valkey.sock"))
    try:
        yield client
    finally:
        client.close()


def postgres_pid(var: Path) -> int:
    return int((where(var).data / "postmaster.pid").read_text().split()[0])


def valkey_pid(var: Path) -> int:
    with valkey(var) as client:
        return int(client.info("server")["process_id"])


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def runs(pid: int) -> bool:
    """Return whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_supervised(var: Path) -> bool:
    with open(open_lock(where(var).supervisor_lock), "rb") as lock:
        return is_held_alone(lock.fileno())


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Raises TimeoutError naming what did not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)


def remove(var: Path) -> None:
    """End the servers of this folder and remove every trace."""
    here = where(var)
    if is_supervised(var):
        here.data.rename(here.state / "gone")  # a supervisor whose data is gone stops by itself, idle or not
        wait_for(lambda: not is_supervised(var), "the supervisor of removed data to end")
    shutil.rmtree(here.sockets, ignore_errors=True)
    shutil.rmtree(here.state)
    if here.state.is_relative_to(ELSEWHERE):
        here.state.parent.rmdir()
