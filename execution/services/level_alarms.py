"""What people hear of stops and targets: reached, not released, armed again, not watched (RSK-10). Alerts are de-duplicated.

Entry points: `tell_triggered`, `alarm_refused`, `end_refused_alarm`, `alarm_rearmed`, `alarm_unwatched`, `end_unwatched_alarm`, `alarm_unplaced`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from base.core.figures import counted
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import end_alert, raise_alert

from ..enums import Level, QuoteProblem
from ..models import ProtectiveLevel

RULE = "SIZ-8"
_PROBLEMS: Mapping[QuoteProblem, str] = {
    QuoteProblem.NO_QUOTE: "there is no quote",
    QuoteProblem.HALTED: "it is halted",
    QuoteProblem.CROSSED: "its quote is crossed",
    QuoteProblem.STALE: "its quote is too old",
    QuoteProblem.BEYOND_BAND: "its quote is beyond the venue's band",
}


class Reached(Protocol):
    """What is said of a batch of levels."""

    @property
    def strategy(self) -> str: ...
    @property
    def strategy_id(self) -> UUID: ...
    @property
    def instrument_id(self) -> int: ...
    @property
    def symbol(self) -> str: ...
    @property
    def trades_at(self) -> Decimal: ...


def tell_triggered(batch: Reached, *, reached: Sequence[tuple[str, Level]], journey_id: UUID, now: datetime) -> None:
    """Tell that levels were reached and their closing was released."""
    kinds = Counter(level for _, level in reached)
    what = " and ".join(counted(count, level.value.lower()) for level, count in sorted(kinds.items()))
    message = f"{batch.symbol} ({batch.strategy}) at {batch.trades_at.normalize():f}: {what} reached, the closing is released"
    _raise(AlertTier.INFO, batch.instrument_id, message, f"LEVELS|REACHED|{journey_id}", now, journey_id)


def alarm_refused(batch: Reached, why: Mapping[str, Sequence[UUID]], *, now: datetime) -> None:
    """Alarm that levels are reached and what they cover could not be closed."""
    reasons = "; ".join(f"{len(ids)} because {words}" if len(why) > 1 else words for words, ids in sorted(why.items()))
    count = sum(map(len, why.values()))
    message = f"{batch.symbol} ({batch.strategy}): {count} stops or targets are reached and NOT closed: {reasons}. It is tried again."
    _raise(AlertTier.CRITICAL, batch.instrument_id, message, _refused_key(batch.strategy_id, batch.instrument_id), now)


def end_refused_alarm(strategy_id: UUID, instrument_id: int, *, now: datetime) -> None:
    """End it: the closing was released, or the price has left the levels."""
    end_alert(dedupe_key=_refused_key(strategy_id, instrument_id), now=now, reason="over")


def alarm_rearmed(row: ProtectiveLevel, *, left: Decimal, now: datetime) -> None:
    """Tell that a closing has ended and left something, which is watched on."""
    message = f"a {row.level.lower()} at {row.price.normalize():f} was reached, {left.normalize():f} are still held: it is armed again"
    _raise(AlertTier.WARNING, row.instrument_id, message, f"LEVELS|LEFT|{row.account_id}|{row.instrument_id}", now, row.closing_journey_id)


def alarm_unwatched(
    instrument_id: int, *, symbol: str, is_paper: bool, problem: QuoteProblem, levels: int, since: datetime, now: datetime
) -> None:
    """Alarm that the session is open and levels cannot be judged."""
    message = f"{symbol}: {levels} stops and targets are not watched since {since:%H:%M:%S} UTC: {_PROBLEMS[problem]}"
    _raise(AlertTier.CRITICAL, instrument_id, message, _blind_key(instrument_id, is_paper), now)


def end_unwatched_alarm(instrument_id: int, *, is_paper: bool, now: datetime) -> None:
    """End it: there is a usable quote again, or the session is over."""
    end_alert(dedupe_key=_blind_key(instrument_id, is_paper), now=now, reason="over")


def alarm_unplaced(*, instrument_id: int, message: str, journey_id: UUID, now: datetime) -> None:
    """Alarm that what a signal wanted to protect a position with makes no sense for it."""
    _raise(AlertTier.CRITICAL, instrument_id, message, f"LEVELS|UNPLACED|{journey_id}", now, journey_id)


def _refused_key(strategy_id: UUID, instrument_id: int) -> str:
    return f"LEVELS|REFUSED|{strategy_id}|{instrument_id}"


def _blind_key(instrument_id: int, is_paper: bool) -> str:
    return f"LEVELS|BLIND|{instrument_id}|{'PAPER' if is_paper else 'LIVE'}"


def _raise(tier: AlertTier, instrument_id: int, message: str, key: str, now: datetime, journey_id: UUID | None = None) -> None:
    subject = Subject(SubjectKind.INSTRUMENT, str(instrument_id))
    raise_alert(
        tier=tier, audience=Role.TRADER, rule=RULE, subject=subject, message=message[:400], now=now, dedupe_key=key, journey_id=journey_id
    )
