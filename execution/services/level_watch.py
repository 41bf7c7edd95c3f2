"""Watch stops and targets, and close what they cover when they are reached (SIZ-8, CON-5, docs/decisions/0007).

Entry point: `release_triggered`; a task runs it every two seconds. Running it twice, late, or from two workers at once changes nothing.

Invariants
1. A level is TRIGGERED in the very commit that holds the statement and parents of its closing: killed before, nothing happened and the next round
   looks again; killed after, `continue_release` finishes the orders. The closing's key is that of its levels, so it is released once.
2. All that one quote reaches of a strategy, instrument and side is one signal: its accounts share fills fairly, through the gates, like any other.
3. A quote that is missing, stale or crossed triggers nothing (CON-5), nor does a closed market; in an open session that is alarmed.
4. What could not be released stays ACTIVE, is alarmed, and tried again at growing distances. What a closing left over is armed again.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
from django.db.models import F

from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from allocation.services.sizing import SizedSignal
from base import tenancy
from base.core.ids import digest
from base.errors import Refused
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit
from market import queries as market

from ..core.levels import tried_again_at
from ..enums import Level, LevelEnd, LevelState
from ..gateways.crash import crash_point
from ..models import ProtectiveLevel
from ..queries.levels import levels_in, reached_at, watched_groups
from .level_alarms import alarm_refused, end_refused_alarm, tell_triggered
from .level_quotes import usable_prices
from .level_settling import end_uncovered, settle_triggered
from .level_signals import protect_filled, working_parents
from .levels import one_change_at_a_time, tell_levels
from .release import ReleaseFacts, run_signal
from .ticket_rows import figures_of, row_of

log = logging.getLogger(__name__)
SOURCE = "levels"
COVERED = "orders that close it are working already"
STUCK = "orders that close it are working and do not fill; cancel them to let it close"
PATIENCE = 3  # refusals, some 15 seconds


class LevelsMoved(Exception):
    """Somebody else has changed or triggered one of these levels since they were read; the next round looks again."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Levels that one quote has reached, of one strategy, instrument and side."""

    strategy: str
    strategy_id: UUID
    instrument_id: int
    symbol: str
    is_long: bool
    trades_at: Decimal
    levels: tuple[ProtectiveLevel, ...]

    @property
    def key(self) -> str:
        """Return the closing's idempotency key: the same levels, the same key."""
        return digest(sorted(str(one.id) for one in self.levels))

    @property
    def account_ids(self) -> tuple[UUID, ...]:
        """Return the accounts to close in, each once."""
        return tuple(sorted({one.account_id for one in self.levels}))


def release_triggered(*, firm_id: int, now: datetime) -> int:
    """Do one round for a firm: settle what has closed, end what covers nothing, release what is reached. Returns how many levels triggered."""
    with tenancy.firm(firm_id):
        working = working_parents()
        batches = _due(now)
    if working:  # in a commit of its own: within one, instruments are waited for in the order of their numbers
        with tenancy.firm(firm_id):
            protect_filled(parents=working, now=now)
    return sum(_release(firm_id, batch, now) for batch in batches)


def _due(now: datetime) -> list[Batch]:
    if not ProtectiveLevel.objects.exclude(state=LevelState.ENDED).filter(settled_at=None).exists():
        return []
    settle_triggered(now=now)
    end_uncovered(now=now)
    return _reached(now)


def _reached(now: datetime) -> list[Batch]:
    """Return what the usable quotes of this moment reach, and look after the alarms of what cannot be watched."""
    groups = watched_groups()
    instruments = market.instruments({group.instrument_id for group in groups})
    batches = []
    for group, price in usable_prices(groups=groups, instruments=instruments, now=now):
        reached = reached_at(is_long=group.is_long, trades_at=price)
        if group.refused:
            _forget_refusals(list(levels_in(group).filter(refused_at__isnull=False).exclude(reached)), now)
        due: dict[tuple[UUID, str], list[ProtectiveLevel]] = defaultdict(list)
        for row in levels_in(group).filter(reached).annotate(strategy_code=F("strategy__code")).order_by("id"):
            again = tried_again_at(row.refused_at, row.tries)
            if again is None or again <= now:
                due[row.strategy_id, row.strategy_code].append(row)
        symbol = instruments[group.instrument_id].symbol
        batches += [
            Batch(code, strategy_id, group.instrument_id, symbol, group.is_long, price, tuple(rows))
            for (strategy_id, code), rows in sorted(due.items())
        ]
    return batches


def _forget_refusals(rows: Sequence[ProtectiveLevel], now: datetime) -> None:
    """The price has left these levels: what stood in the way of closing is over."""
    ProtectiveLevel.objects.filter(pk__in=[row.id for row in rows]).update(refusal="", refused_at=None, tries=0)
    for strategy_id, instrument_id in sorted({(row.strategy_id, row.instrument_id) for row in rows}):
        end_refused_alarm(strategy_id, instrument_id, now=now)


def _release(firm_id: int, batch: Batch, now: datetime) -> int:
    """Release the closing of a batch through the gates; what is refused stays, and says why."""
    joined = _Triggering(batch, now)
    body = SignalBody(batch.strategy, batch.symbol, SizingMethod.CLOSE, Decimal(1), accounts=batch.account_ids)
    try:
        facts = run_signal(firm_id=firm_id, source=SOURCE, idempotency_key=batch.key, body=body, actor=None, now=now, within=joined)
    except LevelsMoved:
        return 0
    except _NobodyCloses:
        _refuse(firm_id, batch, joined.refused, now)
        return 0
    except Exception as error:  # whatever it is, it must neither pass in silence nor hold up the other closings
        if not isinstance(error, Refused):
            log.exception("levels of %s in %s cannot be released", batch.strategy, batch.symbol)
        _refuse(firm_id, batch, {one.id: _message(error) for one in batch.levels}, now)
        return 0
    if facts.blocked:
        _refuse(firm_id, batch, {one.id: "gate 1 refused: " + "; ".join(facts.blocked) for one in batch.levels}, now)
        return 0
    _refuse(firm_id, batch, joined.refused, now)
    return len(joined.triggered)


def _message(error: Exception) -> str:
    return error.message if isinstance(error, Refused) else f"{type(error).__name__}: {error}"


class _NobodyCloses(Exception):
    """No account of the batch has anything to order; nothing is to be frozen."""


@dataclass(slots=True)
class _Triggering:
    """The part of the levels in the first commit of their closing."""

    batch: Batch
    now: datetime
    triggered: list[UUID] = field(default_factory=list)
    refused: dict[UUID, str] = field(default_factory=dict)

    def before(self) -> None:
        one_change_at_a_time(instrument_id=self.batch.instrument_id)
        ids = [one.id for one in self.batch.levels]
        locked = ProtectiveLevel.objects.select_for_update(of=("self",)).filter(pk__in=ids, state=LevelState.ACTIVE)
        if len(list(locked.order_by("id").values_list("id", flat=True))) != len(ids):
            raise LevelsMoved

    def after(self, sized: SizedSignal, facts: ReleaseFacts) -> None:
        words = _refusals(sized)
        sized_for = set(sized.account_ids)
        left = [one.account_id for one in self.batch.levels if str(one.account_id) not in sized_for]
        words |= {account: "it does not follow the strategy any more" for account in left if account not in words}
        held = {UUID(account): abs(quantity) for account, quantity in zip(sized.account_ids, sized.accounts.position.tolist(), strict=True)}
        closing = [one for one in self.batch.levels if one.account_id not in words]
        self.refused = {one.id: words[one.account_id] for one in self.batch.levels if one.account_id in words}
        self.triggered = [one.id for one in closing]
        if not closing:
            raise _NobodyCloses
        for one in closing:
            one.state, one.end_reason, one.ended_at = LevelState.TRIGGERED, LevelEnd.TRIGGERED, self.now
            one.closing_journey_id, one.closing_qty = facts.journey_id, Decimal(held[one.account_id]).scaleb(-8)
            one.unwatched_since, one.refusal, one.refused_at = None, "", None
        names = ["state", "end_reason", "ended_at", "closing_journey_id", "closing_qty", "unwatched_since", "refusal", "refused_at"]
        ProtectiveLevel.objects.bulk_update(closing, names)
        codes = dict(zip(sized.account_ids, sized.accounts.codes, strict=True))
        audit(
            action=AuditAction.ENDED,
            subject=Subject(SubjectKind.STRATEGY, str(self.batch.strategy_id)),
            actor=None,
            now=self.now,
            after={
                "what": f"levels reached, {self.batch.symbol} at {self.batch.trades_at:f}",
                "levels": {f"{codes[str(one.account_id)]} {one.level}": f"{one.price.normalize():f}" for one in closing},
            },
            rule="SIZ-8",
            journey_id=facts.journey_id,
        )
        reached = [(codes[str(one.account_id)], Level(one.level)) for one in closing]
        tell_triggered(self.batch, reached=reached, journey_id=facts.journey_id, now=self.now)
        tell_levels(sorted({one.account_id for one in closing}))
        crash_point("before_trigger_commit")


def _refusals(sized: SizedSignal) -> dict[UUID, str]:
    """Return why an account orders nothing, for those that do not."""
    found = {UUID(one.account_id): one.reason or one.finding for one in sized.excluded}
    idle = np.flatnonzero(sized.result.quantity[:, 0] == 0).tolist()
    if not idle:
        return found
    lines = figures_of(sized)
    position, closing = sized.accounts.position, np.where(sized.accounts.position > 0, sized.accounts.open_sell, sized.accounts.open_buy)
    for place in idle:
        row = row_of(sized, lines[place], "")
        found[UUID(row.account_id)] = COVERED if closing[place] >= abs(position[place]) > 0 else f"{row.text} {row.rule}".strip()
    return found


def _refuse(firm_id: int, batch: Batch, words: Mapping[UUID, str], now: datetime) -> None:
    """Keep why levels could not be released, and alarm it; that other orders close it is an alarm only where they do not get on with it."""
    tried = {one.id: one.tries for one in batch.levels}
    words = {pk: STUCK if why == COVERED and tried[pk] + 1 >= PATIENCE else why for pk, why in words.items()}
    with tenancy.firm(firm_id):
        by_words: dict[str, list[UUID]] = defaultdict(list)
        for level_id, why in words.items():
            by_words[why].append(level_id)
        for why, ids in sorted(by_words.items()):
            rows = ProtectiveLevel.objects.filter(pk__in=ids, state=LevelState.ACTIVE)
            rows.update(refusal=why[:200], refused_at=now, tries=F("tries") + 1)
        loud = {why: ids for why, ids in by_words.items() if why != COVERED}
        if loud:
            alarm_refused(batch, loud, now=now)
        else:
            end_refused_alarm(batch.strategy_id, batch.instrument_id, now=now)
