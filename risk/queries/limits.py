"""The firm's limits as of an instant (RSK-1 gate 1).

Entry points: `limits_in_force` for people, `firm_limits` for the gate.
Invariant: a kind without a row in force is None (blocks, CON-5); a row without a figure is `UNLIMITED`, said by somebody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from risk.core.gate_one import UNLIMITED, FirmLimits
from risk.enums import FirmLimitKind
from risk.models import FirmLimit


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """limit: reporting currency, ADV_RATE and such as a rate; `UNLIMITED` where the firm has stated that there is none."""

    id: str
    kind: FirmLimitKind
    limit: Decimal
    valid_from: datetime


def limits_in_force(*, now: datetime) -> dict[FirmLimitKind, LimitFacts]:
    """Return the limits in force at `now` by kind. One statement; kinds nobody has set are not there."""
    rows = FirmLimit.objects.filter(Q(valid_until=None) | Q(valid_until__gt=now), valid_from__lte=now).order_by("valid_from")
    found = [(id_, FirmLimitKind(kind), limit, since) for id_, kind, limit, since in rows.values_list("id", "kind", "limit", "valid_from")]
    return {kind: LimitFacts(str(id_), kind, UNLIMITED if limit is None else limit, since) for id_, kind, limit, since in found}


def firm_limits(in_force: dict[FirmLimitKind, LimitFacts]) -> FirmLimits:
    """Return the limits as gate 1 takes them."""
    return FirmLimits(**{kind.value.lower(): in_force[kind].limit if kind in in_force else None for kind in FirmLimitKind})
