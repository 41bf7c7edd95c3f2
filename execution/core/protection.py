"""Bulk changes of stops and targets: where each account's level goes, and what became of it (SIZ-8).

Entry points: `move_levels` (positions and one wish → a price or a reason for each account), `outcome_of` (what an account's requests came to).

Invariants:
1. A level is on the tick, at least the minimum distance from the market, and on its own side of it: a stop behind the position, a target ahead.
2. Rounding never makes a stop's loss larger than asked; only the minimum distance can, and it says so.
3. Every account gets an answer; one account's answer does not depend on the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from execution.core.levels import snap
from execution.enums import ChangeOutcome, Level, LevelFinding


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """An account's position. quantity: signed, + long. entry: average price of entry. tick, minimum_distance: of the venue it is held at."""

    account_id: str
    quantity: Decimal
    entry: Decimal
    tick: Decimal
    minimum_distance: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class LevelChange:
    """Where an account's stop or target goes; price None: nowhere, because of `finding`. MOVED_AWAY: further off than asked."""

    account_id: str
    price: Decimal | None
    finding: LevelFinding


def move_levels(
    positions: Sequence[OpenPosition], level: Level, *, market: Decimal, price: Decimal | None = None, offset: Decimal | None = None
) -> list[LevelChange]:
    """Return the new level of each account: one absolute `price` for all [D], or each account's own entry and one `offset`.

    market: the price that would trigger the level, > 0. offset: distance from the entry in the position's favour (a stop 0.50 behind is −0.50).

    >>> long = OpenPosition("A", Decimal(100), Decimal("50.02"), Decimal("0.05"))
    >>> move_levels([long], Level.STOP, market=Decimal(51), offset=Decimal("-0.50"))[0].price
    Decimal('49.55')

    Raises ValueError unless exactly one of price and offset is given, and for a tick, market or entry that is not positive. Source: SIZ-8.
    """
    if (price is None) == (offset is None):
        raise ValueError("a level is stated as one price or as an offset from the entry (SIZ-8)")
    if market <= 0:
        raise ValueError(f"market {market} is not positive (CON-5)")
    return [_move(one, level, market, price, offset) for one in positions]


def _move(one: OpenPosition, level: Level, market: Decimal, price: Decimal | None, offset: Decimal | None) -> LevelChange:
    if one.tick <= 0 or one.entry <= 0 or one.minimum_distance < 0:
        raise ValueError(
            f"tick {one.tick}, entry {one.entry} or minimum distance {one.minimum_distance} of {one.account_id} is out of range"
        )
    if not one.quantity:
        return LevelChange(one.account_id, None, LevelFinding.NO_POSITION)
    side = 1 if one.quantity > 0 else -1
    wanted = Fraction(price) if price is not None else Fraction(one.entry) + side * Fraction(offset or 0)
    above = (side > 0) == (level is Level.TARGET)  # whether the level lies above the market
    if (wanted > market) != above or wanted == market:
        return LevelChange(one.account_id, None, LevelFinding.WRONG_SIDE)
    nearest = snap(wanted, one.tick, level, is_long=side > 0)
    edge = (Fraction(market) + Fraction(one.minimum_distance) * (1 if above else -1)) / Fraction(one.tick)
    closest = (ceil(edge) if above else floor(edge)) * one.tick
    too_close = nearest < closest if above else nearest > closest
    found = closest if too_close or nearest == market else nearest
    if found == market:
        found += one.tick if above else -one.tick
    if found <= 0:
        return LevelChange(one.account_id, None, LevelFinding.NO_PRICE)
    further = found > wanted if above else found < wanted
    return LevelChange(one.account_id, found, LevelFinding.MOVED_AWAY if further else LevelFinding.PLACED)


def outcome_of(answers: Sequence[bool | None]) -> ChangeOutcome:
    """Return what an account's requests came to. answers: True taken, False refused, None not heard, one a request.

    >>> [outcome_of(a).value for a in ([True, True], [True, False], [False], [True, None], [])]
    ['done', 'partial', 'rejected', 'unknown', 'rejected']
    """
    if None in answers:
        return ChangeOutcome.UNKNOWN
    if not any(answers):
        return ChangeOutcome.REJECTED
    return ChangeOutcome.DONE if all(answers) else ChangeOutcome.PARTIAL
