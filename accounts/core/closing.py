"""Whether an account may be closed: nothing may stand in it, and its last evening must have been proved (ACC-2, REC-1).

Entry points: `Standing`, `obstacles`.
Invariants: 1. every reason is named, not the first alone; 2. closing never moves or forgives anything: what stands is sold, paid out, canceled or
resolved first; 3. the day of closing comes after the last booking, so that the evening of that booking is still valued and reconciled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from base.core.figures import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands in an account.

    positions: units by symbol; cash: settled by the day of closing, unsettled: later, accrued: not paid, each by currency; live_holds: orders that
    may still use cash or quantity; last_booked_on: the trade date of the last entry; others: what further apps know of, in words.
    """

    opened_on: date
    closed_on: date | None = None
    is_clearing: bool = False
    last_booked_on: date | None = None
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    cash: Mapping[str, Decimal] = field(default_factory=dict)
    unsettled: Mapping[str, Decimal] = field(default_factory=dict)
    accrued: Mapping[str, Decimal] = field(default_factory=dict)
    live_holds: int = 0
    others: tuple[str, ...] = ()


def obstacles(standing: Standing, *, on: date, today: date) -> tuple[tuple[str, str], ...]:
    """Return why the account cannot close on that day, as (field or "", words); empty when it can.

    >>> obstacles(Standing(opened_on=date(2026, 1, 5), cash={"USD": Decimal("12.50")}), on=date(2026, 3, 2), today=date(2026, 3, 2))
    (('', 'it holds 12.5 USD of cash: pay it out'),)
    """
    if standing.closed_on is not None:
        return (("", f"it is closed since {standing.closed_on}"),)
    if standing.is_clearing:
        return (("", "it is where the blocks of its connection rest: disable the connection instead"),)
    said = (
        (standing.positions, "it holds {}: sell or transfer them"),
        (standing.cash, "it holds {} of cash: pay it out"),
        (standing.unsettled, "{} has not settled: wait for it"),
        (standing.accrued, "{} is accrued and not paid: wait for it"),
    )
    found = [("", words.format(listed)) for amounts, words in said if (listed := _listed(amounts))]
    if standing.live_holds:
        holding = counted(standing.live_holds, "live order holds", "live orders hold")
        found.append(("", f"{holding} cash or units of it: cancel, or let them end"))
    return (*found, *(("", words) for words in standing.others), *(("closed_on", words) for words in _day(standing, on, today)))


def _day(standing: Standing, on: date, today: date) -> list[str]:
    found = []
    if on > today:
        found.append("an account is closed on a day that has come: what it will hold is not known before")
    if on < standing.opened_on:
        found.append(f"it was opened on {standing.opened_on} only")
    if standing.last_booked_on is not None and on <= standing.last_booked_on:
        first = standing.last_booked_on + timedelta(days=1)
        found.append(
            f"its last booking is of {standing.last_booked_on}: {first} at the earliest, so that evening is still valued and reconciled"
        )
    return found


def _listed(amounts: Mapping[str, Decimal], most: int = 5) -> str:
    rows = [f"{amount.normalize():,f} {unit}" for unit, amount in sorted(amounts.items()) if amount]
    return ", ".join(rows[:most]) + (f" and {len(rows) - most} more" if len(rows) > most else "")
