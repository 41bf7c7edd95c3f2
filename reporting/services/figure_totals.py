"""Sums of the dashboard's rows, by group and for the firm, stored so that no page adds anything up (PERFORMANCE P7).

Entry points: `write_totals` of all rows; `sums_of` some accounts before and after, `bring_along`.
Invariants: 1. a total is the sum of the rows as stored; what is not known is in no sum and is counted. 2. a group's drawdown comes from its
summed curve (RSK-9): the unit value of its last evening × what its members have grown since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from ..models import FigureTotals
from ..queries.figure_inputs import GROUP_KINDS
from ..queries.figures import SUM_NAMES, SUMS

Sums = Mapping[tuple[str, str], Sequence[Any]]

_KINDS = ", ".join(f'"{kind}"' for kind in GROUP_KINDS)
# grouping() sets a bit for every column that is not grouped by, the last column's the lowest.
_ALL = (1 << len(GROUP_KINDS)) - 1
_PLACES = " ".join(f"WHEN {_ALL ^ (1 << place)} THEN '{kind}'" for place, kind in enumerate(reversed(GROUP_KINDS)))
# One pass over the rows for all kinds of groups; the firm is there even without a row.
_SUMMED = f"""
SELECT CASE grouping({_KINDS}) {_PLACES} ELSE 'FIRM' END, coalesce({_KINDS}, ''), {SUMS}
FROM reporting_accountfigures {{where}} GROUP BY GROUPING SETS ((), {", ".join(f'("{kind}")' for kind in GROUP_KINDS)})
"""
_STORED = (*SUM_NAMES, "grown", "before")
_NAMES = ", ".join(("kind", "label", *_STORED))
_KEEP = f"""
INSERT INTO reporting_figuretotals (id, {_NAMES}, currency, computed_at, unit, peak, points, curve, sectors)
SELECT gen_random_uuid(), s.*, %(currency)s, %(now)s::timestamptz, 1, 1, ARRAY[]::bigint[], jsonb_build_object(), jsonb_build_array()
FROM ({{source}}) s
ON CONFLICT (firm_id, kind, label) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in ("currency", "computed_at", *_STORED))}
"""
_COUNTS = {"accounts", "missing", "positions", "orders", "fills", "working", "closed", "unauthorised", "stopped", "unmeasured"}
_MOVED = f"""
SELECT s.kind, s.label, {", ".join(f"coalesce(t.{name}, 0) + s.{name}" for name in _STORED)}
FROM unnest(%(kind)s::text[], %(label)s::text[], {", ".join(f"%({name})s::{'int' if name in _COUNTS else 'numeric'}[]" for name in _STORED)})
    AS s ({_NAMES}) LEFT JOIN reporting_figuretotals t ON t.kind = s.kind AND t.label = s.label
"""
# RSK-9 on the summed curve: the last evening's unit × what the members have grown since, against the peak. What came in works from the
# start (PRF-1).
_CAME = "greatest(start_to - before, 0)"
_LEVEL = f"unit * greatest(grown + {_CAME}, 0) / (before + {_CAME})"
_DRAWDOWN = f"""
UPDATE reporting_figuretotals SET drawdown = CASE WHEN before + {_CAME} > 0 AND greatest(peak, unit) > 0 THEN
    round(1 - {_LEVEL} / greatest(peak, {_LEVEL}), 8) END
WHERE computed_at = %(now)s
"""


def sums_of(account_ids: Sequence[UUID]) -> Sums:
    """Return what these accounts add to the totals of their groups and the firm, by (kind, label)."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMED.format(where="WHERE account_id = ANY(%(ids)s)"), {"ids": list(account_ids)})
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}


def bring_along(before: Sums, after: Sums, *, now: datetime, currency: str) -> None:
    """Change the totals by what some accounts added before and add now; sums are exact, so that the order plays no part."""
    nothing = (0,) * len(_STORED)
    moved = {
        key: [b - a for a, b in zip(before.get(key, nothing), after.get(key, nothing), strict=True)] for key in sorted({*before, *after})
    }
    changed = {key: sums for key, sums in moved.items() if any(sums) or key[0] == "FIRM"}
    columns = {name: [sums[place] for sums in changed.values()] for place, name in enumerate(_STORED)}
    keys = {"kind": [kind for kind, _ in changed], "label": [label for _, label in changed]}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP.format(source=_MOVED), {**keys, **columns, "currency": currency, "now": now})
        cursor.execute("DELETE FROM reporting_figuretotals WHERE accounts = 0 AND kind <> 'FIRM'")
        cursor.execute(_DRAWDOWN, {"now": now})


def write_totals(
    *, now: datetime, currency: str, history: Mapping[tuple[str, str], Mapping[str, Any]] | None, sectors: list[list[Any]] | None
) -> None:
    """Make all totals of the open firm anew. history: new curves by (kind, label), None to keep those that stand; sectors likewise."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP.format(source=_SUMMED.format(where="")), {"currency": currency, "now": now})
    FigureTotals.objects.exclude(computed_at=now).delete()
    if history is not None:
        _keep_curves(history)
    if sectors is not None:
        FigureTotals.objects.filter(kind="FIRM").update(sectors=sectors)
    with connection.cursor() as cursor:
        cursor.execute(_DRAWDOWN, {"now": now})


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

    grown: Σ equity − flows since; before: Σ equity of the last evening; both with what came in since (PRF-1). None where there
    is nothing to grow from. Source: RSK-9.

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
