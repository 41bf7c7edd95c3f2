"""Close positions over many accounts: one signal for each strategy and instrument, each the very way of a ticket (SIZ-8).

Entry points: `Target`, `preview_closing`, `release_closing`. One closing that fails stops no other; each has its own answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts.queries.consolidated import holders_in_sleeve
from allocation import services as allocation
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from allocation.queries import tradable_followers
from base import tenancy
from base.core.validation import InvalidInputs
from base.errors import NotFound, Refused
from governance.core.subjects import Actor
from market import queries as market

from .release import ReleaseFacts
from .ticket import Shown, TicketPreview, preview_ticket, release_ticket, source_of


@dataclass(frozen=True, slots=True)
class Target:
    """A position to close a share of, in every account the person may trade that holds it. key: makes its release once."""

    strategy: str
    sleeve_id: UUID
    instrument_id: int
    key: str


@dataclass(frozen=True, slots=True)
class Closing:
    """What one closing would do: a preview, or why there is none."""

    target: Target
    symbol: str
    preview: TicketPreview | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of one closing: its journey, or why there is none."""

    target: Target
    symbol: str
    journey_id: UUID | None
    problem: str = ""


def body_of(target: Target, share: Decimal, *, actor: Actor) -> SignalBody:
    """Return the signal of a closing, over the accounts that hold it now. Raises NotFound where none does. share: 0.5 closes half."""
    ids = [one.id for one in tradable_followers(user_id=int(actor.user_id), strategy=target.strategy, with_groups=False)]
    holders = holders_in_sleeve(account_ids=ids, sleeve_id=target.sleeve_id, instrument_id=target.instrument_id)
    if not holders:
        raise NotFound("position that you may close")
    symbol = market.instrument(target.instrument_id).symbol
    return SignalBody(target.strategy, symbol, SizingMethod.CLOSE, share, accounts=tuple(holders))


def preview_closing(*, targets: Sequence[Target], share: Decimal, actor: Actor, now: datetime) -> list[Closing]:
    """Return what each closing would do now, in the caller's block; nothing is written."""
    found = []
    for target in targets:
        symbol = market.instrument(target.instrument_id).symbol
        try:
            body = body_of(target, share, actor=actor)
            found.append(Closing(target, symbol, preview_ticket(key=target.key, body=body, actor=actor, now=now)))
        except InvalidInputs as several:
            found.append(Closing(target, symbol, None, "; ".join(f"{one.field}: {one.rule}" for one in several.problems)))
        except Refused as refused:
            found.append(Closing(target, symbol, None, refused.message))
    return found


def release_closing(
    *, firm_id: int, shown: Mapping[Target, Shown], share: Decimal, actor: Actor, now: datetime, reason: str
) -> list[Closed]:
    """Release what was shown, one after the other; opens its own blocks. A repeat gives the first answers."""
    done = []
    for target, seen in shown.items():
        with tenancy.firm(firm_id):
            symbol = market.instrument(target.instrument_id).symbol
            known = allocation.released_journey(source=source_of(actor), idempotency_key=target.key)
        if known is not None:  # by its key alone: what was closed may be held no more
            done.append(Closed(target, symbol, known))
            continue
        try:
            with tenancy.firm(firm_id):
                body = body_of(target, share, actor=actor)
            facts = release_ticket(firm_id=firm_id, key=target.key, body=body, shown=seen, actor=actor, now=now, reason=reason)
            done.append(Closed(target, symbol, *_answer(facts)))
        except Refused as refused:
            done.append(Closed(target, symbol, None, refused.message))
    return done


def _answer(facts: ReleaseFacts) -> tuple[UUID | None, str]:
    return (None, "gate 1 refused: " + "; ".join(facts.blocked)) if facts.blocked else (facts.journey_id, "")
