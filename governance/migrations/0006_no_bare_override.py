"""A request for a bare override of a rule goes: nothing ever acted on one. What passes a limit is a release over that limit (GOV-4)."""

from django.db import migrations

import base.fields

ACTIONS = [
    "RELEASE_OVER_LIMIT", "CHANGE_ALLOCATION", "RAISE_PARTICIPATION", "REPLACE_UNKNOWN_ORDER", "WAIVE_BREAK", "ADJUST_LEDGER",
    "TRANSFER_ASSETS", "RECORD_EXEMPTION", "CHANGE_AUTHORITY", "CHANGE_MANDATE", "CHANGE_LIMIT", "LIFT_RESTRICTION", "CHANGE_PERMISSION",
    "CHANGE_CREDENTIAL", "REARM_KILL_SWITCH",
]


def check(actions):
    """Return the SQL that lets a column hold these words; altering the field alone leaves the old check."""
    words = ", ".join(f"'{action}'" for action in actions)
    name = "governance_approval_action_check"
    return f'ALTER TABLE governance_approval DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ("action" IN ({words}))'


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_keys_wait_for_who_they_act_as")]

    operations = [
        migrations.RunSQL(
            check(ACTIONS),
            check(["OVERRIDE_RULE", *ACTIONS]),
            state_operations=[
                migrations.AlterField("approval", "action", base.fields.CodeField(codes=ACTIONS, max_length=32)),
            ],
        ),
    ]
