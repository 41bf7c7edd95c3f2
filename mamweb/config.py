"""Settings from the environment, typed (and nothing from anywhere else).

Every variable `X` may be given as `X_FILE`, the path of a file that holds it: that is how secrets reach a container.
"""

from __future__ import annotations

import os
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl

from django.core.exceptions import ImproperlyConfigured
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


class FileVariants(EnvSettingsSource):
    """Reads `X_FILE` where `X` is not set."""

    def _load_env_vars(self) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        for name, path in os.environ.items():
            if name.endswith("_FILE") and name.removesuffix("_FILE") not in os.environ and Path(path).is_file():
                found[name.removesuffix("_FILE").lower()] = Path(path).read_text().strip()
        return found


class Config(BaseSettings):
    """What the environment says. Production has no default secret."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=False)

    mamweb_env: Mode = Mode.PRODUCTION
    debug: bool = False
    secret_key: SecretStr | None = None
    allowed_hosts: Annotated[list[str], NoDecode] = Field(default_factory=list)
    trusted_origins: Annotated[list[str], NoDecode] = Field(default_factory=list)
    database_url: SecretStr | None = None
    database_owner_url: SecretStr | None = None
    database_loader_url: SecretStr | None = None
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

    @field_validator("allowed_hosts", "trusted_origins", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        """Read a list as words between commas."""
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

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
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ImproperlyConfigured(f"environment: {problems}") from None
    if config.database_url and not (config.database_owner_url and config.redis_url):
        raise ImproperlyConfigured("environment: DATABASE_URL needs DATABASE_OWNER_URL (for migrations) and REDIS_URL beside it")
    return config


def secret_key(config: Config) -> str:
    """Return the signing key: given, or kept under var/ for demo and tests. Raises ImproperlyConfigured in production without one."""
    if config.secret_key:
        return config.secret_key.get_secret_value()
    if config.mamweb_env is Mode.PRODUCTION:
        raise ImproperlyConfigured("environment: SECRET_KEY (or SECRET_KEY_FILE) is required; MAMWEB_ENV=demo makes one for a trial")
    path = config.mamweb_var / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text()


def database(url: str) -> dict[str, Any]:
    """Return Django's settings for a PostgreSQL address. Raises ImproperlyConfigured if it cannot be read."""
    try:
        parts = conninfo_to_dict(url)
    except Exception as error:
        raise ImproperlyConfigured("environment: a database address must look like postgresql://user:password@host/name") from error
    known = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    settings = {ours: str(parts.pop(theirs, None) or "") for ours, theirs in known.items()}
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": dict(parts), "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **settings}


def broker_url(redis_url: str) -> str:
    """Return the address as Celery spells it: a Unix socket in its own way.

    >>> broker_url("unix:///run/redis.sock?db=3"), broker_url("redis://host:6379/2")
    ('redis+socket:///run/redis.sock?virtual_host=3', 'redis://host:6379/2')
    """
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host={dict(parse_qsl(query)).get('db', '0')}"
