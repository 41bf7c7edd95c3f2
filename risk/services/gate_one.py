"""Gate 1: a parent order against the firm's limits, judged and written down (RSK-1, RSK-10, CON-5).

Entry points: `gate_one`, `gate_one_many`.
Invariants: 1. releases of one firm pass one after the other: the second sees what the first reserved. 2. every parent leaves one decision.
3. what is refused is told (CRITICAL), and so is every limit that reaches 60, 80 or 100% of use.
The caller must not roll its transaction back because of a refusal: the decision and the alert would go with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction

from base import tenancy
from risk.core.findings import Finding
from risk.queries.gate_one import GateOneView, ParentFacts, Pending, preview_gate_one

from . import alerts
from .decisions import Decision, record

if TYPE_CHECKING:
    from market.queries import InstrumentFacts

_LOCK = 0x67617465
_BUYS = frozenset({"BUY", "BUY_TO_COVER"})


def gate_one(
    *,
    journey_id: UUID,
    parent_id: UUID,
    instrument: InstrumentFacts,
    side: str,
    quantity: Decimal,
    price: Decimal | None,
    now: datetime,
    reduces: bool | None = None,
    pending: Callable[[], Pending] | None = None,
) -> list[Finding]:
    """Judge one parent; return why it may not be released, empty if it may. See `gate_one_many`.

    side: FIX's words, BUY, SELL, SELL_SHORT or BUY_TO_COVER. reduces: every account's part only takes its position down (CST-7).
    """
    parent = ParentFacts(journey_id, parent_id, instrument, 1 if side in _BUYS else -1, quantity, price, reduces)
    return gate_one_many(parents=[parent], now=now, pending=pending)[0]


@transaction.atomic
def gate_one_many(*, parents: Sequence[ParentFacts], now: datetime, pending: Callable[[], Pending] | None = None) -> list[list[Finding]]:
    """Judge the parents of one release in their order; return each one's findings, empty where it passes.

    pending: instrument id → (units to buy, to sell) of released parents that no reservation stands for yet, asked for once the gate is held.
    Writes a GateDecision a parent and the alerts of RSK-10. Holds the firm's gate until the caller's transaction ends. Source: RSK-1.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, tenancy.current_firm()])
    views = preview_gate_one(parents=parents, now=now, pending=None if pending is None else pending())
    record(gate=1, decisions=[_decision(view) for view in views], now=now)
    for view in views:
        alerts.tell_limits(view=view, now=now)
    return [list(view.findings) for view in views]


def _decision(view: GateOneView) -> Decision:
    return Decision(view.parent.journey_id, view.parent.parent_id, view.findings, inputs=view.inputs)
