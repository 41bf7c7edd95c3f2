"""Kinds of four-eyes requests that no screen and no program asks for go (GOV-4); names of several things in English."""

from django.db import migrations

from ._retired import retire

GONE = [
    "CHANGE_ALLOCATION", "RAISE_PARTICIPATION", "REPLACE_UNKNOWN_ORDER", "TRANSFER_ASSETS", "RECORD_EXEMPTION", "CHANGE_AUTHORITY",
    "CHANGE_MANDATE", "CHANGE_PERMISSION", "CHANGE_CREDENTIAL",
]
KEPT = ["RELEASE_OVER_LIMIT", "WAIVE_BREAK", "ADJUST_LEDGER", "CHANGE_LIMIT", "LIFT_RESTRICTION", "REARM_KILL_SWITCH"]

PLURALS = {"authority": "authorities", "firmsettings": "firm settings", "killswitch": "kill switches", "party": "parties"}


class Migration(migrations.Migration):
    dependencies = [("governance", "0006_no_bare_override")]

    operations = [
        *retire(GONE, KEPT),
        *(migrations.AlterModelOptions(name, {"verbose_name_plural": many}) for name, many in PLURALS.items()),
    ]
