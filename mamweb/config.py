"""Settings from the environment, typed (and nothing from anywhere else).

Every variable `X` may be given as `X_FILE`, the path of a file that holds it: that is how secrets reach a container.
"""

from __future__ import annotations

import logging
import os
import secrets
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from base.core.rates import Rate, parse_rate

ROOT = Path(__file__).resolve().parent.parent


Limit = Annotated[Rate | None, NoDecode, BeforeValidator(parse_rate)]


class Mode(StrEnum):
    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"
    BENCH = "bench"


class Tls(StrEnum):
    """How a connection to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class FileVariants(EnvSettingsSource):
    """Reads `X_FILE` where `X` is not set."""

    def _load_env_vars(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for field in self.settings_cls.model_fields:
            name = field.upper()
            if path := os.environ.get(f"{name}_FILE"):
                if os.environ.get(name):
                    raise ImproperlyConfigured(f"environment: {name} and {name}_FILE are both set; only one may be")
                found[field] = _secret(f"{name}_FILE", Path(path))
        return found


def _secret(variable: str, path: Path) -> str:
    """Return what the file holds, without blank ends. Raises ImproperlyConfigured naming the variable; never shows the content."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"environment: {variable}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ImproperlyConfigured(f"environment: {variable}: {path} is not text") from None
    if not text:
        raise ImproperlyConfigured(f"environment: {variable}: {path} is empty")
    return text


class Config(BaseSettings):
    """What the environment says. Production has no default secret."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False, env_ignore_empty=True)

    mamweb_env: Mode = Mode.PRODUCTION
    debug: bool = False
    secret_key: SecretStr | None = None
    allowed_hosts: Annotated[list[str], NoDecode] = Field(default_factory=list)
    trusted_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)
    database_url: SecretStr | None = None
    database_owner_url: SecretStr | None = None
    database_loader_url: SecretStr | None = None
    database_pool: int = Field(default=0, ge=0, le=500)
    redis_url: SecretStr | None = None
    mamweb_var: Path = ROOT / "var"
    log_level: str = "INFO"
    mamweb_clock: str = ""
    max_body_bytes: int = Field(default=1024 * 1024, gt=0)
    api_rate_token: Limit = Rate(600, 60)
    api_rate_person: Limit = Rate(1200, 60)
    api_rate_stop: Limit = Rate(300, 60)
    api_rate_anonymous: Limit = Rate(30, 60)
    api_rate_webhook: Limit = Rate(120, 60)
    email_host: str = ""
    email_port: int | None = Field(default=None, gt=0, lt=65536)
    email_user: str = ""
    email_password: SecretStr | None = None
    email_tls: Tls = Tls.STARTTLS
    email_from: str = "mamweb@localhost"

    @field_validator("allowed_hosts", "trusted_origins", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        """Read a list as words between commas."""
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def speaks_redis(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what no client could read."""
        if value and not value.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must look like redis://host:6379/0, rediss://host:6379/0 or unix:///run/redis.sock")
        return value

    @field_validator("log_level")
    @classmethod
    def is_level(cls, value: str) -> str:
        """Read a level of Python's logging, in any case."""
        if value.upper() not in logging.getLevelNamesMapping():
            raise ValueError("must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
        return value.upper()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileVariants(settings_cls)


def read_config() -> Config:
    """Return the configuration. Raises ImproperlyConfigured naming each variable that is wrong or missing."""
    try:
        config = Config()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors(include_input=False)
        )
        raise ImproperlyConfigured(f"environment: {problems}") from None
    _complete(config)
    return config


def _complete(config: Config) -> None:
    """Raise ImproperlyConfigured if the servers named are only some of those that belong together."""
    if config.database_url:
        needs = {"DATABASE_OWNER_URL (for migrations)": config.database_owner_url, "REDIS_URL": config.redis_url}
        if missing := [name for name, given in needs.items() if not given]:
            raise ImproperlyConfigured(f"environment: DATABASE_URL needs {' and '.join(missing)} beside it")
    elif config.database_owner_url or config.database_loader_url:
        alone = "DATABASE_OWNER_URL" if config.database_owner_url else "DATABASE_LOADER_URL"
        raise ImproperlyConfigured(f"environment: {alone} needs DATABASE_URL beside it")


def secret_key(config: Config) -> str:
    """Return the signing key: given, or kept under var/ for demo and tests. Raises ImproperlyConfigured in production without one."""
    if config.secret_key:
        return config.secret_key.get_secret_value()
    if config.mamweb_env is Mode.PRODUCTION:
        raise ImproperlyConfigured("environment: SECRET_KEY (or SECRET_KEY_FILE) is required; MAMWEB_ENV=demo makes one for a trial")
    path = config.mamweb_var / "secret_key"
    if not path.exists():
        _make_once(path, secrets.token_urlsafe(50))
    return _secret("SECRET_KEY (made for a trial)", path)


def _make_once(path: Path, text: str) -> None:
    """Make the file whole, for its owner only; whoever is first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent) as fresh:
        fresh.write(text)
        fresh.flush()
        with suppress(FileExistsError):
            os.link(fresh.name, path)


def database(variable: str, url: str, pool: int = 0) -> dict[str, Any]:
    """Return Django's settings for a PostgreSQL address. Raises ImproperlyConfigured, naming the variable, if it cannot be read.

    pool: most connections that the process's threads share; 0: each thread keeps its own.
    """
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        raise ImproperlyConfigured(f"environment: {variable} must look like postgresql://user:password@host/name") from None
    known = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    settings = {ours: str(parts.pop(theirs, None) or "") for ours, theirs in known.items()}
    options: dict[str, Any] = dict(parts)
    if pool:
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": 10}
    kept = {"OPTIONS": options, "CONN_MAX_AGE": 0 if pool else 60, "CONN_HEALTH_CHECKS": True}
    return {"ENGINE": "django.db.backends.postgresql", **kept, **settings}


def mail(config: Config) -> dict[str, Any]:
    """Return Django's settings for mail: the server named; without one a trial keeps its letters in var/mail and production sends none."""
    ports = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}
    backend = "smtp" if config.email_host else "dummy" if config.mamweb_env is Mode.PRODUCTION else "filebased"
    return {
        "EMAIL_BACKEND": f"django.core.mail.backends.{backend}.EmailBackend",
        "EMAIL_FILE_PATH": config.mamweb_var / "mail" if backend == "filebased" else None,
        "EMAIL_HOST": config.email_host,
        "EMAIL_PORT": config.email_port or ports[config.email_tls],
        "EMAIL_HOST_USER": config.email_user,
        "EMAIL_HOST_PASSWORD": config.email_password.get_secret_value() if config.email_password else "",
        "EMAIL_USE_TLS": config.email_tls is Tls.STARTTLS,
        "EMAIL_USE_SSL": config.email_tls is Tls.TLS,
        "EMAIL_TIMEOUT": 10,
        "DEFAULT_FROM_EMAIL": config.email_from,
        "SERVER_EMAIL": config.email_from,
    }


def broker_url(redis_url: str) -> str:
    """Return the address as Celery spells it: a Unix socket in its own way.

    >>> broker_url("unix:///run/redis.sock?db=3"), broker_url("redis://host:6379/2")
    ('redis+socket:///run/redis.sock?virtual_host=3', 'redis://host:6379/2')
    """
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host={dict(parse_qsl(query)).get('db', '0')}"
