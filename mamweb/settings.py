"""Django settings, made from the environment (`config.py`)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .config import ROOT, Mode, broker_url, database, read_config, secret_key
from .embedded import Addresses, addresses

CONFIG = read_config()
MODE = CONFIG.mamweb_env
BASE_DIR = ROOT
VAR_DIR = CONFIG.mamweb_var
EMBEDDED = CONFIG.database_url is None or CONFIG.redis_url is None
_private: Addresses | None = addresses(VAR_DIR, MODE.value) if EMBEDDED else None


def _url(given: Any, private: str) -> str:
    return given.get_secret_value() if given else getattr(_private, private)


SECRET_KEY = secret_key(CONFIG)
DEBUG = CONFIG.debug
REHEARSAL_CLOCK = CONFIG.mamweb_clock
_local = MODE is not Mode.PRODUCTION
ALLOWED_HOSTS = CONFIG.allowed_hosts or (["localhost", "127.0.0.1", "[::1]", "testserver"] if _local else [])
CSRF_TRUSTED_ORIGINS = CONFIG.trusted_origins

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "channels",
    "django_celery_beat",
    "mamweb.apps.MamwebConfig",
    "base.apps.BaseAppConfig",
    "market",
    "governance",
    "accounts",
    "risk",
    "allocation",
    "execution",
    "reconciliation",
    "reporting",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "mamweb.middleware.StaticFiles",
    "csp.middleware.CSPMiddleware",
    "mamweb.middleware.SaysWhereFrom",
    "mamweb.middleware.BodyLimit",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
]
ROOT_URLCONF = "mamweb.urls"
ASGI_APPLICATION = "mamweb.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mamweb.frame.frame",
            ],
            "builtins": ["base.templatetags.figures", "django.templatetags.static"],
        },
    }
]

# One database, three roles: the runtime role owns nothing, the owner migrates, the loader writes market reference.
DATABASES: dict[str, dict[str, Any]] = {
    "default": database("DATABASE_URL", _url(CONFIG.database_url, "database_url")),
    "owner": database("DATABASE_OWNER_URL", _url(CONFIG.database_owner_url, "database_owner_url")),
    "loader": database("DATABASE_LOADER_URL", _url(CONFIG.database_loader_url or CONFIG.database_owner_url, "database_loader_url")),
}
DATABASES["default"]["TEST"] = {"MIRROR": "owner"}
DATABASES["loader"]["TEST"] = {"MIRROR": "owner"}
DATABASE_ROUTERS = ["base.routers.OneDatabase"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_SOCKET = None if CONFIG.redis_url else getattr(_private, "redis_socket", None)
REDIS_URL = CONFIG.redis_url.get_secret_value() if CONFIG.redis_url else f"unix://{REDIS_SOCKET}"
CELERY_BROKER_URL = broker_url(REDIS_URL)
CHANNEL_LAYERS = {
    "default": {
        # The pub/sub layer: the list-based one blocks 5 s, which is redis-py's socket timeout, and idle sockets die of it.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend", "guardian.backends.ObjectPermissionBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["governance.authentication.FirmTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["governance.permissions.RoleAllowed"],
    "DEFAULT_RENDERER_CLASSES": ["base.api.formats.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["base.api.formats.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "base.api.schema.FirmSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "base.api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
# How often a program may ask, by what it is counted for (base/api/limits.py). Tests and benchmarks ask as often as they like.
_RATES = {
    "token": CONFIG.api_rate_token,
    "person": CONFIG.api_rate_person,
    "stop": CONFIG.api_rate_stop,
    "anonymous": CONFIG.api_rate_anonymous,
    "webhook": CONFIG.api_rate_webhook,
}
API_RATES = _RATES if MODE in {Mode.PRODUCTION, Mode.DEMO} else {}
SPECTACULAR_SETTINGS = {
    "TITLE": "mamweb",
    "DESCRIPTION": "One decision, many accounts. See docs/api.md for a worked session.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["base.api.schema.own_addresses"],
    "APPEND_COMPONENTS": {"securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}}},
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}
REST_KNOX = {
    "SECURE_HASH_ALGORITHM": "hashlib.sha512",
    "TOKEN_TTL": timedelta(days=90),
    "TOKEN_MODEL": "governance.ApiToken",
    "TOKEN_PREFIX": "mam_",
}
KNOX_TOKEN_MODEL = "governance.ApiToken"

# The broker is not lossless: the truth is a row, tasks are hints that may come twice (docs/architecture.md).
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7200,
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "unacked_restore_limit": 100,
}
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_TASK_TIME_LIMIT = 3600
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static", *([VAR_DIR / "static"] if (VAR_DIR / "static").is_dir() else [])]  # the second: mamweb/assets.py
STATIC_ROOT = None if _local else VAR_DIR / "collected"
# Production serves hashed names with a year of cache from collectstatic; a trial serves the sources as they are.
WHITENOISE_USE_FINDERS = _local
_static = "django.contrib.staticfiles.storage.StaticFilesStorage" if _local else "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}, "staticfiles": {"BACKEND": _static}}
DOCUMENTS_DIR = VAR_DIR / "documents"

# A page may load what this server serves and nothing else; no inline script or style.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
LOGIN_URL = "/auth/login/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
LOGIN_REDIRECT_URL = "/"
# Everybody but investors needs a second factor; a trial on one's own machine does without.
MFA_REQUIRED = MODE not in {Mode.DEMO, Mode.TEST, Mode.BENCH}
MFA_SETUP_URL = "/auth/2fa/"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not _local
SECURE_SSL_REDIRECT = not _local
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if _local else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not _local
DATA_UPLOAD_MAX_MEMORY_SIZE = CONFIG.max_body_bytes
UPLOAD_LIMITS = (  # path, bytes of the whole body: a custodian's file (64 MB), a document of evidence (10 MB), and the form around them
    (r"/reconciliation/files", 65 * 1024 * 1024),
    (r"/reconciliation/breaks/[0-9a-f-]{36}/adjustment", 11 * 1024 * 1024),
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["stderr"], "level": CONFIG.log_level},
    "loggers": {"fontTools": {"level": "WARNING"}, "weasyprint": {"level": "ERROR"}},
}
