"""What a bulk change of stops and targets is asked, and what each account answers; also as plain values, so that a repeat gets the first ones (SIZ-8).

Entry points: `LevelTarget`, `LevelWishes`, `LevelAnswer`, `TargetAnswers`, `plain_answers`, `answers_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from ..enums import ChangeOutcome, Level, LevelFinding

WORDS: Mapping[LevelFinding, str] = {
    LevelFinding.PLACED: "set",
    LevelFinding.MOVED_AWAY: "set further from the market than asked, for the venue's minimum distance",
    LevelFinding.WRONG_SIDE: "on the wrong side of the market: it would trigger at once",
    LevelFinding.NO_POSITION: "nothing is held",
    LevelFinding.NO_PRICE: "no such price above zero",
    LevelFinding.NO_QUOTE: "no price of it is known",
    LevelFinding.NO_ENTRY: "its entry price is not known",
    LevelFinding.NO_DISTANCE: "its venue's minimum distance cannot be read: mend minimum_stop_distance in the connection's settings",
    LevelFinding.UNCHANGED: "already there",
    LevelFinding.REMOVED: "removed",
    LevelFinding.NONE_SET: "none was set",
}


@dataclass(frozen=True, slots=True)
class LevelTarget:
    """A position to protect, in every account the person may trade that holds it."""

    strategy: str
    sleeve_id: UUID
    instrument_id: int


@dataclass(frozen=True, slots=True)
class LevelWishes:
    """What is wished: one price, or an offset from each account's own entry (− behind the position, + ahead of it), or neither: to remove it."""

    level: Level
    price: Decimal | None = None
    offset: Decimal | None = None

    @property
    def removes(self) -> bool:
        """Tell whether the level is to be taken away."""
        return self.price is None and self.offset is None


@dataclass(frozen=True, slots=True)
class LevelAnswer:
    """What became, or would become, of one account's level. before, after: its prices, None = no level."""

    account_id: UUID
    code: str
    name: str
    before: Decimal | None
    after: Decimal | None
    finding: LevelFinding
    outcome: ChangeOutcome

    @property
    def words(self) -> str:
        """Return the finding in plain words."""
        return WORDS[self.finding]

    @property
    def changes(self) -> bool:
        """Tell whether the account's level is another one than before."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class TargetAnswers:
    """The answers of one position, by account code; problem: why there are none."""

    target: LevelTarget
    symbol: str
    tick: Decimal
    answers: tuple[LevelAnswer, ...] = ()
    problem: str = ""


def plain_answers(one: TargetAnswers) -> dict[str, Any]:
    """Return the answers as plain values to keep."""
    return {
        "target": [one.target.strategy, str(one.target.sleeve_id), one.target.instrument_id],
        "symbol": one.symbol,
        "tick": str(one.tick),
        "problem": one.problem,
        "answers": [
            [str(a.account_id), a.code, a.name, _text(a.before), _text(a.after), a.finding.value, a.outcome.value] for a in one.answers
        ],
    }


def _text(price: Decimal | None) -> str | None:
    return None if price is None else str(price)


def answers_of(plain: Mapping[str, Any]) -> TargetAnswers:
    """Return what `plain_answers` made plain."""
    strategy, sleeve, instrument_id = plain["target"]
    answers = tuple(
        LevelAnswer(UUID(pk), code, name, _price(before), _price(after), LevelFinding(finding), ChangeOutcome(outcome))
        for pk, code, name, before, after, finding, outcome in plain["answers"]
    )
    return TargetAnswers(
        LevelTarget(strategy, UUID(sleeve), int(instrument_id)), plain["symbol"], Decimal(plain["tick"]), answers, plain["problem"]
    )


def _price(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
