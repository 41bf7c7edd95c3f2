"""What becomes of levels after their trigger, and of those whose position is gone (SIZ-8).

Entry points: `settle_triggered`, `end_uncovered`; both in the caller's tenancy block.

Invariants: 1. a level whose closing has ended is settled once; what its closing left is watched again. 2. a level without its position ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.queries.held import quantities_held

from ..enums import LevelEnd, LevelState
from ..models import ParentOrder, ProtectiveLevel
from ..queries.levels import uncovered_levels
from .level_alarms import alarm_rearmed
from .levels import end_levels, one_change_at_a_time, tell_levels


def end_uncovered(*, now: datetime) -> int:
    """End the levels whose position is closed or has turned, in the caller's block; returns how many."""
    gone = uncovered_levels()
    if not gone:
        return 0
    ended = end_levels(ids=[pk for pk, _ in gone], reason=LevelEnd.POSITION_CLOSED, now=now)
    tell_levels(sorted({account_id for _, account_id in gone}))
    return ended


def settle_triggered(*, now: datetime) -> int:
    """Look at what ended closings have left, in the caller's block: a position that is still there gets its level back. Returns how many ended."""
    waiting = ProtectiveLevel.objects.filter(state=LevelState.TRIGGERED, settled_at=None)
    instruments = sorted(set(waiting.values_list("instrument_id", flat=True)))
    for instrument_id in instruments:
        one_change_at_a_time(instrument_id=instrument_id)
    rows = list(waiting.filter(instrument_id__in=instruments).select_for_update(of=("self",), skip_locked=True).order_by("id"))
    journeys = {row.closing_journey_id for row in rows if row.closing_journey_id is not None}
    parents = ParentOrder.objects.filter(journey_id__in=journeys)
    working = {journey for journey, done, books in parents.values_list("journey_id", "done_at", "needs_booking") if done is None or books}
    over = [row for row in rows if row.closing_journey_id not in working]
    held = _held(over)
    for row in over:
        if _covers(row, held):
            _rearm(row, abs(held[row.account_id, row.sleeve_id, row.instrument_id]), now)
    ProtectiveLevel.objects.filter(pk__in=[row.id for row in over]).update(settled_at=now)
    return len(over)


def _rearm(row: ProtectiveLevel, left: Decimal, now: datetime) -> None:
    """Watch the level again for what its closing has left; at once where something was closed, after a while where nothing was."""
    beside = ProtectiveLevel.objects.filter(
        account_id=row.account_id, sleeve_id=row.sleeve_id, instrument_id=row.instrument_id, level=row.level, state=LevelState.ACTIVE
    )
    if beside.exists():
        return
    names = (
        "account_id",
        "sleeve_id",
        "strategy_id",
        "instrument_id",
        "level",
        "is_long",
        "price",
        "wish",
        "figure",
        "set_by_id",
        "set_at",
    )
    same = {name: getattr(row, name) for name in (*names, "journey_id")}
    idle = row.closing_qty is not None and left >= row.closing_qty
    if idle:
        same |= {"refusal": "what its trigger released was not filled", "refused_at": now, "tries": row.tries + 1}
    ProtectiveLevel.objects.create(**same)
    alarm_rearmed(row, left=left, now=now)


def _held(rows: Collection[ProtectiveLevel]) -> dict[tuple[UUID, UUID, int], Decimal]:
    return quantities_held(account_ids={row.account_id for row in rows}, instrument_ids={row.instrument_id for row in rows}) if rows else {}


def _covers(row: ProtectiveLevel, held: Mapping[tuple[UUID, UUID, int], Decimal]) -> bool:
    quantity = held.get((row.account_id, row.sleeve_id, row.instrument_id), Decimal(0))
    return quantity != 0 and (quantity > 0) is row.is_long
