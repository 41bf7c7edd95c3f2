"""How old a break is, what that means, and when it closes an account to new risk (REC-4, REC-6).

Entry points: `age`, `severity`, `carry_over`, `Waiver`, `waive`, `waiver_holds`, `close_only`.
Invariants: 1. age counts business days, the predicate says which; 2. a break keeps its first day while its key comes back, whatever its
figures; 3. two people waive, never one, and a waiver ends by itself: at its expiry, or when the break's figures change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from base.core.ids import digest

from ..enums import BreakState, BreakType, ItemKind, Severity
from .breaks import Break

IsBusinessDay = Callable[[date], bool]
_DIFFERS = {
    ItemKind.POSITION: "position differs in",
    ItemKind.CASH_TD: "cash by trade date differs in",
    ItemKind.CASH_SD: "settled cash differs in",
    ItemKind.TRADE: "a trade differs in",
    ItemKind.FEE: "a fee or movement differs in",
    ItemKind.MARGIN: "margin differs in",
}
LONGEST_WAIT = 5  # business days a timing break may wait for its settle date


class UnableToWaive(Exception):
    """A waiver that is refused; `code` says why: SAME_PERSON, NO_REASON, NO_EXPIRY, TOO_LONG."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class OpenBreak:
    """A break with its first business date."""

    found: Break
    first_seen: date


@dataclass(frozen=True, slots=True)
class Waiver:
    """Leave to trade on in spite of one break, as it stood: bound to its content, with an end."""

    content: str
    requested_by: str
    approved_by: str
    reason: str
    approved_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CarryOver:
    """Yesterday's breaks against today's: those open now (old ones with their first day) and those gone."""

    open: tuple[OpenBreak, ...]
    gone: tuple[tuple[OpenBreak, BreakState], ...]


def age(first_seen: date, today: date, is_business_day: IsBusinessDay) -> int:
    """Return the business days after `first_seen` up to and including `today`.

    >>> age(date(2026, 3, 6), date(2026, 3, 9), lambda day: day.weekday() < 5)
    1
    """
    return sum(is_business_day(first_seen + timedelta(days=n)) for n in range(1, (today - first_seen).days + 1))


def ages_from(item: OpenBreak, is_business_day: IsBusinessDay) -> date:
    """Return the day from which a break ages: its first; for a timing break its settle date, LONGEST_WAIT business days on at most."""
    until = item.found.self_matches_on
    if item.found.type is not BreakType.SETTLE_DATE_TIMING or until is None:
        return item.first_seen
    latest, left = item.first_seen, LONGEST_WAIT
    while left and latest < until:
        latest += timedelta(days=1)
        left -= is_business_day(latest)
    return max(item.first_seen, min(until, latest))


def severity(item: OpenBreak, today: date, is_business_day: IsBusinessDay) -> Severity:
    """Return Info on the day, Warning after one business day, Critical after two (REC-6)."""
    days = age(ages_from(item, is_business_day), today, is_business_day)
    return Severity.INFO if days < 1 else Severity.WARNING if days < 2 else Severity.CRITICAL


def state(item: OpenBreak, today: date, waiver: Waiver | None, now: datetime, is_business_day: IsBusinessDay) -> BreakState:
    """Return WAITING, WAIVED or OPEN for a break that is still there."""
    if item.found.type is BreakType.SETTLE_DATE_TIMING and today < ages_from(item, is_business_day):
        return BreakState.WAITING
    return BreakState.WAIVED if waiver is not None and waiver_holds(waiver, item.found, now) else BreakState.OPEN


def carry_over(previous: Iterable[OpenBreak], found: Sequence[Break], today: date) -> CarryOver:
    """Match the open breaks of earlier runs with today's by key.

    An incomplete run proves nothing gone: hand in no earlier break of an account or section that today's run did not cover.
    A timing break that is gone matched itself; another one is gone because somebody or something resolved it.
    """
    waiting: defaultdict[tuple[str, ...], list[OpenBreak]] = defaultdict(list)
    for item in sorted(previous, key=lambda item: item.first_seen):
        waiting[item.found.key].append(item)
    still = []
    for entry in found:
        known = waiting[entry.key]
        still.append(OpenBreak(entry, known.pop(0).first_seen if known else today))
    gone = [
        (item, BreakState.SELF_MATCHED if item.found.type is BreakType.SETTLE_DATE_TIMING else BreakState.RESOLVED)
        for items in waiting.values()
        for item in items
    ]
    return CarryOver(tuple(still), tuple(gone))


def content_of(found: Break) -> str:
    """Return the hash a waiver binds to: what the break is about and its figures."""
    return digest([list(found.key), _text(found.ours), _text(found.theirs), _text(found.value_difference), found.material])


def waive(
    found: Break,
    *,
    requested_by: str,
    approved_by: str,
    reason: str,
    now: datetime,
    expires_at: datetime,
    longest: timedelta = timedelta(days=7),
) -> Waiver:
    """Return a waiver of one break as it stands. Raises UnableToWaive unless two people, a reason and an end within `longest` are given."""
    if not requested_by or not approved_by or requested_by == approved_by:
        raise UnableToWaive("SAME_PERSON")
    if not reason.strip():
        raise UnableToWaive("NO_REASON")
    if expires_at <= now:
        raise UnableToWaive("NO_EXPIRY")
    if expires_at - now > longest:
        raise UnableToWaive("TOO_LONG")
    return Waiver(content_of(found), requested_by, approved_by, reason.strip(), now, expires_at)


def waiver_holds(waiver: Waiver, found: Break, now: datetime) -> bool:
    """Tell whether a waiver covers this break now: not expired, same figures."""
    return waiver.approved_at <= now < waiver.expires_at and waiver.content == content_of(found)


def close_only(
    items: Iterable[OpenBreak],
    waivers: Sequence[Waiver],
    incomplete: Iterable[str],
    *,
    today: date,
    next_open: datetime,
    is_business_day: IsBusinessDay,
) -> dict[str, tuple[str, ...]]:
    """Return the accounts that are close-only from `next_open`, each with its reasons (REC-6, CON-5).

    A material break that is neither resolved nor waived past the open blocks, a timing break once its wait is over; so does an account
    nobody reported (`incomplete`). Call it again when something changes: an account that is no longer here may trade.
    """
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for account in incomplete:
        reasons[account].append("the custodian has not reported it")
    for item in items:
        found = item.found
        overdue = found.type is BreakType.SETTLE_DATE_TIMING and today > ages_from(item, is_business_day)
        if not (found.material or overdue) or any(waiver_holds(waiver, found, next_open) for waiver in waivers):
            continue
        reasons[found.account].append(f"{_DIFFERS[ItemKind(found.item)]} {found.symbol or found.currency}".strip())
    return {account: tuple(sorted(why)) for account, why in sorted(reasons.items())}


def _text(value: Any) -> str:
    return "" if value is None else str(value)
