"""What production says to browsers, and what the environment says about mail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from mamweb.config import Config, Mode, mail

NAMES = "SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE SESSION_COOKIE_NAME CSRF_COOKIE_NAME SECURE_HSTS_SECONDS SECURE_SSL_REDIRECT MFA_REQUIRED"


def test_production_is_strict(tmp_path: Path) -> None:
    code = f"import json, mamweb.settings as s; print(json.dumps({{n: getattr(s, n) for n in '{NAMES}'.split()}}))"
    urls = {f"DATABASE{part}_URL": "postgresql://a:b@localhost/c" for part in ("", "_OWNER")}
    given = {"MAMWEB_ENV": "production", "SECRET_KEY": "x" * 50, "REDIS_URL": "redis://localhost", "MAMWEB_VAR": str(tmp_path), **urls}
    environment = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "VIRTUAL_ENV"}} | given
    found = json.loads(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True).stdout)
    assert found.pop("SESSION_COOKIE_NAME") == "__Host-sessionid" and found.pop("CSRF_COOKIE_NAME") == "__Host-csrftoken"
    assert found.pop("SECURE_HSTS_SECONDS") >= 31_536_000
    assert set(found.values()) == {True}


def test_mail_goes_to_the_server_named() -> None:
    config = Config(mamweb_env=Mode.PRODUCTION, email_host="mail.example.com", email_user="u", email_password="p", email_tls="tls")
    found = mail(config)
    assert found["EMAIL_BACKEND"].endswith("smtp.EmailBackend") and found["EMAIL_PORT"] == 465 and found["EMAIL_USE_SSL"]
    assert found["EMAIL_HOST_PASSWORD"] == "p" and not found["EMAIL_USE_TLS"]


@pytest.mark.parametrize(("mode", "backend"), [(Mode.DEMO, "filebased"), (Mode.PRODUCTION, "dummy")])
def test_without_a_server_a_trial_writes_files_and_production_nothing(mode: Mode, backend: str) -> None:
    assert backend in mail(Config(mamweb_env=mode))["EMAIL_BACKEND"]


def test_a_wrong_word_for_tls_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from mamweb.config import read_config

    monkeypatch.setenv("EMAIL_TLS", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="EMAIL_TLS"):
        read_config()
