"""Sums of the dashboard's rows, by group and for the firm, stored so that no page adds anything up (PERFORMANCE P7).

Entry point: `write_totals`.
Invariants: 1. a total is the sum of the rows as stored; what is not known is in no sum and is counted. 2. a group's drawdown comes from its
summed curve (RSK-9): the unit value of its last evening × what its members have grown since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from ..models import FigureTotals
from ..queries.figure_inputs import GROUP_KINDS
from ..queries.figures import SUM_NAMES, SUMS

_TOTALS = f"""
INSERT INTO reporting_figuretotals (id, kind, label, currency, computed_at, {", ".join(SUM_NAMES)}, grown, before, unit, peak, points, curve, sectors)
SELECT gen_random_uuid(), %(kind)s, s.*, 1, 1, ARRAY[]::bigint[], jsonb_build_object(), jsonb_build_array()
FROM (SELECT {{label}}, %(currency)s, %(now)s::timestamptz, {SUMS} FROM reporting_accountfigures {{group}}) s
ON CONFLICT (firm_id, kind, label) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in ("currency", "computed_at", *SUM_NAMES, "grown", "before"))}
"""
# RSK-9 on the summed curve: the last evening's unit × what the members have grown since, against the peak.
_DRAWDOWN = """
UPDATE reporting_figuretotals SET drawdown = CASE WHEN before > 0 AND greatest(peak, unit) > 0 THEN
    round(1 - unit * greatest(grown, 0) / before / greatest(peak, unit * greatest(grown, 0) / before), 8) END
"""


def write_totals(
    *, now: datetime, currency: str, history: Mapping[tuple[str, str], Mapping[str, Any]] | None, sectors: list[list[Any]] | None
) -> None:
    """Make all totals of the open firm anew. history: new curves by (kind, label), None to keep those that stand; sectors likewise."""
    with connection.cursor() as cursor:
        for kind in ("FIRM", *GROUP_KINDS):
            label, group = ("''", "") if kind == "FIRM" else (f'"{kind}"', f'GROUP BY "{kind}"')
            cursor.execute(_TOTALS.format(label=label, group=group), {"kind": kind, "currency": currency, "now": now})
    FigureTotals.objects.exclude(computed_at=now).delete()
    if history is not None:
        _keep_curves(history)
    if sectors is not None:
        FigureTotals.objects.filter(kind="FIRM").update(sectors=sectors)
    with connection.cursor() as cursor:
        cursor.execute(_DRAWDOWN)


def _keep_curves(history: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
    rows = list(FigureTotals.objects.only("id", "kind", "label"))
    for row in rows:
        kept = history.get((row.kind, row.label))
        if kept is not None:
            row.unit, row.peak = _rate(kept["unit"]), _rate(kept["peak"])
            row.points, row.history_on, row.curve = kept["points"], kept["history_on"], dict(kept["curve"])
    changed = [row for row in rows if (row.kind, row.label) in history]
    FigureTotals.objects.bulk_update(changed, ["unit", "peak", "points", "history_on", "curve"], batch_size=500)


def drawdown_of(*, unit: Decimal | int, peak: Decimal | int, grown: Decimal, before: Decimal) -> Decimal | None:
    """Return the drawdown of a summed curve now: its last evening's unit × grown / before, against its peak; what the database does.

    grown: Σ equity − flows since; before: Σ equity of the last evening. None where there is nothing to grow from. Source: RSK-9.

    >>> drawdown_of(unit=1, peak=Decimal("1.08"), grown=Decimal("99500"), before=Decimal("100000"))
    Decimal('0.07870370')
    """
    if before <= 0:
        return None
    level = Decimal(unit) * max(grown, Decimal(0)) / before
    top = max(Decimal(peak), level)
    return (1 - level / top).quantize(Decimal("1e-8")) if top > 0 else None


def _rate(value: float) -> Decimal:
    return Decimal(repr(min(value, 1e9))).quantize(Decimal("1e-8"))
