"""A request for a bare override of a rule goes: nothing ever acted on one. What passes a limit is a release over that limit (GOV-4)."""

from django.db import migrations

from ._retired import retire

ACTIONS = [
    "RELEASE_OVER_LIMIT", "CHANGE_ALLOCATION", "RAISE_PARTICIPATION", "REPLACE_UNKNOWN_ORDER", "WAIVE_BREAK", "ADJUST_LEDGER",
    "TRANSFER_ASSETS", "RECORD_EXEMPTION", "CHANGE_AUTHORITY", "CHANGE_MANDATE", "CHANGE_LIMIT", "LIFT_RESTRICTION", "CHANGE_PERMISSION",
    "CHANGE_CREDENTIAL", "REARM_KILL_SWITCH",
]


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_keys_wait_for_who_they_act_as")]

    operations = retire(["OVERRIDE_RULE"], ACTIONS)
