"""What a firm decides in its past, drawn from a seed before the first day is lived. Pure.

Entry points: `story_of`, `Decision`, `Event`.
Invariant: the same sessions and seed tell the same story, whatever the day on which it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from random import Random

from allocation.enums import SizingMethod

from .northlight import CLOSED_BY_A_BREAK, HELD_BY_A_CORRECTION, NORTHLIGHT, WITHOUT_AUTHORITY
from .plans import CRYPTO, EQUITY, FX

CORE = (
    *("ALDER", "CEDAR", "BIRCH", "FABLE", "DUNE", "INLET", "MESA", "HAVEN"),
    *("LARCH", "EMBER", "GROVE", "JUNIP", "KNOLL", "QUARRY", "TOTL", "BRDX"),
)
PAIRS, COINS = ("EURUSD", "GBPUSD"), ("BTCUSD", "ETHUSD")
ABROAD = {"RHEIN": ("GE-04",), "SEINE": ("GE-04",), "TRENT": ("GE-06",)}
SYMBOLS = (*CORE, "XYZ", "ABC", "QRS", *ABROAD, *PAIRS, *COINS)
_BUILD_A_DAY = 2


class What(StrEnum):
    """Something that happens beside the decisions."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    FEES = "fees"
    MISSTATE_CASH = "misstate_cash"
    CORRECT_CASH = "correct_cash"
    MISSTATE_POSITION = "misstate_position"
    RESTRICT = "restrict"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Decision:
    """A signal: `figure` in the unit of its method; only: the accounts it names, empty for all that follow the strategy."""

    day: date
    number: int
    strategy: str
    symbol: str
    method: SizingMethod
    figure: Decimal
    only: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return its idempotency key."""
        return f"{self.day}-{self.number}"


@dataclass(frozen=True, slots=True)
class Event:
    """`account`: whom it concerns, "" for all. amount: money in the account's own currency, or a quantity."""

    day: date
    what: What
    account: str = ""
    amount: Decimal = Decimal(0)
    item: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is going to happen, by day."""

    decisions: dict[date, tuple[Decision, ...]]
    events: dict[date, tuple[Event, ...]]


def story_of(sessions: Sequence[date], seed: int) -> Story:
    """Return the story of these sessions, the first of which only opens the accounts."""
    draw = Random(seed)  # noqa: S311 - a reproducible story, not a secret
    decisions: dict[date, list[Decision]] = {day: [] for day in sessions}
    weights: dict[str, Decimal] = {}
    building = [*CORE]
    for number, day in enumerate(sessions[1:]):
        for symbol in building[:_BUILD_A_DAY]:
            weights[symbol] = Decimal(draw.choice(("0.044", "0.048", "0.052", "0.056")))
            _decide(decisions, day, EQUITY, symbol, weights[symbol])
        building = building[_BUILD_A_DAY:]
        if number >= 1:
            _week(decisions, day, number, weights, draw)
    return Story({day: tuple(found) for day, found in decisions.items()}, _events(sessions, draw))


def _week(decisions: dict[date, list[Decision]], day: date, number: int, weights: dict[str, Decimal], draw: Random) -> None:
    """Add what the calendar brings: currencies and coins every few weeks, shares twice a week, something unusual each month."""
    if number % 10 == 1:
        _decide(decisions, day, FX, draw.choice(PAIRS), Decimal(draw.choice(("0", "0.08", "0.15", "0.22", "0.3"))))
    if number % 15 == 2:
        _decide(decisions, day, CRYPTO, draw.choice(COINS), Decimal(draw.choice(("0.05", "0.1", "0.16", "0.22"))))
    if number % 5 in {1, 3} and len(weights) > 8:
        symbol = draw.choice(sorted(weights))
        if draw.random() < 0.12:
            _decide(decisions, day, EQUITY, symbol, Decimal(draw.choice(("0.3", "0.5"))), SizingMethod.CLOSE)
            weights[symbol] = Decimal("0.02")
        else:
            change = Decimal(draw.choice(("-0.012", "-0.008", "0.006", "0.01", "0.012")))
            most = Decimal("0.06") if draw.random() < 0.94 else Decimal("0.072")  # now and then more than some accounts may hold
            weights[symbol] = min(max(weights[symbol] + change, Decimal("0.01")), most)
            _decide(decisions, day, EQUITY, symbol, weights[symbol] if most == Decimal("0.06") else most)
    if number % 21 == 8:
        symbol = draw.choice(sorted(ABROAD))
        _decide(decisions, day, EQUITY, symbol, Decimal(draw.choice(("0.02", "0.03", "0.04"))), only=ABROAD[symbol])
    if number % 42 == 15:
        _decide(decisions, day, EQUITY, draw.choice(("XYZ", "ABC", "QRS")), Decimal(draw.choice(("0", "0.004", "0.006"))))


def _decide(
    decisions: dict[date, list[Decision]],
    day: date,
    strategy: str,
    symbol: str,
    figure: Decimal,
    method: SizingMethod = SizingMethod.TARGET_WEIGHT,
    only: tuple[str, ...] = (),
) -> None:
    if all(one.symbol != symbol for one in decisions[day]):
        decisions[day].append(Decision(day, len(decisions[day]), strategy, symbol, method, figure, only))


def _events(sessions: Sequence[date], draw: Random) -> dict[date, tuple[Event, ...]]:
    last = len(sessions) - 1
    found: dict[date, list[Event]] = {day: [] for day in sessions}
    clients = NORTHLIGHT.accounts
    for before, day in pairwise(sessions[1:]):
        if day.month != before.month:
            client = draw.choice(clients)
            share = Decimal(draw.randrange(8, 30)).scaleb(-3)
            amount = round(Decimal(client.cash[client.currency]) * share, -2)
            what = What.WITHDRAWAL if draw.random() < 0.3 else What.DEPOSIT
            found[day].append(Event(day, what, client.code, amount))
            if day.month in {1, 4, 7, 10}:
                found[day].append(Event(day, What.FEES))
    once = (
        (last * 7 // 20, Event(sessions[0], What.MISSTATE_CASH, HELD_BY_A_CORRECTION, Decimal("-4800.00"), "USD")),
        (last * 7 // 20 + 2, Event(sessions[0], What.CORRECT_CASH, HELD_BY_A_CORRECTION, Decimal("4800.00"), "USD")),
        (last * 12 // 20, Event(sessions[0], What.RESTRICT, item="GROVE")),
        (last - 8 if last > 12 else last, Event(sessions[0], What.REVOKE, WITHOUT_AUTHORITY)),
        (last - 3 if last > 12 else last - 1, Event(sessions[0], What.MISSTATE_POSITION, CLOSED_BY_A_BREAK, Decimal(-60), CORE[0])),
    )
    for place, event in once:
        if 0 < place <= last:
            found[sessions[place]].append(Event(sessions[place], event.what, event.account, event.amount, event.item))
    return {day: tuple(events) for day, events in found.items()}
