"""Which orders may not work at once, and which count as one (RTE-1, RTE-5): the relationship graphs decide, not the firm.

Entry points: `one_at_a_time`, `find_cross`, `could_match`, `meets`, `working_beside`. Inside the caller's tenancy block.
Invariants: 1. opposite sides of one control group, or of one beneficial owner, never work at once where they could match: a stated limit that the
other side's limit does not reach cannot. 2. whoever decides on it holds the
instrument's lock until the commit, so that two releases cannot overlook each other. 3. what is not recorded counts as one group (CON-5).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from numpy.typing import NDArray

from accounts import queries as accounts
from accounts.enums import Meeting
from allocation import queries as allocation
from base import tenancy
from market.enums import Side

from ..core.lifecycle import TERMINAL
from ..enums import ParentState, RouteKind
from ..models import ChildOrder, ParentOrder
from .children import opposite
from .planning import UNIT, is_sliced

_AT_WORK = [ParentState.RELEASING, ParentState.WORKING]


@dataclass(frozen=True, slots=True)
class Cross:
    """The parent that an order could meet, and why it may not."""

    against: UUID
    meeting: Meeting

    @property
    def why(self) -> str:
        """Return the reason in words."""
        return _WHY[self.meeting]


_WHY = {
    Meeting.SAME_OWNER: "one beneficial owner on both sides: a wash trade",
    Meeting.CONTROL_GROUP: "one control group on both sides",
    Meeting.UNRECORDED: "who controls one of the accounts is not recorded",
}


def one_at_a_time(*, instrument_id: int) -> None:
    """Wait until nobody else of the firm decides on crosses in this instrument, and keep others waiting until the transaction ends."""
    with connection.cursor() as cursor:
        name = f"execution.cross|{tenancy.current_firm()}|{instrument_id}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def find_cross(order: ParentOrder, *, ids: NDArray[Any], now: datetime) -> Cross | None:
    """Return the working parent that `order`, of these accounts (V16[n]), could meet; None if there is none. Source: RTE-5."""
    sides = opposite(Side(order.side))
    parents = ParentOrder.objects.filter(instrument_id=order.instrument_id, side__in=sides, state__in=_AT_WORK).order_by("id")
    for parent in parents:
        found = meets(ids, accounts_of(parent), now) if could_match(order, parent) else None
        if found is not None:
            return Cross(parent.id, found)
    return None


def could_match(one: ParentOrder, other: ParentOrder) -> bool:
    """Return whether two opposite orders could trade with each other at their limits.

    The house's own prices follow the market, so two of them always could; a stated limit stays where it is.
    """
    if not (one.is_limit_stated or other.is_limit_stated):
        return True
    limits = {Side(order.side).is_buy: _furthest(order) for order in (one, other)}
    buy, sell = limits[True], limits[False]
    return buy is None or sell is None or buy >= sell


def _furthest(parent: ParentOrder) -> Decimal | None:
    """Return the worst price its orders may ever trade at, None for any: slices at the house's price are priced when they fall due.

    Where the limit was replaced, what still works at the old one counts until it has ended.
    """
    if not parent.is_limit_stated and is_sliced(RouteKind(parent.route)):
        return None
    if parent.released_limit_price is None or parent.limit_price is None:
        return parent.limit_price
    live = ChildOrder.objects.filter(parent=parent).exclude(state__in=[state.value for state in TERMINAL])
    prices = [parent.limit_price, *live.values_list("limit_price", flat=True).distinct()]
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return None
    return max(known) if Side(parent.side).is_buy else min(known)


def meets(ones: NDArray[Any], others: NDArray[Any], now: datetime) -> Meeting | None:
    """Return why orders of `ones` and `others` (V16[n] each) may not meet today, None if they may."""
    return accounts.meeting(ones=ones, others=others, on=now.date())


def working_beside(*, ids: NDArray[Any], side: Side, instrument_id: int, now: datetime) -> int:
    """Return what parents of the same side and control group still have to fill, UNIT = 1. Source: RTE-1."""
    parents = ParentOrder.objects.filter(instrument_id=instrument_id, side=side, done_at=None).order_by("id")
    return sum(int((p.quantity - p.filled_qty) * UNIT) for p in parents if meets(ids, accounts_of(p), now) is not None)


def accounts_of(parent: ParentOrder) -> NDArray[Any]:
    """Return the accounts that a parent trades for: its statement's lines of its side, V16[n]."""
    lines = allocation.statement_lines(statement_id=parent.statement_id)
    return lines.ids[lines.quantity > 0 if Side(parent.side).is_buy else lines.quantity < 0]
