"""The environment: secrets given or in files; what is missing or wrong is one line that names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from mamweb.config import Config, database, read_config, secret_key

SECRETS = {
    "SECRET_KEY": "k3y-" * 16 + "0123456789abcdef",
    "DATABASE_URL": "postgresql://app:runs@db.example/mamweb",
    "DATABASE_OWNER_URL": "postgresql://owner:migrates@db.example/mamweb",
    "DATABASE_LOADER_URL": "postgresql://loader:loads@db.example/mamweb",
    "REDIS_URL": "rediss://:hidden@redis.example:6380/0",
}
PRODUCTION = {"MAMWEB_ENV": "production", "ALLOWED_HOSTS": "mamweb.example", **SECRETS}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a machine that serves, and nothing else of ours."""
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True)


def test_the_deployment_check_is_clean() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert (done.returncode, done.stdout, done.stderr) == (0, "System check identified no issues (0 silenced).\n", "")


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"])
def test_a_missing_secret_is_one_line_that_names_it(name: str) -> None:
    done = manage("migrate", **{key: value for key, value in PRODUCTION.items() if key != name})
    assert done.returncode == 1 and done.stdout == ""
    assert name in done.stderr and done.stderr.startswith("manage.py: environment: ") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_may_come_from_a_file(production: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRETS[name]}\n")
    production.setenv(name, "")
    production.setenv(f"{name}_FILE", str(path))
    assert getattr(read_config(), name.lower()).get_secret_value() == SECRETS[name]


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("trouble", ["missing", "folder", "empty", "bytes", "both"])
def test_a_secret_file_that_cannot_be_used_is_named_and_never_passed_over(
    production: pytest.MonkeyPatch, tmp_path: Path, name: str, trouble: str
) -> None:
    path = tmp_path / "secret"
    if trouble == "folder":
        path.mkdir()
    elif trouble != "missing":
        path.write_bytes({"empty": b" \n", "bytes": b"\xff\xfe", "both": b"x"}[trouble])
    production.setenv(f"{name}_FILE", str(path))
    if trouble != "both":
        production.delenv(name)
    with pytest.raises(ImproperlyConfigured, match=f"environment: {name}") as caught:
        read_config()
    assert "\n" not in str(caught.value) and (trouble == "both" or str(path) in str(caught.value))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_secret_file_that_may_not_be_read_is_named(production: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0)
    production.delenv("SECRET_KEY")
    production.setenv("SECRET_KEY_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY_FILE.*Permission denied"):
        read_config()


def test_other_programs_files_are_not_read(production: pytest.MonkeyPatch) -> None:
    production.setenv("SSL_CERT_FILE", "/nonexistent")
    assert read_config().database_url is not None


@pytest.mark.parametrize("name", ["DATABASE_OWNER_URL", "DATABASE_LOADER_URL"])
def test_a_server_is_never_mixed_with_a_private_one(production: pytest.MonkeyPatch, name: str) -> None:
    for other in SECRETS.keys() - {name, "SECRET_KEY"}:
        production.delenv(other)
    with pytest.raises(ImproperlyConfigured, match=f"{name} needs DATABASE_URL"):
        read_config()


@pytest.mark.parametrize(
    ("name", "value"),
    [("REDIS_URL", "http://:hidden@redis.example"), ("LOG_LEVEL", "loud"), ("MAX_BODY_BYTES", "0"), ("MAMWEB_ENV", "prod")],
)
def test_a_wrong_value_names_its_variable_and_shows_no_secret(production: pytest.MonkeyPatch, name: str, value: str) -> None:
    production.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=f"^environment: {name}: ") as caught:
        read_config()
    assert "hidden" not in str(caught.value)


def test_a_wrong_database_address_names_its_variable_and_shows_no_password() -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_OWNER_URL must look like") as caught:
        database("DATABASE_OWNER_URL", "postgres//owner:migrates@db.example")
    assert "migrates" not in str(caught.value) and caught.value.__suppress_context__


def test_a_trial_makes_its_key_once_and_for_its_owner_only(production: pytest.MonkeyPatch, tmp_path: Path) -> None:
    production.delenv("SECRET_KEY")
    production.setenv("MAMWEB_ENV", "demo")
    production.setenv("MAMWEB_VAR", str(tmp_path))
    config = read_config()
    key = secret_key(config)
    assert len(key) >= 50 and secret_key(config) == key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
