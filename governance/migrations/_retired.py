"""How words that nobody asks for any more leave the table of four-eyes requests, with what stands there.

Entry point: `retire`. Invariants: 1. no row goes: it keeps who asked what, when and why, under the word RETIRED; 2. one that still waits is refused
with a reason; 3. each change is an event of the firm's audit trail, with the word before (GOV-7, I10).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.db import migrations

from base import fields
from base.core.ids import new_id

NAME = "governance_approval_action_check"
WHY = "Withdrawn with an upgrade: nothing acts on a request of this kind."
_ROWS = "SELECT id, action, state, expires_at FROM governance_approval WHERE action = ANY(%s) ORDER BY id FOR UPDATE"
_REFUSE = "UPDATE governance_approval SET state = 'REFUSED', decided_at = %s, decision_reason = %s WHERE id = %s"
_EVENT = (
    "INSERT INTO governance_auditevent (id, firm_id, recorded_at, actor_role, action, subject_kind, subject_id, before, after, reason, rule, "
    "rule_version, api_key, approval_id) VALUES (%s, %s, %s, '', %s, 'APPROVAL', %s, %s, %s, %s, 'GOV-4', '', '', %s)"
)


def retire(gone: list[str], kept: list[str]) -> list[Any]:
    """Return the operations after which the column holds `kept` and RETIRED alone, and rows that held one of `gone` are RETIRED."""
    kept = [*kept, "RETIRED"]
    return [
        migrations.RunSQL(f"ALTER TABLE governance_approval DROP CONSTRAINT {NAME}", _add([*gone, *kept])),
        migrations.RunPython(_mover(gone), migrations.RunPython.noop),
        migrations.RunSQL(
            _add(kept),
            f"ALTER TABLE governance_approval DROP CONSTRAINT {NAME}",
            state_operations=[migrations.AlterField("approval", "action", fields.CodeField(codes=kept, max_length=32))],
        ),
    ]


def _add(words: list[str]) -> str:
    """Return the SQL of the check; altering the field alone would leave the old one."""
    return f'ALTER TABLE governance_approval ADD CONSTRAINT {NAME} CHECK ("action" IN ({", ".join(f"{word!r}" for word in words)}))'


def _mover(gone: list[str]) -> Callable[[Any, Any], None]:
    def move(apps: Any, schema_editor: Any) -> None:
        now = datetime.now(UTC)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT id FROM governance_firm ORDER BY id")
            for (firm_id,) in cursor.fetchall():
                cursor.execute("SELECT set_config('app.firm', %s, true)", [str(firm_id)])
                cursor.execute(_ROWS, [gone])
                for row in cursor.fetchall():
                    _move(cursor, firm_id, row, now)
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks to come cannot be altered
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            cursor.execute("SELECT set_config('app.firm', '', true)")

    return move


def _move(cursor: Any, firm_id: int, row: tuple[Any, ...], now: datetime) -> None:
    pk, action, state, expires_at = row
    before, after, event = {"action": action}, {"action": "RETIRED"}, "CHANGED"
    if state in {"REQUESTED", "APPROVED"} and now < expires_at:
        before, after, event = {**before, "state": state}, {**after, "state": "REFUSED"}, "APPROVAL_REFUSED"
        cursor.execute(_REFUSE, [now, WHY, pk])
    cursor.execute("UPDATE governance_approval SET action = 'RETIRED' WHERE id = %s", [pk])
    cursor.execute(_EVENT, [new_id(), firm_id, now, event, str(pk), json.dumps(before), json.dumps(after), WHY, pk])
