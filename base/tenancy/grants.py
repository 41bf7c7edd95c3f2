"""Who may do what to which table, applied after every migration.

The runtime role owns nothing: it reads and writes tenant rows under row-level security, never truncates, reads market reference, and
cannot touch what only grows. A table that is neither a tenant's nor on the allow-list below makes the migration fail.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db import connections, models

# Global tables by name or app: everything else must belong to a firm (DESIGN §6).
GLOBAL_APPS = {
    "admin",
    "contenttypes",
    "auth",
    "sessions",
    "knox",
    "django_celery_beat",
    "guardian",
    "account",
    "mfa",
    "usersessions",
    "axes",
}
GLOBAL_MODELS = {"governance.firm", "governance.user", "governance.apitoken"}
REFERENCE_APPS = {"market"}

EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"


def table_kind(model: type[models.Model]) -> str:
    """Return "tenant", "global" or "reference". Raises LookupError for a table that nobody placed."""
    if getattr(model, "is_tenant", False):
        return "tenant"
    if model._meta.app_label in REFERENCE_APPS:
        return "reference"
    if model._meta.app_label in GLOBAL_APPS or model._meta.label_lower in GLOBAL_MODELS:
        return "global"
    raise LookupError(f"{model._meta.label} is neither a tenant table nor on the list of global tables")


def grant_after_migrate(app_config: AppConfig, using: str, **kwargs: Any) -> None:
    """Grant the runtime and loader roles what they need on the tables of one app, as many as stand after a migration back to an older state."""
    if using != "owner":
        return
    app, loader = settings.DATABASES["default"]["USER"], settings.DATABASES["loader"]["USER"]
    statements = [f'GRANT USAGE ON SCHEMA public TO "{app}", "{loader}"', f'GRANT SELECT ON django_migrations TO "{app}", "{loader}"']
    standing = set(connections[using].introspection.table_names())
    for model in app_config.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy or model._meta.db_table not in standing:
            continue
        kind, table = table_kind(model), model._meta.db_table
        privileges = "SELECT" if kind == "reference" else "SELECT, INSERT" if getattr(model, "append_only", False) else EVERYTHING
        statements += [f'REVOKE ALL ON "{table}" FROM "{app}", "{loader}"', f'GRANT {privileges} ON "{table}" TO "{app}"']
        if kind == "reference":
            statements.append(f'GRANT {EVERYTHING} ON "{table}" TO "{loader}"')
    statements.append(f'GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO "{app}", "{loader}"')
    with connections[using].cursor() as cursor:
        cursor.execute("; ".join(statements))
