"""Set, change and remove stops and targets over many accounts (SIZ-8). They are watched by mamweb, not placed at brokers (docs/decisions/0007).

Entry points: `preview_levels` (nothing is written), `change_levels`; for what sets and ends levels besides: `replace_level`, `end_levels`.

Invariants: 1. every account that holds the position and that the person may trade gets an answer; a rejected one stays as it was.
2. a level is on the tick and keeps the minimum distance of the account's venue. 3. a key is carried out once; its repeat gets the first answers.
4. a change ends the old row and makes a new one, with an audit event of before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.queries.held import HeldPosition, held_positions
from allocation.queries import strategy_of_code, tradable_followers
from base import tenancy
from base.core.ids import digest, plain_decimal
from base.errors import Conflict, NotFound
from base.live import Topic, announce
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit
from market import queries as market
from market.queries import InstrumentFacts, QuoteFacts

from ..core.protection import LevelChange, OpenPosition, move_levels, outcome_of
from ..enums import LevelEnd, LevelFinding, LevelState, LevelWish
from ..models import LevelChangeRequest, ProtectiveLevel
from .level_answers import LevelAnswer, LevelTarget, LevelWishes, TargetAnswers, answers_of, plain_answers

MINIMUM_DISTANCE = "minimum_stop_distance"  # of a connection's settings: symbol → distance in price, as its broker states it
_TAKEN = {LevelFinding.PLACED, LevelFinding.MOVED_AWAY, LevelFinding.REMOVED, LevelFinding.UNCHANGED, LevelFinding.NONE_SET}


class UnableToChangeLevels(Conflict):
    """The key came before with another wish."""


def preview_levels(*, targets: Sequence[LevelTarget], wish: LevelWishes, actor: Actor, now: datetime) -> list[TargetAnswers]:
    """Return what a change would come to now, in the caller's block; nothing is written."""
    return [_judged(target, wish, actor, now)[0] for target in targets]


def change_levels(
    *, key: str, targets: Sequence[LevelTarget], wish: LevelWishes, actor: Actor, now: datetime, reason: str = ""
) -> list[TargetAnswers]:
    """Carry a change out, in the caller's block; the same key again returns the first answers.

    Raises UnableToChangeLevels (409) for another wish under the same key.
    """
    asked = digest([[[one.strategy, one.sleeve_id, one.instrument_id] for one in targets], asdict(wish)])
    _wait_for(f"execution.levels|{tenancy.current_firm()}|{actor.user_id}|{key}")
    first = LevelChangeRequest.objects.filter(asked_by_id=int(actor.user_id), key=key).first()
    if first is not None:
        if first.asked_sha256 != asked:
            raise UnableToChangeLevels("levels_changed", "this form was sent before with other levels; look at it again")
        return [answers_of(one) for one in first.answers]
    for instrument_id in sorted({one.instrument_id for one in targets}):
        one_change_at_a_time(instrument_id=instrument_id)
    done = [_carry_out(target, wish, actor, now, reason) for target in targets]
    LevelChangeRequest.objects.create(
        key=key, asked_by_id=int(actor.user_id), asked_sha256=asked, answers=[plain_answers(one) for one in done], asked_at=now
    )
    return done


def one_change_at_a_time(*, instrument_id: int) -> None:
    """Wait until nobody else of the firm changes levels of this instrument, and keep others waiting until the transaction ends."""
    _wait_for(f"execution.levels|{tenancy.current_firm()}|{instrument_id}")


def replace_level(*, row: ProtectiveLevel, now: datetime) -> ProtectiveLevel | None:
    """End the account's active level of this kind, if there is one, and watch this one instead; returns the one that ended."""
    before = ProtectiveLevel.objects.filter(
        account_id=row.account_id, sleeve_id=row.sleeve_id, instrument_id=row.instrument_id, level=row.level, state=LevelState.ACTIVE
    ).first()
    if before is not None:
        end_levels(ids=[before.id], reason=LevelEnd.CHANGED, now=now)
    row.save(force_insert=True)
    return before


def end_levels(*, ids: Sequence[UUID], reason: LevelEnd, now: datetime) -> int:
    """End active levels; returns how many there were."""
    rows = ProtectiveLevel.objects.filter(pk__in=ids, state=LevelState.ACTIVE)
    return rows.update(state=LevelState.ENDED, ended_at=now, end_reason=reason, unwatched_since=None)


def _wait_for(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _judged(
    target: LevelTarget, wish: LevelWishes, actor: Actor, now: datetime
) -> tuple[TargetAnswers, dict[UUID, ProtectiveLevel], list[HeldPosition]]:
    """Return the answers of one position, the levels that stand, and what is held."""
    try:
        instrument = market.instrument(target.instrument_id)
    except NotFound:
        return TargetAnswers(target, "?", Decimal(1), problem="no such instrument"), {}, []
    ids = [one.id for one in tradable_followers(user_id=int(actor.user_id), strategy=target.strategy, with_groups=False)]
    held = held_positions(account_ids=ids, sleeve_id=target.sleeve_id, instrument_id=target.instrument_id)
    if not held:
        return TargetAnswers(target, instrument.symbol, instrument.tick, problem="no position that you may trade"), {}, []
    rows = ProtectiveLevel.objects.filter(
        account_id__in=[one.account_id for one in held], sleeve_id=target.sleeve_id, instrument_id=instrument.id, level=wish.level
    ).filter(state=LevelState.ACTIVE)
    standing = {row.account_id: row for row in rows}
    if wish.removes:  # what a trigger is closing right now would be armed again if it left something
        standing = {row.account_id: row for row in _closing(target, wish, [one.account_id for one in held])} | standing
    found = _removals(held, standing) if wish.removes else _placed(held, instrument, wish, now)
    answers = tuple(_answer(one, found[one.account_id], standing.get(one.account_id), wish) for one in held)
    return TargetAnswers(target, instrument.symbol, instrument.tick, answers), standing, held


def _closing(target: LevelTarget, wish: LevelWishes, account_ids: Sequence[UUID]) -> QuerySet[ProtectiveLevel]:
    """Return the levels whose trigger's closing has not ended."""
    return ProtectiveLevel.objects.filter(
        account_id__in=account_ids,
        sleeve_id=target.sleeve_id,
        instrument_id=target.instrument_id,
        level=wish.level,
        state=LevelState.TRIGGERED,
        settled_at=None,
    )


def _placed(held: Sequence[HeldPosition], instrument: InstrumentFacts, wish: LevelWishes, now: datetime) -> dict[UUID, LevelChange]:
    """Return where each account's level goes; longs are judged by the bid, shorts by the ask."""
    quote = market.latest_quotes(instrument_ids=[instrument.id], now=now).get(instrument.id)
    found: dict[UUID, LevelChange] = {}
    for is_long in (True, False):
        side = [one for one in held if (one.quantity > 0) is is_long]
        price = None if quote is None else trades_at(quote, is_long)
        known: list[OpenPosition] = []
        for one in side:
            entry = one.entry(instrument.multiplier)
            if price is None:
                found[one.account_id] = LevelChange(str(one.account_id), None, LevelFinding.NO_QUOTE)
            elif entry is None and wish.offset is not None:
                found[one.account_id] = LevelChange(str(one.account_id), None, LevelFinding.NO_ENTRY)
            elif (distance := minimum_distance(one.settings, instrument.symbol)) is None:
                found[one.account_id] = LevelChange(str(one.account_id), None, LevelFinding.NO_DISTANCE)
            else:
                known.append(OpenPosition(str(one.account_id), one.quantity, entry or price, instrument.tick, distance))
        if price is not None:
            moved = move_levels(known, wish.level, market=price, price=wish.price, offset=wish.offset)
            found |= {UUID(one.account_id): one for one in moved}
    return found


def trades_at(quote: QuoteFacts, is_long: bool) -> Decimal | None:
    """Return the price a closing would trade at, which triggers levels: bid of a long, ask of a short; without it the last trade. None: no price."""
    found = quote.bid if is_long else quote.ask
    found = found or quote.last or quote.mid
    return found if found is not None and found > 0 else None


def minimum_distance(settings: Mapping[str, Any], symbol: str) -> Decimal | None:
    """Return how far a level must stay from the market at a venue, as its connection's settings say; 0 where they say nothing.

    None: what they say is not a distance.
    """
    stated = settings.get(MINIMUM_DISTANCE)
    distance = stated.get(symbol, stated.get("*")) if isinstance(stated, Mapping) else stated
    if distance is None:
        return Decimal(0)
    try:
        found = Decimal(str(distance))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found >= 0 else None


def _removals(held: Sequence[HeldPosition], standing: Mapping[UUID, ProtectiveLevel]) -> dict[UUID, LevelChange]:
    return {
        one.account_id: LevelChange(
            str(one.account_id), None, LevelFinding.REMOVED if one.account_id in standing else LevelFinding.NONE_SET
        )
        for one in held
    }


def _answer(held: HeldPosition, found: LevelChange, standing: ProtectiveLevel | None, wish: LevelWishes) -> LevelAnswer:
    before = None if standing is None else standing.price
    is_taken = found.finding in _TAKEN
    finding = found.finding
    if standing is not None and not wish.removes and found.price == before and standing.is_long == (held.quantity > 0):
        finding = LevelFinding.UNCHANGED
    after = found.price if is_taken else before
    return LevelAnswer(held.account_id, held.code, held.name, before, after, finding, outcome_of([is_taken]))


def _carry_out(target: LevelTarget, wish: LevelWishes, actor: Actor, now: datetime, reason: str) -> TargetAnswers:
    judged, standing, held = _judged(target, wish, actor, now)
    placed = {LevelFinding.PLACED, LevelFinding.MOVED_AWAY}
    changed = [one for one in judged.answers if one.finding in placed or one.finding is LevelFinding.REMOVED]
    if not changed:
        return judged
    old = [standing[one.account_id].id for one in changed if one.account_id in standing]
    end_levels(ids=old, reason=LevelEnd.REMOVED if wish.removes else LevelEnd.CHANGED, now=now)
    if wish.removes:
        _closing(target, wish, [one.account_id for one in changed]).update(settled_at=now)
    longs = {one.account_id for one in held if one.quantity > 0}
    strategy_id = strategy_of_code(code=target.strategy)
    figure = (wish.price if wish.offset is None else wish.offset) or Decimal(0)
    rows = [
        ProtectiveLevel(
            account_id=one.account_id,
            sleeve_id=target.sleeve_id,
            strategy_id=strategy_id,
            instrument_id=target.instrument_id,
            level=wish.level,
            is_long=one.account_id in longs,
            price=one.after,
            wish=LevelWish.PRICE if wish.offset is None else LevelWish.OFFSET,
            figure=figure,
            set_by_id=int(actor.user_id),
            set_at=now,
        )
        for one in changed
        if one.finding in placed and one.after is not None
    ]
    ProtectiveLevel.objects.bulk_create(rows)
    audit(
        action=AuditAction.CHANGED,
        subject=Subject(SubjectKind.STRATEGY, str(strategy_id)),
        actor=actor,
        now=now,
        before=_audited(judged.symbol, wish, {one.code: one.before for one in changed}),
        after=_audited(judged.symbol, wish, {one.code: one.after for one in changed}),
        reason=reason,
        rule="SIZ-8",
    )
    tell_levels([one.account_id for one in changed])
    return judged


def tell_levels(account_ids: Sequence[UUID]) -> None:
    """Tell open pages that what stands beside these accounts' positions changed."""
    announce(Topic.POSITIONS, list(account_ids), accounts=list(account_ids))


def _audited(symbol: str, wish: LevelWishes, prices: Mapping[str, Decimal | None]) -> dict[str, Any]:
    return {
        "what": f"{wish.level.value.lower()} {symbol}",
        "levels": {code: None if price is None else plain_decimal(price) for code, price in prices.items()},
    }
