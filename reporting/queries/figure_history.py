"""The curves behind the dashboard: unit values and the last evenings' equity, of accounts and of groups of them (RSK-9).

Entry points: `History`, `history_of`.
Invariants: 1. a group's curve is that of its summed equity; an account that joins brings its first equity in as a flow. 2. amounts of other
currencies count at one rate throughout, so that a move of the reporting currency alone is no drawdown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from accounts.queries.columns import DAY, SCALED, Ints, as_integers, as_uuids, fetch_row, fetch_rows, places
from accounts.queries.standing import Accounts
from accounts.queries.valuation import MISSING
from risk.core.unit_curves import UnitState, advance, drawdown_now, group_days, start

EVENINGS = 29
QUARTER = 64
_EPOCH = date(1970, 1, 1)
Floats = NDArray[np.float64]
_MONTHS = "SELECT DISTINCT date_trunc('month', as_of)::date FROM accounts_equitysnapshot WHERE as_of <= %(until)s ORDER BY 1"
_DAYS = f"""
SELECT string_agg(uuid_send(account_id), ''), string_agg({DAY.format("as_of")}, ''), string_agg({SCALED.format("equity")}, ''),
    string_agg({SCALED.format("external_flow")}, '')
FROM accounts_equitysnapshot WHERE as_of >= %(from)s AND as_of < %(to)s AND as_of <= %(until)s
"""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """of accounts (n) and groups (g; amounts in the reporting currency). until: n days, MISSING without a valuation.

    points: int64[n, EVENINGS], minor units, MISSING before the first; group_points likewise. curve: days, equity and drawdown of group 0.
    """

    accounts: UnitState
    until: Ints
    points: Ints
    groups: UnitState
    group_points: Ints
    days: list[date]
    equity: list[float]
    drawdown: list[float]


def history_of(*, accounts: Accounts, groups: Ints, count: int, to_rate: Floats, minor: Floats, to_minor: float, until: date) -> History:
    """Return the curves up to an evening, month by month.

    groups: int64[k, n], the k groups an account is counted in, group 0 being the firm. to_rate: float64[n], reporting currency for one unit
    of the account's. minor, to_minor: minor units in one unit of a currency.
    """
    n = len(accounts.ids)
    state, summed = start(n), start(count)
    last_day = np.full(n, MISSING)
    points: list[Floats] = []
    group_points: list[Floats] = []
    days: list[date] = []
    equity: list[float] = []
    falls: list[float] = []
    for (month,) in fetch_rows(_MONTHS, {"until": until}):
        for day, at, worth, flow in _evenings(accounts, month, until):
            new, valued = np.zeros(n), np.zeros(n, np.bool_)
            came = np.zeros(n)
            new[at], came[at], valued[at] = worth, flow, True
            joined = valued & ~state.known
            state = advance(state, new, came, valued)
            last_day[valued] = day
            inflow = np.where(joined, new, came) * to_rate
            level = np.where(state.known, state.last, 0.0) * to_rate
            tiled = np.tile(level, len(groups))
            flows = np.tile(inflow, len(groups))
            moved = group_days(groups.ravel(), count, np.tile(valued.astype(np.float64), len(groups))) > 0
            summed = advance(summed, group_days(groups.ravel(), count, tiled), group_days(groups.ravel(), count, flows), moved)
            points = [*points, np.where(state.known, state.last, np.nan)][-EVENINGS:]
            group_points = [*group_points, np.where(summed.known, summed.last, np.nan)][-EVENINGS:]
            days = [*days, _EPOCH + timedelta(days=day)][-QUARTER:]
            equity = [*equity, float(summed.last[0])][-QUARTER:]
            falls = [*falls, float(drawdown_now(summed)[0])][-QUARTER:]
    return History(
        state, last_day, _stacked(points, n, minor), summed, _stacked(group_points, count, np.full(count, to_minor)), days, equity, falls
    )


def _evenings(accounts: Accounts, month: date, until: date) -> list[tuple[int, Ints, Floats, Floats]]:
    """Return (day, places of accounts, equity, flow) for each evening of a month."""
    after = (month + timedelta(days=32)).replace(day=1)
    row = fetch_row(_DAYS, {"from": month, "to": after, "until": until})
    at, known = places(accounts.ids, as_uuids(row[0]))
    day, worth, flow = (as_integers(value)[known] for value in row[1:])
    at = at[known]
    order = np.argsort(day, kind="stable")
    at, day = at[order], day[order]
    level, came = worth[order] / 1e8, flow[order] / 1e8
    cuts = np.flatnonzero(np.diff(day)) + 1
    parts = zip(np.split(day, cuts), np.split(at, cuts), np.split(level, cuts), np.split(came, cuts), strict=True)
    return [(int(d[0]), a, w, f) for d, a, w, f in parts if len(d)]


def _stacked(points: list[Floats], n: int, minor: Floats) -> Ints:
    """Return int64[n, EVENINGS] in minor units, MISSING where there is nothing."""
    table = np.full((n, EVENINGS), MISSING)
    if points:
        values = np.column_stack(points) * minor[:, None]
        known = np.isfinite(values)
        table[:, EVENINGS - len(points) :] = np.where(known, np.rint(np.nan_to_num(values)), float(MISSING)).astype(np.int64)
        table[:, EVENINGS - len(points) :][~known] = MISSING
    return table
