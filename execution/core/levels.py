"""When a stop or target is reached, and when one that could not be released is tried again (SIZ-8, CON-5).

Entry points: `is_reached`, `tried_again_at`, `snap`, `keeps_its_side`.

Invariants: 1. a level is judged by the price its closing would trade at: the bid for a long, the ask for a short. 2. a level is always on the tick.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from execution.enums import Level

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=5)


def is_reached(level: Level, *, is_long: bool, price: Decimal, trades_at: Decimal) -> bool:
    """Tell whether a level is reached: a long's stop at bid ≤ stop, a short's at ask ≥ stop, targets the other way.

    trades_at: what the closing would trade at, the bid of a usable quote for a long, its ask for a short.

    >>> is_reached(Level.STOP, is_long=True, price=Decimal(50), trades_at=Decimal("49.20"))
    True

    Source: SIZ-8.
    """
    falls = is_long == (level is Level.STOP)  # whether a falling price reaches it
    return trades_at <= price if falls else trades_at >= price


def tried_again_at(refused_at: datetime | None, tries: int) -> datetime | None:
    """Return the instant from which a refused release is tried again: 5 s, doubled with each refusal, at most 5 min; None = at once.

    >>> from datetime import UTC
    >>> at = datetime(2026, 1, 5, 15, tzinfo=UTC)
    >>> [(tried_again_at(at, n) - at).seconds for n in (1, 2, 3, 7, 60)]
    [5, 10, 20, 300, 300]
    """
    if refused_at is None or tries <= 0:
        return None
    return refused_at + min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)


def snap(price: Decimal | Fraction, tick: Decimal, level: Level, *, is_long: bool) -> Decimal:
    """Return the price on the tick, toward the market: a stop loses no more than asked, a target is reached no later.

    >>> snap(Decimal("49.52"), Decimal("0.05"), Level.STOP, is_long=True)
    Decimal('49.55')

    Raises ValueError if the tick is not positive. Source: SIZ-8.
    """
    if tick <= 0:
        raise ValueError(f"tick {tick} is not positive")
    steps = Fraction(price) / Fraction(tick)
    above = is_long == (level is Level.TARGET)
    return (floor(steps) if above else ceil(steps)) * tick


def keeps_its_side(price: Decimal, level: Level, *, is_long: bool, of: Decimal) -> bool:
    """Tell whether a level is on its own side of a price: a long's stop below it, its target above it.

    >>> keeps_its_side(Decimal(51), Level.STOP, is_long=True, of=Decimal(50))
    False
    """
    return price > of if is_long == (level is Level.TARGET) else price < of
