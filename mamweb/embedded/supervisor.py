"""The one process that owns the private servers: starts them, restarts one that dies, stops both when nobody is attached any more.

Run as `python -m mamweb.embedded.supervisor VAR PROFILE`; `attach()` does that.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from .places import Places, places, postgres_bin, server_user, valkey_server

IDLE_SECONDS = 5.0
OWNER, RUNTIME, LOADER, DATABASE = "mamweb_owner", "mamweb_app", "mamweb_loader", "mamweb"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
# Test data need not survive a power cut; kill -9 of the server still loses nothing but the last moments.
FAST = ["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]


def dies_with_parent(how: int) -> Callable[[], None]:
    """Return a preexec function: the kernel sends `how` to the child when this process ends, kill -9 included."""

    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, how)

    return prepare


class Supervisor:
    """Two servers in one state folder."""

    def __init__(self, where: Places, profile: str) -> None:
        self.where, self.profile = where, profile
        self.bin = postgres_bin(where.state)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start both servers and wait until they answer."""
        self._await_predecessors()
        self._make_cluster()
        self._start_postgres()
        self._start_valkey()
        self._make_roles()
        self.where.ready.write_text(json.dumps({"pid": os.getpid()}))

    def revive(self) -> None:
        """Start whatever died."""
        if self.running["postgres"].poll() is not None:
            self._start_postgres()
        if self.running["valkey"].poll() is not None:
            self._start_valkey()

    def stop(self) -> None:
        """Stop both cleanly: open transactions are rolled back, everything committed stays."""
        self.where.ready.unlink(missing_ok=True)
        for name, how in (("postgres", signal.SIGINT), ("valkey", signal.SIGTERM)):
            process = self.running.get(name)
            if process and process.poll() is None:
                process.send_signal(how)
                process.wait(30)

    def _await_predecessors(self) -> None:
        """Let the servers of a killed supervisor finish: the kernel has told them to stop, and they hold the data."""
        try:
            pids = json.loads((self.where.state / "children").read_text())
        except (FileNotFoundError, ValueError):
            return
        deadline = time.monotonic() + 30
        while any(_runs(pid, name) for name, pid in pids.items()) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _make_cluster(self) -> None:
        data, ids = self.where.data, server_user()
        for folder in (data, self.where.sockets):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
            if ids:
                os.chown(folder, ids["user"], ids["group"])
        if (data / "PG_VERSION").exists():
            return
        fresh = data / "new"
        shutil.rmtree(fresh, ignore_errors=True)
        command = [self.bin / "initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd="/", **ids)
        for item in sorted(fresh.iterdir(), key=lambda path: path.name == "PG_VERSION"):
            item.rename(data / item.name)
        fresh.rmdir()

    def _start_postgres(self) -> None:
        options = ["-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=256MB"]
        options += FAST if self.profile.startswith("test") else []
        command = [self.bin / "postgres", "-D", self.where.data, "-k", self.where.sockets, *options]
        self._spawn("postgres", [str(part) for part in command], signal.SIGINT, as_server_user=True)
        self._wait("postgres", lambda: psycopg.connect(self._superuser(), connect_timeout=2).close())

    def _start_valkey(self) -> None:
        folder = self.where.state / "valkey"
        folder.mkdir(exist_ok=True)
        socket = self.where.sockets / "valkey.sock"
        command = f"{valkey_server()} --port 0 --unixsocket {socket} --dir {folder} --appendonly yes --maxmemory-policy noeviction"
        self._spawn("valkey", [*command.split(), "--save", ""], signal.SIGTERM)
        self._wait("valkey", lambda: socket.stat())

    def _spawn(self, name: str, command: list[str], how: int, *, as_server_user: bool = False) -> None:
        with (self.where.state / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
                preexec_fn=dies_with_parent(how),
                **(server_user() if as_server_user else {}),
            )
        (self.where.state / "children").write_text(json.dumps({name: process.pid for name, process in self.running.items()}))

    def _wait(self, name: str, answers: Callable[[], object]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.running[name].poll() is not None:
                raise RuntimeError(f"{name} stopped: {_tail(self.where.state / f'{name}.log')}")
            try:
                answers()
                return
            except (psycopg.OperationalError, FileNotFoundError):
                time.sleep(0.02)
        raise TimeoutError(f"{name} did not answer within 60 s: {_tail(self.where.state / f'{name}.log')}")

    def _superuser(self) -> str:
        return f"host={self.where.sockets} user=postgres dbname=postgres"

    def _make_roles(self) -> None:
        with psycopg.connect(self._superuser(), autocommit=True) as connection:
            roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            for role, rights in ((OWNER, "CREATEDB"), (RUNTIME, ""), (LOADER, "")):
                if role not in roles:
                    statement = f"CREATE ROLE {{}} LOGIN NOSUPERUSER NOBYPASSRLS {rights}"
                    connection.execute(sql.SQL(statement).format(sql.Identifier(role)))  # type: ignore[arg-type]
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))


def serve(var: Path, profile: str) -> None:
    """Hold the servers up until no process has been attached for a while."""
    supervisor = Supervisor(places(var, profile), profile)
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    try:
        supervisor.start()
        last_used = time.monotonic()
        with supervisor.where.clients_lock.open("a") as lock:
            while not stopping:
                time.sleep(0.25)
                supervisor.revive()
                if _in_use(lock.fileno()):
                    last_used = time.monotonic()
                elif time.monotonic() - last_used > IDLE_SECONDS and _take(lock.fileno()):
                    break  # held until the servers are down: whoever comes now waits, finds nothing, and starts afresh
            supervisor.stop()
    finally:
        supervisor.stop()


def _runs(pid: int, name: str) -> bool:
    try:
        return name in Path(f"/proc/{pid}/comm").read_text()
    except FileNotFoundError:
        return False


def _in_use(lock: int) -> bool:
    if not _take(lock):
        return True
    fcntl.flock(lock, fcntl.LOCK_UN)
    return False


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else "no log"


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
