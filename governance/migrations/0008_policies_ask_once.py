"""Policies name the firm by a question of their own, so that plans do not depend on whether the statistics know the firm yet."""

from typing import Any

from django.db import migrations

from base.tenancy.constraints import POLICY_FIRM, POLICY_USER

POLICIES = "SELECT tablename, qual LIKE '%app.user%' FROM pg_policies WHERE schemaname = current_schema() AND policyname = 'firm'"


def ask_once(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(POLICIES)
        for table, own_rows in cursor.fetchall():
            seen = f"firm_id = {POLICY_FIRM}" + (f" OR user_id = {POLICY_USER}" if own_rows else "")
            cursor.execute(f"ALTER POLICY firm ON {schema_editor.quote_name(table)} USING ({seen})")


class Migration(migrations.Migration):
    dependencies = [("governance", "0007_only_what_is_asked_for")]
    operations = [migrations.RunPython(ask_once, migrations.RunPython.noop)]
