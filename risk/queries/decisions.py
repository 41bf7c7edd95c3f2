"""What the gates decided, and how loud each limit has been told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from risk.enums import AlertTier, FirmLimitKind, GateOutcome
from risk.models import GateDecision, LimitAlert


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """One row of what a gate said; `orders` counts the lots of a PASSED row."""

    id: UUID
    gate: int
    outcome: GateOutcome
    subject_id: UUID
    account_ids: tuple[UUID, ...]
    orders: int
    rule: str
    number: Decimal | None
    limit: Decimal | None
    message: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class LimitAlertFacts:
    """The tier last told for one limit (of one instrument, or of the firm), and the figures then."""

    kind: FirmLimitKind
    instrument_id: int | None
    tier: AlertTier
    number: Decimal | None
    limit: Decimal | None
    observed_at: datetime


def gate_decisions(*, journey_id: UUID) -> list[DecisionFacts]:
    """Return what both gates said on a journey, oldest first. Callers show only accounts that the viewer may see."""
    rows = GateDecision.objects.filter(journey_id=journey_id).order_by("id")
    return [
        DecisionFacts(
            row.id,
            row.gate,
            GateOutcome(row.outcome),
            row.subject_id,
            tuple(row.account_ids),
            row.orders,
            row.rule,
            row.number,
            row.limit,
            row.message,
            row.decided_at,
        )
        for row in rows
    ]


def limit_alerts() -> list[LimitAlertFacts]:
    """Return the limits somebody has been told of and that are not re-armed, loudest first."""
    rows = LimitAlert.objects.filter(tier__gt=AlertTier.NONE).order_by("-tier", "kind", "instrument_id")
    return [
        LimitAlertFacts(FirmLimitKind(row.kind), row.instrument_id, AlertTier(row.tier), row.number, row.limit, row.observed_at)
        for row in rows
    ]
