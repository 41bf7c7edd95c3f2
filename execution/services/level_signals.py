"""Set the stops and targets a signal states, for every account it has filled (SIZ-8).

Entry points: `protect_filled`; `working_parents`, whose fills are not booked yet. Inside the caller's tenancy block.

Invariants: 1. an account gets the levels of a journey once: neither a correction nor a second booking sets again what somebody has removed since.
2. only a position that the signal opened or increased is protected. 3. levels of the same sleeve and instrument from before are replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Max

from accounts.queries.held import quantities_held
from allocation import queries as allocation
from allocation.queries.protection import Protection, protections_of
from market import queries as market
from market.enums import Side
from market.queries import InstrumentFacts

from ..core.levels import keeps_its_side, snap
from ..enums import Level, LevelWish, ParentState
from ..models import Booking, ChildOrder, ParentOrder, ProtectiveLevel, Share
from .level_alarms import alarm_unplaced
from .levels import one_change_at_a_time, replace_level, tell_levels


@dataclass(frozen=True, slots=True)
class _Placed:
    level: Level
    price: Decimal


def working_parents() -> list[tuple[UUID, UUID]]:
    """Return the (id, journey) of parents over time that something has been filled of."""
    return list(ParentOrder.objects.filter(state=ParentState.WORKING, filled_qty__gt=0).values_list("id", "journey_id"))


def protect_filled(*, parents: Iterable[tuple[UUID, UUID]], now: datetime) -> int:
    """Set the levels of these parents' (id, journey) signals for every account filled; returns how many levels were set."""
    given = list(parents)
    wanted = protections_of(journey_ids={journey for _, journey in given}) if given else {}
    ids = [parent_id for parent_id, journey in given if journey in wanted]
    found = ParentOrder.objects.filter(pk__in=ids).order_by("instrument_id", "id")  # as everybody waits for instruments
    return sum(_protect(parent, wanted[parent.journey_id], now) for parent in found)


def _protect(parent: ParentOrder, wish: Protection, now: datetime) -> int:
    is_long = Side(parent.side).is_buy
    instrument = market.instrument(parent.instrument_id)
    levels = _levels(parent, wish, instrument, is_long, now)
    filled = _filled(parent)
    if not levels or not filled:
        return 0
    one_change_at_a_time(instrument_id=instrument.id)
    sleeve_id = allocation.sleeve_of(strategy_id=parent.strategy_id)
    known = ProtectiveLevel.objects.filter(journey_id=parent.journey_id, account_id__in=filled).values_list("account_id", "level")
    done = {(account_id, Level(level)) for account_id, level in known}
    held = quantities_held(account_ids=filled, instrument_ids=[instrument.id])
    written: set[UUID] = set()
    count = 0
    for account_id in filled:
        quantity = held.get((account_id, sleeve_id, instrument.id), Decimal(0))
        if not quantity or (quantity > 0) is not is_long:
            continue
        for one in levels:
            if (account_id, one.level) in done:
                continue
            replace_level(row=_row(parent, one, account_id, sleeve_id, is_long, wish, now), now=now)
            written.add(account_id)
            count += 1
    if written:
        tell_levels(sorted(written))
    return count


def _levels(parent: ParentOrder, wish: Protection, instrument: InstrumentFacts, is_long: bool, now: datetime) -> list[_Placed]:
    """Return the prices on the tick; one on the wrong side of the price the signal was decided at is alarmed and not set."""
    found = []
    for level, price in ((Level.STOP, wish.stop), (Level.TARGET, wish.target)):
        if price is None:
            continue
        if not keeps_its_side(price, level, is_long=is_long, of=parent.decision_price):
            message = (
                f"{instrument.symbol}: the signal's {level.value.lower()} at {price.normalize():f} is on the wrong side of "
                f"{parent.decision_price.normalize():f} and protects nothing"
            )
            alarm_unplaced(instrument_id=instrument.id, message=message, journey_id=parent.journey_id, now=now)
            continue
        found.append(_Placed(level, snap(price, instrument.tick, level, is_long=is_long)))
    return [one for one in found if one.price > 0]


def _filled(parent: ParentOrder) -> Sequence[UUID]:
    """Return the accounts that got something of a parent: by orders of their own, or by the newest booking of a block."""
    own = ChildOrder.objects.filter(parent=parent, is_block=False, filled_qty__gt=0).values_list("account_id", flat=True)
    newest = (
        Booking.objects.filter(parent=parent).values("connection_id").annotate(last=Max("revision")).values_list("connection_id", "last")
    )
    shared: set[UUID] = set()
    for connection_id, revision in newest:
        rows = Share.objects.filter(
            booking__parent=parent, booking__connection_id=connection_id, booking__revision=revision, quantity__gt=0
        )
        shared |= set(rows.values_list("account_id", flat=True))
    return sorted({*own, *shared})


def _row(
    parent: ParentOrder, one: _Placed, account_id: UUID, sleeve_id: UUID, is_long: bool, wish: Protection, now: datetime
) -> ProtectiveLevel:
    return ProtectiveLevel(
        account_id=account_id,
        sleeve_id=sleeve_id,
        strategy_id=parent.strategy_id,
        instrument_id=parent.instrument_id,
        level=one.level,
        is_long=is_long,
        price=one.price,
        wish=LevelWish.PRICE,
        figure=(wish.stop if one.level is Level.STOP else wish.target) or one.price,
        set_by_id=wish.stated_by_id,
        set_at=now,
        journey_id=parent.journey_id,
    )
