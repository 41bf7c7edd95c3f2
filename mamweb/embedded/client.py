"""What a process does to use the private servers."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from .locks import is_held_alone, open_lock
from .places import Places, places
from .supervisor import DATABASE, LOADER, OWNER, RUNTIME

START_SECONDS = 90.0
_held: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the private servers listen."""

    database_url: str
    database_owner_url: str
    database_loader_url: str
    redis_socket: str


def addresses(var: Path, profile: str) -> Addresses:
    """Return the addresses, whether or not the servers run yet."""
    sockets = places(var, profile).sockets
    url = "postgresql://{}@/" + DATABASE + f"?host={sockets}"
    return Addresses(url.format(RUNTIME), url.format(OWNER), url.format(LOADER), f"{sockets}/valkey.sock")


def attach(var: Path, profile: str) -> None:
    """Make sure both servers answer, and keep them running until this process ends. Raises RuntimeError if they cannot start."""
    var = var.resolve()
    where = places(var, profile)
    if where.clients_lock in _held:
        return
    handle = open_lock(where.clients_lock)
    fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        _await_servers(where, var, profile)
    except BaseException:
        os.close(handle)
        raise
    _held[where.clients_lock] = handle


def _await_servers(where: Places, var: Path, profile: str) -> None:
    """Start a supervisor where none is, and wait until its servers answer."""
    log = where.state / "supervisor.log"
    lock = open_lock(where.supervisor_lock)
    ours: subprocess.Popen[bytes] | None = None
    missing = ""
    deadline = time.monotonic() + START_SECONDS
    try:
        while time.monotonic() < deadline:
            if is_held_alone(lock):
                missing = _missing(where)
                if not missing:
                    return
            elif ours is None:
                ours = _launch(var, profile, log)
            elif ours.poll() is not None:
                if ours.returncode:
                    raise RuntimeError(f"the private servers did not start; the end of {log}:\n{_tail(log)}")
                ours = None
            time.sleep(0.02)
    finally:
        os.close(lock)
        if ours is not None and ours.poll() is None:
            ours.returncode = 0  # it outlives us by design, and is nobody's to wait for
    raise RuntimeError(f"the private servers did not answer within {START_SECONDS:.0f} s ({missing}); the end of {log}:\n{_tail(log)}")


def _missing(where: Places) -> str:
    """Return what is not there yet, "" when both servers answer as the running application meets them."""
    try:
        psycopg.connect(host=str(where.sockets), user=RUNTIME, dbname=DATABASE, connect_timeout=2).close()
        with socket.socket(socket.AF_UNIX) as valkey:
            valkey.settimeout(2)
            valkey.connect(str(where.sockets / "valkey.sock"))
            valkey.sendall(b"PING\r\n")
            answer = valkey.recv(100)
    except (psycopg.OperationalError, OSError) as error:
        return str(error).strip()
    return "" if answer.startswith(b"+PONG") else f"valkey: {answer!r}"


def _launch(var: Path, profile: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "mamweb.embedded", str(var), profile],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=Path(__file__).resolve().parent.parent.parent,
            start_new_session=True,
        )


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else "no log"
