"""Which stops and targets stand, over accounts and account by account (SIZ-8).

Entry points: `level_spans`, `protected_holders`, `levels_of`; for the watch `watched_groups`, `levels_in`, `reached_at`, `uncovered_levels`.
Inside the caller's tenancy block.
Invariant: only accounts in sight; one statement for the spans, however many accounts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Min, Q

from accounts import queries as accounts
from accounts.queries.columns import fetch_rows
from accounts.queries.held import held_positions
from governance.core.subjects import Viewer
from market.queries import InstrumentFacts

from ..enums import Level, LevelState
from ..models import ProtectiveLevel


@dataclass(frozen=True, slots=True)
class LevelSpan:
    """Active levels of a kind over accounts. accounts: how many have one; refused: how many are reached and could not be released."""

    low: Decimal
    high: Decimal
    accounts: int
    refused: int

    @property
    def is_one(self) -> bool:
        """Tell whether all of them stand at one price."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class LevelLine:
    """One account's level. closing: it was reached and its closing works."""

    price: Decimal
    wish: str
    figure: Decimal
    refusal: str
    is_unwatched: bool
    closing: UUID | None
    journey_id: UUID | None


@dataclass(frozen=True, slots=True)
class ProtectedHolder:
    """An account that holds the position, with its own entry and its levels."""

    account_id: UUID
    code: str
    name: str
    quantity: Decimal
    entry: Decimal | None
    stop: LevelLine | None
    target: LevelLine | None


def level_spans(viewer: Viewer) -> dict[tuple[UUID, int, Level], LevelSpan]:
    """Return what stands over the accounts in sight, by sleeve, instrument and kind."""
    rows = (
        _seen(viewer)
        .filter(state=LevelState.ACTIVE)
        .values_list("sleeve_id", "instrument_id", "level")
        .annotate(low=Min("price"), high=Max("price"), n=Count("id"), refused=Count("id", filter=~Q(refusal="")))
        .order_by()
    )
    return {(sleeve, instrument, Level(level)): LevelSpan(*rest) for sleeve, instrument, level, *rest in rows}


def protected_holders(viewer: Viewer, *, sleeve_id: UUID, instrument: InstrumentFacts) -> list[ProtectedHolder]:
    """Return the accounts in sight that hold the instrument in the sleeve, by code, each with its stop and target."""
    ids = list(accounts.visible_to(viewer.user_id, on=viewer.on).values_list("id", flat=True))
    held = held_positions(account_ids=ids, sleeve_id=sleeve_id, instrument_id=instrument.id)
    rows = _live(ProtectiveLevel.objects.filter(account_id__in=[one.account_id for one in held], sleeve_id=sleeve_id))
    lines = {(row.account_id, Level(row.level)): _line(row) for row in rows.filter(instrument_id=instrument.id).order_by("set_at", "id")}
    return [
        ProtectedHolder(
            one.account_id,
            one.code,
            one.name,
            one.quantity,
            one.entry(instrument.multiplier),
            lines.get((one.account_id, Level.STOP)),
            lines.get((one.account_id, Level.TARGET)),
        )
        for one in held
    ]


def levels_of(*, account_id: UUID) -> Mapping[int, Mapping[Level, list[LevelLine]]]:
    """Return an account's levels by instrument and kind; one sleeve after the other."""
    found: dict[int, dict[Level, list[LevelLine]]] = defaultdict(lambda: {Level.STOP: [], Level.TARGET: []})
    for row in _live(ProtectiveLevel.objects.filter(account_id=account_id)).order_by("sleeve_id", "set_at", "id"):
        found[row.instrument_id][Level(row.level)].append(_line(row))
    return found


_UNCOVERED = """
SELECT l.id, l.account_id FROM execution_protectivelevel l
LEFT JOIN (SELECT account_id, sleeve_id, instrument_id, sum(quantity) AS quantity FROM accounts_position GROUP BY 1, 2, 3) p
    ON p.account_id = l.account_id AND p.sleeve_id = l.sleeve_id AND p.instrument_id = l.instrument_id
WHERE l.state = 'ACTIVE' AND (coalesce(p.quantity, 0) = 0 OR (p.quantity > 0) <> l.is_long)
ORDER BY l.id
"""


def uncovered_levels() -> list[tuple[UUID, UUID]]:
    """Return id and account of the active levels whose position is closed or has turned; one statement, and rows only of those."""
    return fetch_rows(_UNCOVERED, {})


@dataclass(frozen=True, slots=True)
class WatchedGroup:
    """Active levels that one price judges. unwatched_since: since when there is none for the first of them; refused: some could not be released."""

    instrument_id: int
    is_paper: bool
    is_long: bool
    levels: int
    unwatched_since: datetime | None
    refused: int


def watched_groups() -> list[WatchedGroup]:
    """Return the groups of active levels; one statement, and as many rows as groups, however many levels."""
    rows = ProtectiveLevel.objects.filter(state=LevelState.ACTIVE).values_list("instrument_id", "account__connection__is_paper", "is_long")
    counted = rows.annotate(n=Count("id"), since=Min("unwatched_since"), refused=Count("id", filter=Q(refused_at__isnull=False)))
    return [WatchedGroup(*row) for row in counted.order_by("instrument_id", "account__connection__is_paper", "is_long")]


def levels_in(group: WatchedGroup) -> Any:
    """Return the active levels of a group, a queryset."""
    return ProtectiveLevel.objects.filter(
        state=LevelState.ACTIVE, instrument_id=group.instrument_id, account__connection__is_paper=group.is_paper, is_long=group.is_long
    )


def reached_at(*, is_long: bool, trades_at: Decimal) -> Q:
    """Return what `core.levels.is_reached` says, as a condition on levels of one side."""
    stop = Q(price__gte=trades_at) if is_long else Q(price__lte=trades_at)
    target = Q(price__lte=trades_at) if is_long else Q(price__gte=trades_at)
    return Q(level=Level.STOP) & stop | Q(level=Level.TARGET) & target


def _live(rows: Any) -> Any:
    return rows.filter(Q(state=LevelState.ACTIVE) | Q(state=LevelState.TRIGGERED, settled_at=None))


def _line(row: ProtectiveLevel) -> LevelLine:
    closing = row.closing_journey_id if row.state == LevelState.TRIGGERED else None
    return LevelLine(row.price, row.wish, row.figure, row.refusal, row.unwatched_since is not None, closing, row.journey_id)


def _seen(viewer: Viewer) -> Any:
    return ProtectiveLevel.objects.filter(account__in=accounts.visible_to(viewer.user_id, on=viewer.on).values("pk"))
