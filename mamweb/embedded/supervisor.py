"""The one process that owns the private servers: starts them, restarts one that dies, stops both when nobody is attached any more.

Run as `python -m mamweb.embedded VAR PROFILE`; `attach()` does that.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from .locks import is_held, open_lock, take, take_within
from .places import Places, places, postgres_bin, server_user, valkey_server

logger = logging.getLogger(__name__)
IDLE_SECONDS = 5.0
LOOK_SECONDS = 0.25
START_SECONDS = 60.0
STOP_SECONDS = 30.0
# A server that keeps dying is started again this often.
RETRY_SECONDS = 1.0
# A server makes its socket within moments; one whose socket nobody saw for this long has lost it.
SOCKET_SECONDS = 10.0
OWNER, RUNTIME, LOADER, DATABASE = "mamweb_owner", "mamweb_app", "mamweb_loader", "mamweb"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
# Test data need not survive a power cut; kill -9 of the server still loses nothing that was committed.
FAST = ["-c", "fsync=off", "-c", "full_page_writes=off"]


def dies_with_parent(how: int) -> Callable[[], None]:
    """Return a preexec function: the kernel sends `how` to the child when this process ends, kill -9 included."""
    parent = os.getpid()

    def prepare() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, how)
            if os.getppid() != parent:  # it ended before the kernel was told
                os._exit(1)

    return prepare


@dataclass
class Server:
    """One server. how: the signal that stops it cleanly; now: the one that ends it where that fails; both leave the data whole."""

    name: str
    command: list[str]
    socket: Path
    how: int
    now: int
    as_server_user: bool = False
    process: subprocess.Popen[bytes] | None = None
    spawned: float = 0.0
    was_reachable: bool = False

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def lost_its_socket(self) -> bool:
        if self.socket.exists():
            self.was_reachable = True
            return False
        return self.was_reachable or time.monotonic() - self.spawned > SOCKET_SECONDS


class Supervisor:
    """Two servers in one state folder."""

    def __init__(self, where: Places, profile: str) -> None:
        self.where, self.profile = where, profile
        self.bin = postgres_bin(where.state)
        self.is_scratch = profile.startswith("test")
        self.postgres, self.valkey = self._postgres(), self._valkey()

    def start(self) -> None:
        """Start both servers and wait until they answer."""
        self._make_cluster()
        self._bring_up(self.postgres, lambda: psycopg.connect(self._superuser(), connect_timeout=2).close())
        self._make_roles()
        self._bring_up(self.valkey, lambda: self.valkey.socket.stat())

    def revive(self) -> None:
        """Start again what died, as soon as nothing of it is left; a server whose socket was swept away is stopped for that."""
        for server in (self.postgres, self.valkey):
            if server.runs():
                if server.lost_its_socket():
                    self._signal(server, server.how)
            elif time.monotonic() - server.spawned > RETRY_SECONDS and self._spawn(server):
                logger.warning("%s had ended and was started again", server.name)

    def is_homeless(self) -> bool:
        """Return whether somebody removed the data from under the servers."""
        return not (self.where.data / "PG_VERSION").exists()

    def stop(self) -> None:
        """Stop both cleanly: open transactions are rolled back, everything committed stays."""
        servers = [server for server in (self.postgres, self.valkey) if server.runs()]
        for server in servers:
            self._signal(server, server.now if self.is_homeless() else server.how)
        for server in servers:
            try:
                server.process.wait(STOP_SECONDS)  # type: ignore[union-attr]
            except subprocess.TimeoutExpired:
                logger.error("%s did not stop within %s s and is ended", server.name, STOP_SECONDS)
                self._signal(server, server.now)

    def _postgres(self) -> Server:
        options = ["-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=256MB"]
        options += FAST if self.is_scratch else []
        command = [str(self.bin / "postgres"), "-D", str(self.where.data), "-k", str(self.where.sockets), *options]
        socket = self.where.sockets / ".s.PGSQL.5432"
        return Server("postgres", command, socket, signal.SIGINT, signal.SIGQUIT, as_server_user=True)

    def _valkey(self) -> Server:
        folder, socket = self.where.state / "valkey", self.where.sockets / "valkey.sock"
        folder.mkdir(exist_ok=True)
        options = ["--port", "0", "--unixsocket", str(socket), "--appendonly", "yes", "--maxmemory-policy", "noeviction", "--save", ""]
        # Its own reading of arguments splits a path at blanks: it runs in its folder instead of being told it.
        return Server("valkey", [str(valkey_server()), *options], socket, signal.SIGTERM, signal.SIGKILL)

    def _make_cluster(self) -> None:
        """Make the database cluster whole or not at all."""
        data, ids = self.where.data, server_user()
        if (data / "PG_VERSION").exists():
            return
        fresh = data.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if ids:
            os.chown(fresh, ids["user"], ids["group"])
        sync = ["--no-sync"] if self.is_scratch else []
        command = [self.bin / "initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", *sync]
        subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT, cwd="/", **ids)
        fresh.rename(data)

    def _make_sockets(self) -> None:
        sockets, ids = self.where.sockets, server_user()
        sockets.mkdir(exist_ok=True)
        sockets.chmod(0o700)
        if ids:
            os.chown(sockets, ids["user"], ids["group"])

    def _bring_up(self, server: Server, answers: Callable[[], object]) -> None:
        log = self.where.state / f"{server.name}.log"
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if server.process is None:
                self._spawn(server)
            elif not server.runs():
                raise RuntimeError(f"{server.name} stopped: {_tail(log)}")
            else:
                try:
                    answers()
                    server.was_reachable = True
                    return
                except (psycopg.OperationalError, FileNotFoundError):
                    pass
            time.sleep(0.02)
        why = "what is left of an earlier one has not ended" if server.process is None else _tail(log)
        raise TimeoutError(f"{server.name} did not answer within {START_SECONDS:.0f} s: {why}")

    def _spawn(self, server: Server) -> bool:
        """Start the server with its lock in hand; all its processes inherit it. Return False while an earlier one's hold it."""
        lock = open_lock(self.where.server_lock(server.name))
        try:
            if not take(lock):
                return False
            self._make_sockets()
            self._forget(server)
            with (self.where.state / f"{server.name}.log").open("ab") as log:
                server.process = subprocess.Popen(
                    server.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=ENVIRONMENT,
                    cwd=self.where.data if server is self.postgres else self.where.state / "valkey",
                    pass_fds=(lock,),
                    start_new_session=True,
                    preexec_fn=dies_with_parent(server.how),
                    **(server_user() if server.as_server_user else {}),
                )
        finally:
            os.close(lock)
        server.spawned, server.was_reachable = time.monotonic(), False
        return True

    def _forget(self, server: Server) -> None:
        """Remove what a dead server left, its lock being ours. PostgreSQL would take any process of ours with the same pid for itself."""
        for left in (server.socket, server.socket.with_name(f"{server.socket.name}.lock")):
            left.unlink(missing_ok=True)
        pid_file = self.where.data / "postmaster.pid"
        if server is self.postgres and pid_file.exists() and not _serves(pid_file, self.where.data):
            pid_file.unlink()

    def _signal(self, server: Server, number: int) -> None:
        if server.process is not None and server.runs():
            server.process.send_signal(number)

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
    """Hold the servers up until no process has been attached for a while; return at once if another supervisor does."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    os.umask(0o022 if os.geteuid() == 0 else 0o077)
    where = places(var, profile)
    if not take_within(open_lock(where.supervisor_lock), 2.0):
        return
    stopping = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.append(True))
    supervisor = Supervisor(where, profile)
    try:
        supervisor.start()
        clients = open_lock(where.clients_lock)
        last_used = time.monotonic()
        while not stopping and not supervisor.is_homeless():
            time.sleep(LOOK_SECONDS)
            supervisor.revive()
            if is_held(clients):
                last_used = time.monotonic()
            elif time.monotonic() - last_used > IDLE_SECONDS and take(clients):
                break  # held until the servers are down: whoever comes now waits, finds nothing, and starts afresh
    finally:
        supervisor.stop()


def _serves(pid_file: Path, data: Path) -> bool:
    """Return whether the file's process, somebody else's then, serves this data. Elsewhere than Linux PostgreSQL's own look must do."""
    if sys.platform != "linux":
        return True
    try:
        pid = int(pid_file.read_text().split()[0])
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        return False


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else "no log"
