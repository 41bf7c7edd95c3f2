"""Test databases: migrated once as a template, cloned for each worker, dropped at the end.

The template's name carries a digest of everything that shapes the schema, so a change of a migration makes a new one.
"""

from __future__ import annotations

import fcntl
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

ROOT = Path(settings.BASE_DIR)
SHAPES = ["*/migrations/*.py", "base/*.py", "base/tenancy/*.py", "*/models.py", "*/models/*.py", "execution/core/*.py", "requirements.txt"]


@contextmanager
def cloned_database(name: str) -> Iterator[None]:
    """Point every alias at a fresh clone called `name` for the length of the block."""
    with _as_owner() as owner:
        template = _template(owner)
        _drop(owner, name)
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        # Two connections of one test that wait for each other are an error of that test, not a run that never ends.
        owner.execute(sql.SQL("ALTER DATABASE {} SET lock_timeout = '60s'").format(sql.Identifier(name)))
    before = use_database(name)
    try:
        yield
    finally:
        connections.close_all()
        use_database(before)
        with _as_owner() as owner:
            _drop(owner, name)


def use_database(name: str) -> str:
    """Point every alias at the database and return the name of the one before."""
    before = str(connections["default"].settings_dict["NAME"])
    connections.close_all()
    for alias in connections:
        connections[alias].settings_dict["NAME"] = name
        settings.DATABASES[alias]["NAME"] = name
    return before


def _template(owner: psycopg.Connection) -> str:
    digest = hashlib.sha256("|".join(settings.INSTALLED_APPS).encode())
    for path in sorted(path for pattern in SHAPES for path in ROOT.glob(pattern)):
        digest.update(path.name.encode() + path.read_bytes())
    name = f"template_{digest.hexdigest()[:16]}"
    settings.VAR_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.VAR_DIR / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for (old,) in owner.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'template\\_%%' AND datname <> %s", [name]
        ).fetchall():
            _drop(owner, old)
        if not owner.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            _make_template(owner, name)
    return name


def _make_template(owner: psycopg.Connection, name: str) -> None:
    building = f"{name}_new"
    _drop(owner, building)
    owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(building)))
    before = use_database(building)
    try:
        call_command("migrate", database="owner", verbosity=0)
    finally:
        use_database(before)
    owner.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(building), sql.Identifier(name)))


def _drop(owner: psycopg.Connection, name: str) -> None:
    """Drop a database with who is still in it. Its owner may not end everybody; a drop without force has the server end autovacuum workers.

    A connection that some thread of this process still holds outlives both: the database is then left behind, and said so.
    """
    forced, patient = (sql.SQL(f"DROP DATABASE IF EXISTS {{}}{how}").format(sql.Identifier(name)) for how in (" WITH (FORCE)", ""))
    for statement in (forced, patient, forced, patient):
        try:
            owner.execute(statement)
            return
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse) as error:
            said = error
    sys.stderr.write(f"{name} is left behind: {said}\n")


def _as_owner() -> psycopg.Connection:
    given = settings.DATABASES["owner"]
    return psycopg.connect(
        host=given["HOST"] or None,
        port=given["PORT"] or None,
        user=given["USER"],
        password=given["PASSWORD"] or None,
        dbname="postgres",
        autocommit=True,
        **given["OPTIONS"],
    )
