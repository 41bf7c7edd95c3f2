"""Write down what the gates said (RSK-1): one row a pass of a batch, one a refusal.

Entry points: `Decision`, `record`.
Invariant: a decision is written once, in one statement with all others of its call, and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from base.core.ids import new_id
from risk.core.findings import Finding
from risk.core.gate_one import UNLIMITED
from risk.enums import GateOutcome

_MESSAGE = 400
_LARGEST = Decimal(10) ** 20
_SQL = """
INSERT INTO risk_gatedecision
    (id, gate, outcome, journey_id, subject_id, account_ids, orders, rule, number, "limit", message, inputs, decided_at)
SELECT d.id, %s, d.outcome, d.journey_id, d.subject_id, CASE WHEN d.account_id IS NULL THEN '{}' ELSE ARRAY[d.account_id] END, d.orders,
    d.rule, d.number, d."limit", d.message, d.inputs, %s
FROM jsonb_to_recordset(%s::jsonb) AS d (id uuid, outcome text, journey_id uuid, subject_id uuid, account_id uuid, orders int, rule text,
    number numeric, "limit" numeric, message text, inputs jsonb)"""


@dataclass(frozen=True, slots=True)
class Decision:
    """One row: of a subject (an order, or the journey of a batch), with the first finding's rule and figures, and all of them in words."""

    journey_id: UUID
    subject_id: UUID
    findings: Sequence[Finding] = ()
    account_id: UUID | None = None
    orders: int = 1
    inputs: Mapping[str, Any] = field(default_factory=dict)


def record(*, gate: int, decisions: Sequence[Decision], now: datetime) -> None:
    """Insert the decisions of one call; a decision with findings is BLOCKED, one without PASSED."""
    if not decisions:
        return
    rows = [_row(decision) for decision in decisions]
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [gate, now, orjson.dumps(rows).decode()])


def message_of(findings: Sequence[Finding]) -> str:
    """Return all findings in one line: rule, number, limit, and what governance said.

    >>> from risk.enums import GateCode, Unit
    >>> message_of([Finding("RSK-1", GateCode.POSITION_CAP, Decimal("Infinity"), Decimal("0.02"), Unit.RATE)])
    'RSK-1 position cap: no equity over 2%'
    """
    text = "; ".join(finding.describe() for finding in findings)
    return text if len(text) <= _MESSAGE else text[: _MESSAGE - 1] + "…"


def _row(decision: Decision) -> dict[str, Any]:
    first = decision.findings[0] if decision.findings else None
    return {
        "id": new_id(),
        "outcome": GateOutcome.BLOCKED.value if first else GateOutcome.PASSED.value,
        "journey_id": decision.journey_id,
        "subject_id": decision.subject_id,
        "account_id": decision.account_id,
        "orders": decision.orders,
        "rule": first.rule if first else "",
        "number": _text(first.number) if first else None,
        "limit": _text(first.limit) if first else None,
        "message": message_of(decision.findings),
        "inputs": decision.inputs,
    }


def _text(value: Decimal | None) -> str | None:
    kept = stored(value)
    return None if kept is None else str(kept)


def stored(value: Decimal | None) -> Decimal | None:
    """Return a figure as its column holds it: eight places, None where it is no number or too large."""
    if value is None or value == UNLIMITED or not value.is_finite() or abs(value) >= _LARGEST:
        return None
    return round(value, 8)
