"""What a process does to use the private servers."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .places import Places, places
from .supervisor import DATABASE, LOADER, OWNER, RUNTIME

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
    """Make sure the servers run, and keep them running until this process ends. Raises RuntimeError if they cannot start."""
    where = places(var, profile)
    if where.clients_lock in _held:
        return
    handle = os.open(where.clients_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    _held[where.clients_lock] = handle
    start = os.open(where.start_lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(start, fcntl.LOCK_EX)
        if not _alive(where):
            _start(where, var, profile)
    finally:
        os.close(start)


def _alive(where: Places) -> bool:
    try:
        pid = int(json.loads(where.ready.read_text())["pid"])
        os.kill(pid, 0)
        return b"mamweb.embedded.supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError, KeyError):
        return False


def _start(where: Places, var: Path, profile: str) -> None:
    where.ready.unlink(missing_ok=True)
    log = where.state / "supervisor.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mamweb.embedded.supervisor", str(var), profile],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=Path(__file__).resolve().parent.parent.parent,
            start_new_session=True,
        )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if where.ready.exists():
            process.returncode = 0  # it outlives us by design, and is nobody's to wait for
            return
        if process.poll() is not None:
            raise RuntimeError(f"the private servers did not start; the end of {log}:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.02)
    raise RuntimeError(f"the private servers did not start within 90 s, see {log}")
