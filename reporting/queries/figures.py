"""The accounts dashboard, read from what was worked out beforehand: who sees what of it, and totals as stored (PERFORMANCE P7).

Entry points: `Sight`, `totals_of`, `group_totals`, `choices_of`, `selected_ids`, `growth_of`, `synced_states`; its rows: `figure_page`, its charts: `figure_charts`.
Inside the caller's tenancy block.

Invariants
1. Every read starts from what the person may see; totals are of those accounts alone, names of groups too.
2. Stored totals are shown only where the person sees every account in them; else the rows are summed in one statement.
3. A page is at most `PAGE` rows after a cursor, whatever the number of accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection
from django.db.models import Q, QuerySet

from accounts import queries as accounts
from governance.core.subjects import Viewer

from ..core.account_filter import GROUPS, JOINED, JOINED_KINDS, AccountFilter
from ..models import AccountFigures, FigureTotals

PAGE = 50
MOST_ROWS = 500

SUMS = """
count(*)::int, count(*) FILTER (WHERE equity_to IS NULL)::int, coalesce(sum(equity_to), 0), coalesce(sum(start_to) FILTER (WHERE day_pnl IS NOT NULL), 0),
coalesce(sum(day_pnl), 0), coalesce(sum(open_pnl), 0), coalesce(sum(realised), 0), coalesce(sum(gross), 0), coalesce(sum(net), 0),
coalesce(sum(positions), 0)::int, coalesce(sum(orders), 0)::int, coalesce(sum(fills), 0)::int, coalesce(sum(working), 0)::int,
count(*) FILTER (WHERE block <> '')::int, count(*) FILTER (WHERE authority <> '')::int,
count(*) FILTER (WHERE authority <> '' OR block <> '')::int, coalesce(sum(open_risk_to), 0), count(*) FILTER (WHERE open_risk_to IS NULL)::int,
coalesce(sum(equity_to - flow_to) FILTER (WHERE day_pnl IS NOT NULL), 0), coalesce(sum(start_to - flow_to) FILTER (WHERE day_pnl IS NOT NULL), 0)
"""
SUM_NAMES = (
    "accounts", "missing", "equity_to", "start_to", "day_pnl", "open_pnl", "realised", "gross", "net", "positions", "orders", "fills",
    "working", "closed", "unauthorised", "stopped", "open_risk_to", "unmeasured",
)  # fmt: skip

_HALF, _WARNING = Decimal("0.5"), Decimal("0.6")
_FLAG_RULES = {
    "any": Q(attention__gt=0),
    "authority": ~Q(authority=""),
    "blocked": ~Q(block=""),
    "breaks": Q(breaks__gt=0),
    "cash": Q(is_short_of_cash=True),
    "margin": Q(margin_rate__gt=_HALF) | Q(margin_rate=None, margin_used__gt=0, equity__isnull=False),
    "loss": Q(loss_use__gte=_WARNING),
    "missing": Q(equity=None),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """Who looks, through which filter."""

    viewer: Viewer
    chosen: AccountFilter

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing is hidden from the person and nothing filtered."""
        return self.viewer.oversight and not self.chosen.narrows

    def rows(self) -> QuerySet[AccountFigures]:
        """Return the figures of the accounts in sight."""
        found = AccountFigures.objects.all()
        if not self.viewer.oversight:
            seen = accounts.visible_to(self.viewer.user_id, on=self.viewer.on).values("pk")
            # Nobody has the second id. A bare IN would be joined, and all rows read and sorted for a page; so they are tried in the order asked for.
            found = found.filter(Q(account_id__in=seen) | Q(account_id=UUID(int=0)))
        chosen = self.chosen
        if chosen.q:
            found = found.filter(Q(code__icontains=chosen.q) | Q(name__icontains=chosen.q))
        if chosen.flag:
            found = found.filter(_FLAG_RULES[chosen.flag])
        for kind, label in chosen.labels.items():
            found = found.filter(_named(kind, label))
        return found


def _named(kind: str, label: str) -> Q:
    """Return the condition that an account is of a group; one of several groups has their names joined."""
    named = Q(**{kind: label})
    if kind not in JOINED_KINDS:
        return named
    inside = {"startswith": f"{label}{JOINED}", "endswith": f"{JOINED}{label}", "contains": f"{JOINED}{label}{JOINED}"}
    return reduce(or_, (Q(**{f"{kind}__{how}": text}) for how, text in inside.items()), named)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over accounts; money in `currency`. drawdown, points (minor units): None and empty of a selection, whose curve nobody kept (`curve_of` works it out).

    whole: these are all the accounts of the group or firm.
    """

    label: str
    currency: str
    accounts: int
    missing: int
    equity_to: Decimal
    start_to: Decimal
    day_pnl: Decimal
    open_pnl: Decimal
    realised: Decimal
    gross: Decimal
    net: Decimal
    positions: int
    orders: int
    fills: int
    working: int
    closed: int
    unauthorised: int
    stopped: int
    open_risk_to: Decimal
    unmeasured: int
    drawdown: Decimal | None
    points: Sequence[int]
    whole: bool
    stored: FigureTotals | None = None

    @property
    def day_rate(self) -> Decimal | None:
        """Return the day's gain on what there was to gain on."""
        return self.day_pnl / self.start_to if self.start_to > 0 else None


# Written out: Django takes longer over so many columns than the database. The curve and the sectors are read when they are asked for.
_FIRM = f"SELECT id, kind, label, currency, drawdown, points, {', '.join(SUM_NAMES)} FROM reporting_figuretotals WHERE kind = 'FIRM'"


def totals_of(sight: Sight) -> Totals | None:
    """Return the totals of what is in sight, None where nothing has been worked out. One statement, or two for a selection."""
    firm = next(iter(FigureTotals.objects.raw(_FIRM)), None)
    if firm is None:
        return None
    if sight.is_whole or (not sight.chosen.narrows and sight.rows().count() == firm.accounts):
        return _stored(firm)
    values = _summed(sight, "''", "", {})[0]
    return _stored(firm) if values[1] == firm.accounts else _of_values(values, firm.currency)


def group_totals(sight: Sight, *, labels: Sequence[str]) -> dict[str, Totals]:
    """Return the totals of these groups of the filter's kind, as far as their accounts are in sight. One or two statements."""
    kind = sight.chosen.by
    stored = {row.label: row for row in FigureTotals.objects.filter(kind=kind, label__in=labels)}
    if sight.is_whole:
        return {label: _stored(row) for label, row in stored.items()}
    found = {}
    for values in _summed(sight, f'"{kind}"', f'AND "{kind}" = ANY(%(labels)s) GROUP BY 1', {"labels": list(labels)}):
        row = stored.get(values[0])
        if row is not None:
            found[values[0]] = _stored(row) if row.accounts == values[1] else _of_values(values, row.currency)
    return found


def labels_between(sight: Sight, *, after: str | None, until: str | None) -> list[str]:
    """Return the labels in sight after one and up to another (None: open end), at most a page of them."""
    kind = sight.chosen.by
    if sight.is_whole:
        rows: Any = FigureTotals.objects.filter(kind=kind).values_list("label", flat=True).order_by("label")
        named = "label"
    else:
        rows, named = sight.rows().values_list(kind, flat=True).distinct().order_by(kind), kind
    if after is not None:
        rows = rows.filter(**{f"{named}__gt": after})
    if until is not None:
        rows = rows.filter(**{f"{named}__lte": until})
    return list(rows[:PAGE])


def _summed(sight: Sight, label: str, rest: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    where, values = condition_of(sight.rows())
    named = {f"p{i}": value for i, value in enumerate(values)}
    placed = where % tuple(f"%({name})s" for name in named)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {label}, {SUMS} FROM reporting_accountfigures WHERE {placed} {rest}", {**named, **parameters})
        return list(cursor.fetchall())


def condition_of(rows: QuerySet[AccountFigures]) -> tuple[str, Sequence[Any]]:
    """Return what follows WHERE for these rows, and its values, so that a statement of one's own may say what is read of them."""
    try:
        where, values = rows.query.get_compiler("default").compile(rows.query.where)
    except FullResultSet:
        return "true", ()
    except EmptyResultSet:
        return "false", ()
    return where, values


def _of_values(values: tuple[Any, ...], currency: str) -> Totals:
    return Totals(values[0], currency, **dict(zip(SUM_NAMES, values[1:], strict=False)), drawdown=None, points=(), whole=False)


def _stored(row: FigureTotals) -> Totals:
    sums = {name: getattr(row, name) for name in SUM_NAMES}
    return Totals(row.label, row.currency, **sums, drawdown=row.drawdown, points=row.points, whole=True, stored=row)


def choices_of(sight: Sight) -> dict[str, list[str]]:
    """Return the labels of every kind among the accounts the person sees, for the filter's menus. One statement a kind."""
    everything = replace(sight, chosen=AccountFilter())
    found = {kind: everything.rows().order_by(kind).values_list(kind, flat=True).distinct()[:500] for kind in GROUPS}
    return {
        kind: sorted({name for label in labels for name in label.split(JOINED)} - {""})
        if kind in JOINED_KINDS
        else [label for label in labels if label]
        for kind, labels in found.items()
    }


def selected_ids(sight: Sight) -> list[UUID]:
    """Return the accounts in sight by code: what a saved view means for this person now."""
    return list(sight.rows().order_by("code").values_list("account_id", flat=True))


def growth_of(sight: Sight) -> tuple[Decimal, Decimal]:
    """Return Σ equity − flows since the last evening, and Σ equity of that evening, both with what came in since: what the curve in sight has
    grown from and to (RSK-9, PRF-1)."""
    values = _summed(sight, "''", "", {})[0]
    start, (grown, before) = values[1 + SUM_NAMES.index("start_to")], values[-2:]
    came = max(start - before, Decimal(0))
    return grown + came, before + came


_RUNS = """
SELECT DISTINCT ON (custodian_id) custodian_id, state, as_of FROM reconciliation_reconciliationrun
WHERE as_of >= %(since)s AND started_at <= %(now)s ORDER BY custodian_id, as_of DESC, started_at DESC, id DESC
"""


def synced_states(*, now: datetime) -> dict[UUID, tuple[str, date]]:
    """Return the state and day of each custodian's last reconciliation of a fortnight. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_RUNS, {"since": (now - timedelta(days=14)).date(), "now": now})
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
