"""What was decided for the accounts a person sees: of many journeys in figures, of one in lines.

Entry points: `line_summaries`, `lines_in_sight`, `statement_facts`, `line_page`. Inside the caller's tenancy block; a fixed number of statements.
Invariant: a line of an account out of sight is in no row and no figure; whether there are any decides only `is_whole`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from accounts import queries as accounts
from governance.core.subjects import Viewer

from ..models import AllocationLine, AllocationStatement
from .visible import visible_lines


@dataclass(frozen=True, slots=True)
class LineSummary:
    """The newest statement of a journey, as far as it is in sight. ordered: lines with a quantity; is_whole: no line is out of sight."""

    statement_id: UUID
    lines: int
    ordered: int
    clipped: int
    bought: Decimal
    sold: Decimal
    is_whole: bool

    @property
    def quantity(self) -> Decimal:
        """Return what is to be traded, both sides added."""
        return self.bought + self.sold


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """A frozen statement. excluded: (account, finding, reason) of accounts in sight that were left out."""

    id: UUID
    revision: int
    hash: str
    share_policy: str
    price_scope: str
    decision_price: Decimal
    decided_at: datetime
    released_by_id: int | None
    excluded: tuple[tuple[str, str, str], ...]
    bindings: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LineRow:
    """One account's part of a statement."""

    account: str
    name: str
    raw: Decimal
    quantity: Decimal
    rule: str
    reason: str


def line_summaries(viewer: Viewer, journey_ids: Collection[UUID]) -> dict[UUID, LineSummary]:
    """Return the newest statement's lines in sight, by journey; three statements. Whole is a journey of whose lines, older
    revisions included, none is out of sight."""
    newest = AllocationStatement.objects.filter(journey_id__in=list(journey_ids)).order_by("journey_id", "-revision").distinct("journey_id")
    journeys = dict(newest.values_list("id", "journey_id"))
    every = AllocationLine.objects.filter(statement__journey_id__in=list(journey_ids)).order_by()
    seen = every if viewer.oversight else every.filter(account_id__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("id"))
    sums = list(
        seen.values_list("statement_id", "statement__journey_id").annotate(
            lines=Count("id"),
            ordered=Count("id", filter=~Q(quantity=0)),
            clipped=Count("id", filter=~Q(reason__in=("full", "no_change"))),
            bought=Sum("quantity", filter=Q(quantity__gt=0)),
            sold=Sum("quantity", filter=Q(quantity__lt=0)),
        )
    )
    known: Counter[UUID] = Counter()
    for _, journey, lines, *_ in sums:
        known[journey] += lines
    counted = known if viewer.oversight else dict(every.values_list("statement__journey_id").annotate(n=Count("id")))
    zero = Decimal(0)
    found = {journey: LineSummary(pk, 0, 0, 0, zero, zero, counted.get(journey, 0) == known[journey]) for pk, journey in journeys.items()}
    for pk, journey, lines, ordered, clipped, bought, sold in sums:
        if pk in journeys:
            found[journey] = LineSummary(pk, lines, ordered, clipped, bought or zero, -(sold or zero), found[journey].is_whole)
    return found


def lines_in_sight(viewer: Viewer, *, statement_id: UUID, is_whole: bool) -> QuerySet[AllocationLine]:
    """Return a statement's lines in sight. is_whole: as `line_summaries` found it for this viewer; spares asking again."""
    return (AllocationLine.objects.all() if is_whole else visible_lines(viewer)).filter(statement_id=statement_id)


def statement_facts(viewer: Viewer, *, statement_id: UUID, is_whole: bool) -> StatementFacts:
    """Return one statement, with what bound how many of its lines in sight; three statements."""
    row = AllocationStatement.objects.defer("frozen").get(pk=statement_id)
    named = {UUID(str(one["account_id"])): one for one in row.excluded if one.get("account_id")}
    seen = (
        set(accounts.visible_to(viewer.user_id, on=viewer.on).filter(pk__in=list(named)).values_list("id", flat=True)) if named else set()
    )
    excluded = sorted((one.get("code", ""), one.get("finding", ""), one.get("reason", "")) for key, one in named.items() if key in seen)
    bound = (
        lines_in_sight(viewer, statement_id=statement_id, is_whole=is_whole)
        .exclude(binding_rule="none")
        .order_by()
        .values_list("binding_rule")
        .annotate(n=Count("id"))
    )
    return StatementFacts(
        row.id, row.revision, row.hash, row.share_policy, row.price_scope, row.decision_price, row.decided_at, row.released_by_id,
        tuple(excluded), tuple(sorted(bound, key=lambda pair: (-pair[1], pair[0]))),
    )  # fmt: skip


def line_page(
    viewer: Viewer, *, statement_id: UUID, is_whole: bool, after: str = "", size: int = 50, ordered: bool = False
) -> tuple[list[LineRow], str]:
    """Return lines in sight by account, and where the next ones begin ("" after the last). ordered: only those with a quantity."""
    rows: Any = lines_in_sight(viewer, statement_id=statement_id, is_whole=is_whole)
    if ordered:
        rows = rows.exclude(quantity=0)
    if after:
        rows = rows.filter(account__code__gt=after)
    columns = ("account__code", "account__name", "raw", "quantity", "binding_rule", "reason")
    found = [LineRow(*row) for row in rows.order_by("account__code").values_list(*columns)[: size + 1]]
    return found[:size], found[size - 1].account if len(found) > size else ""
