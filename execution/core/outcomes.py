"""What became of one account's part of a release, in one word.

Entry point: `outcome_of`. Invariants: 1. unknown is never counted as filled or as not filled. 2. a fill always wins: what is filled in full is done,
whatever else is said of it. 3. nothing is guessed: an account whose orders still live is working or partial.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from execution.core.lifecycle import TERMINAL
from execution.enums import OrderState, Outcome


def outcome_of(*, quantity: Decimal, filled: Decimal, states: Iterable[OrderState], is_over: bool) -> Outcome:
    """Return the outcome of a part. quantity, filled: positive units. states: of its orders. is_over: nothing more will be ordered for it.

    >>> outcome_of(quantity=Decimal(5), filled=Decimal(2), states=[OrderState.CANCELED], is_over=True).value
    'partial'
    """
    found = set(states)
    if quantity and filled >= quantity:
        return Outcome.DONE
    if OrderState.UNKNOWN in found:
        return Outcome.UNKNOWN
    if filled:
        return Outcome.PARTIAL
    if not is_over or found - TERMINAL:
        return Outcome.WORKING
    if OrderState.DENIED in found:
        return Outcome.BLOCKED
    if OrderState.REJECTED in found:
        return Outcome.REJECTED
    return Outcome.CANCELED


def may_cancel(states: Iterable[OrderState], *, is_asked: bool) -> bool:
    """Return whether there is something left to cancel that nobody has asked about yet."""
    return not is_asked and bool(set(states) - TERMINAL)
