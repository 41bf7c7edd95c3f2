"""Django settings, made from the environment (`config.py`)."""

from __future__ import annotations

from datetime import timedelta
from os import getpid
from typing import Any

from .admin_look import ADMIN_LOOK
from .config import ROOT, Mode, broker_url, database, mail, read_config, secret_key
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
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",
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
    "axes",
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
    "mamweb.middleware.SessionLife",
    "axes.middleware.AxesMiddleware",
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
    "default": database("DATABASE_URL", _url(CONFIG.database_url, "database_url"), CONFIG.database_pool),
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
# What sign-in counts, shared by all processes. Without Redis it counts nothing and goes on; the lock-out (axes) is in PostgreSQL.
CACHES = {
    "default": {
        "BACKEND": "base.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"test-{getpid()}" if MODE is Mode.TEST else "mamweb",
        "TIMEOUT": 3600,
    }
}
CHANNEL_LAYERS = {
    "default": {
        # The pub/sub layer: the list-based one blocks 5 s, which is redis-py's socket timeout, and idle sockets die of it.
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
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
FORMAT_MODULE_PATH = ["mamweb.formats"]
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static", *([VAR_DIR / "static"] if (VAR_DIR / "static").is_dir() else [])]  # the second: mamweb/assets.py
STATIC_ROOT = None if _local else VAR_DIR / "collected"
# Production serves hashed names with a year of cache from collectstatic; a trial serves the sources as they are.
WHITENOISE_USE_FINDERS = _local
WHITENOISE_AUTOREFRESH = MODE is Mode.TEST  # each test's client is a new server, which would look at every file before its first answer
_static = "django.contrib.staticfiles.storage.StaticFilesStorage" if _local else "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}, "staticfiles": {"BACKEND": _static}}
DOCUMENTS_DIR = VAR_DIR / "documents"
HISTORY_FILE = VAR_DIR / "demo" / "history.json" if MODE is Mode.DEMO else None  # how far a trial firm's past has come

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
UNFOLD = {"SITE_URL": "/", "SHOW_HISTORY": False, "SHOW_VIEW_ON_SITE": False, **ADMIN_LOOK}
LOGIN_URL = "/auth/login/"
LOGIN_REDIRECT_URL = "/"
# Sign-in (docs/sign-in.md): people are made by others, an address is theirs once they have confirmed it, one at a time.
ACCOUNT_ADAPTER = "governance.sign_in.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[mamweb] "
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http" if _local else "https"
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,10/5m/key"}
PASSWORD_RESET_TIMEOUT = 86_400
MFA_ADAPTER = "governance.sign_in.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "mamweb"
MFA_ALLOW_UNVERIFIED_EMAIL = True  # or nobody with a second factor could change their address
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _local
# Everybody but investors needs a second factor; a trial on one's own machine does without.
MFA_REQUIRED = MODE not in {Mode.DEMO, Mode.TEST, Mode.BENCH}
MFA_SETUP_URL = "/auth/2fa/"
# Who guesses: five wrong passwords from one address lock that person out there for a quarter of an hour. In PostgreSQL.
AXES_FAILURE_LIMIT = 5
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "governance.sign_in.named"
AXES_CLIENT_IP_CALLABLE = "governance.sign_in.peer"
AXES_LOCKOUT_TEMPLATE = "account/locked_out.html"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Mail: resets, confirmations, news about one's own sign-in. A trial writes letters to var/mail.
globals().update(mail(CONFIG))
# A session ends after 12 hours without a request, and after 7 days whatever happens (mamweb/middleware.py).
SESSION_COOKIE_AGE = 12 * 3600
SESSION_LONGEST = timedelta(days=7)
SESSION_COOKIE_NAME = "sessionid" if _local else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if _local else "__Host-csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
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
    (r"/admin/(governance/mandate|governance/authority)/do/record", 11 * 1024 * 1024),
    (r"/reconciliation/files", 65 * 1024 * 1024),
    (r"/reconciliation/breaks/[0-9a-f-]{36}/adjustment", 11 * 1024 * 1024),
)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {"refusals": {"()": "mamweb.log_lines.RefusedWithoutTrace"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["refusals"]}},
    "root": {"handlers": ["stderr"], "level": CONFIG.log_level},
    "loggers": {"axes": {"level": "WARNING"}, "fontTools": {"level": "WARNING"}, "weasyprint": {"level": "ERROR"}},
}
