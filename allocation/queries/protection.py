"""What signals want held for the accounts they fill: a stop, a target, or both (SIZ-8).

Entry point: `protections_of`. Inside the caller's tenancy block.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from ..models import Signal


@dataclass(frozen=True, slots=True)
class Protection:
    """Prices a signal states for what it opens; None where it states none."""

    stop: Decimal | None
    target: Decimal | None
    stated_by_id: int | None


def protections_of(*, journey_ids: Collection[UUID]) -> dict[UUID, Protection]:
    """Return the protection of each of these journeys whose signal asks for one. One statement."""
    rows = Signal.objects.filter(journey_id__in=journey_ids, protect=True)
    columns = rows.values_list("journey_id", "stop_price", "take_profit_price", "received_by_id")
    return {journey: Protection(stop, target, stated_by) for journey, stop, target, stated_by in columns}
