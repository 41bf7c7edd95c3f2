"""The valued days of an account from its equity snapshots, joined to what the statement proves.

Entry point: `valued_days`. Errors: `UnableToState` EQUITY_DIFFERS.
Invariants:
1. The first day of the period begins at the statement's opening, the last ends at its closing, and the flows between are its flows.
2. A flow booked late, for a day that had been valued, moves with the first snapshot that holds it: that day's change is no gain.
3. A snapshot taken at either end agrees with the statement to what rounding explains; the statement, rounded part by part, is kept. One that
   later bookings have overtaken gives way to it.
4. What was booked late for a day before the period is in the opening: it flowed by then, and the evenings that lacked it say nothing of gains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from base.core.money import minor_unit
from reporting.core.books import ZERO, Snapshot
from reporting.core.performance import ValuedDay
from reporting.core.statement import Statement
from reporting.core.statement_inputs import Transaction
from reporting.core.statement_proofs import UnableToState

_RATE_ERROR = Decimal("1e-7")


def valued_days(
    statement: Statement, snapshots: Sequence[Snapshot], fees: Mapping[date, Decimal], late: Sequence[Transaction] = ()
) -> tuple[ValuedDay, ...]:
    """Return the account's valued days up to the end of the period; none where nothing was ever snapshot.

    snapshots: in order of date. fees: management and performance fees charged, ≥ 0, by day, base currency. late: flows dated before the period
    that the last snapshot before it does not hold.
    Raises UnableToState EQUITY_DIFFERS if a snapshot at either end is not the statement's value, and no later booking explains it.
    """
    i, bridge = statement.inputs, statement.bridge
    before, end = i.period_start - timedelta(days=1), i.period_end
    if not any(s.as_of <= end for s in snapshots):
        return ()
    flows: dict[date, Decimal] = {s.as_of: s.external_flow for s in snapshots if s.as_of <= before}

    def move(when: date, amount: Decimal) -> None:
        flows[when] = flows.get(when, ZERO) + amount

    for t in statement.flows:
        move(min(_held_from(t, snapshots), end), _worth(t))
    within = [s for s in snapshots if before < s.as_of <= end]
    first = within[0].as_of if within else end
    for t in late:
        move(before, _worth(t))
        held_from = min(_held_from(t, within), end)
        if held_from > first:
            move(first, -_worth(t))
            move(held_from, _worth(t))
    known = {s.as_of: s for s in snapshots if s.as_of <= end}
    worth = {when: s.equity for when, s in known.items()}
    for when, proved in ((before, bridge.opening), (end, bridge.closing)):
        _agree(statement, known.get(when), proved)
        worth[when] = proved
    points = sorted(worth)
    paid = flows.get(points[0], ZERO)
    days = [ValuedDay(points[0], ZERO, worth[points[0]], paid)] if paid > 0 else []
    for earlier, day in pairwise(points):
        moved = [amount for when, amount in flows.items() if earlier < when <= day]
        inflow, outflow = sum((a for a in moved if a > 0), ZERO), -sum((a for a in moved if a < 0), ZERO)
        charged = sum((amount for when, amount in fees.items() if earlier < when <= day), ZERO)
        days.append(ValuedDay(day, worth[earlier], worth[day], inflow, outflow, charged))
    return tuple(days)


def _worth(t: Transaction) -> Decimal:
    return t.amount_base + t.in_kind_value_base


def _held_from(t: Transaction, snapshots: Sequence[Snapshot]) -> date:
    """Return the day whose value first holds a flow: its own, or for one booked late the first that was valued afterwards."""
    of_its_day = [s for s in snapshots if s.as_of >= t.booked_date]
    if not of_its_day or of_its_day[0].holds(t.booked_date, t.recorded_at):
        return t.booked_date
    return next((s.as_of for s in of_its_day if s.holds(t.booked_date, t.recorded_at)), date.max)


def _agree(statement: Statement, snapshot: Snapshot | None, proved: Decimal) -> None:
    if snapshot is None or snapshot.is_overtaken:
        return
    parts = len(statement.inputs.opening_positions) + len(statement.holdings) + len(statement.cash) + len(statement.inputs.accruals)
    allowed = parts * minor_unit(statement.inputs.account.base_currency) + abs(proved) * _RATE_ERROR
    if abs(snapshot.equity - proved) > allowed:
        raise UnableToState("EQUITY_DIFFERS", date=snapshot.as_of, snapshot=snapshot.equity, stated=proved)
