"""What the command palette finds: accounts, instruments, journeys, all only as far as the person may see them.

Entry point: `found`. Inside the caller's tenancy block; five statements at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import hexdigits
from uuid import UUID

from django.db.models import Q

from accounts import queries as accounts
from allocation.queries.visible import visible_signals
from base.core.figures import number
from execution.queries.sight import parents_in_sight
from governance.core.subjects import Viewer
from market import queries as market
from reporting.core.journey_words import intent

MOST = 6


@dataclass(frozen=True, slots=True)
class Hit:
    """A line of the palette."""

    title: str
    note: str
    url: str


def _by_id(words: str, viewer: Viewer) -> list[Hit]:
    """Return the decisions whose journey id begins with what was typed, from eight characters on."""
    typed = words.lower().replace("-", "")
    if not 8 <= len(typed) <= 32 or set(typed) - set(hexdigits):
        return []
    first, last = UUID(typed.ljust(32, "0")), UUID(typed.ljust(32, "f"))
    rows = visible_signals(viewer).filter(journey_id__range=(first, last)).select_related("instrument", "strategy").order_by("-journey_id")
    return [
        Hit(
            intent(row.method, row.figure, row.instrument.symbol),
            f"{row.strategy.name}, {row.received_at.day} {row.received_at:%b %H:%M}, {row.journey_id}",
            f"/journeys/{row.journey_id}/",
        )
        for row in rows[:MOST]
    ]


def found(*, text: str, viewer: Viewer, may_deal: bool) -> list[tuple[str, list[Hit]]]:
    """Return the hits by kind; kinds without any are left out. text: what was typed, any case."""
    words = text.strip()[:60]
    if not words or "\0" in words:
        return []
    seen = accounts.visible_to(viewer.user_id, on=viewer.on).filter(is_clearing=False)
    rows = seen.filter(Q(code__icontains=words) | Q(name__icontains=words)).order_by("code")[:MOST]
    people = [
        Hit(f"{row.code} {row.name}", f"{row.base_currency}, {row.account_class.replace('_', ' ').lower()}", f"/accounts/{row.pk}/")
        for row in rows
    ]
    instruments = market.search_instruments(text=words, most=MOST)
    traded = [
        Hit(
            one.symbol,
            f"{one.name or one.symbol}, {one.currency}",
            f"/ticket/?symbol={one.symbol}" if may_deal else f"/blotter/?q={one.symbol}",
        )
        for one in instruments
    ]
    parents = parents_in_sight(viewer).filter(Q(instrument__symbol__icontains=words) | Q(strategy__name__icontains=words))
    journeys = [
        Hit(
            f"{row.side.capitalize()} {number(row.seen_quantity)} {row.instrument.symbol}",
            f"{row.strategy.name}, {row.created_at.day} {row.created_at:%b %H:%M}",
            f"/journeys/{row.journey_id}/",
        )
        for row in parents.select_related("instrument", "strategy").order_by("-id")[:MOST]
    ]
    groups = [("Accounts", people), ("Instruments", traded), ("Journeys", [*_by_id(words, viewer), *journeys])]
    return [(kind, hits) for kind, hits in groups if hits]
