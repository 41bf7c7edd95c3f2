"""Curves of accounts and groups: taken anew once an evening, carried to now by the day's growth (RSK-9).

Entry points: `history_now`, `curves`, `group_history`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from accounts.queries.columns import SCALED, Ints, as_integers, as_uuids, fetch_row, places, uuid_literal
from accounts.queries.standing import exponents_of
from accounts.queries.valuation import MISSING
from base.core.money import minor_exponent

from ..models import AccountFigures, FigureTotals
from ..queries import figure_inputs as inputs
from ..queries.figure_history import History, history_of
from ..queries.figure_inputs import GROUP_KINDS
from .figure_work import UNIT, Floats, Work


def history_now(work: Work, forced: bool) -> History | None:
    """Return the curves if an evening has come that they do not know, or an account has none yet."""
    newest = inputs.last_evening(until=work.until)
    if newest is None:
        return None
    stored = FigureTotals.objects.filter(kind="FIRM").values_list("history_on", flat=True).first()
    new = AccountFigures.objects.count() < work.n
    if stored is not None and stored >= newest and not new and not forced:
        return None
    groups, names = _group_places(work)
    exponents = exponents_of(work.accounts.currencies)[work.accounts.currency]
    to_rate = np.array(
        [0.0 if missing else num / den for num, den, missing in zip(work.rates.num, work.rates.den, work.rates.missing, strict=True)]
    )
    return history_of(
        accounts=work.accounts,
        groups=groups,
        count=len(names),
        to_rate=to_rate[work.accounts.currency],
        minor=np.power(10.0, exponents).astype(np.float64),
        to_minor=10.0 ** minor_exponent(work.currency),
        until=work.until,
    )


def curves(work: Work, history: History | None) -> None:
    """RSK-9: the unit value now, from the last evening's and the growth since, reckoned as a day's return is (PRF-1)."""
    c = work.columns
    if history is not None:
        unit, peak = history.accounts.unit, history.accounts.peak
        c["unit"], c["peak"] = unit, peak
    else:
        unit, peak = _kept(work)
    known = (c["equity"] != MISSING) & (c["start"] != MISSING) & (c["flow"] != MISSING)
    equity, begin, flow = (np.where(known, c[name], 0).astype(np.float64) for name in ("equity", "start", "flow"))
    came = np.maximum(flow, 0.0)
    invested = begin + came
    growth = np.where(invested > 0, (equity - flow + came) / np.where(invested > 0, invested, 1.0), 1.0)
    level = unit * np.maximum(growth, 0.0)
    fall = 1.0 - level / np.maximum(peak, level)
    c["drawdown"] = np.where(known, np.rint(np.clip(fall, 0.0, 1.0) * UNIT), float(MISSING)).astype(np.int64)
    c["drawdown"][~known] = MISSING


_KEPT = f"""
SELECT string_agg(uuid_send(account_id), ''), string_agg({SCALED.format("unit")}, ''), string_agg({SCALED.format("peak")}, '')
FROM reporting_accountfigures WHERE account_id = ANY(%(ids)s::uuid[])
"""


def _kept(work: Work) -> tuple[Floats, Floats]:
    """Return each account's unit and peak as stored, 1 and 1 of one without."""
    row = fetch_row(_KEPT, {"ids": uuid_literal(work.accounts.ids)})
    at, known = places(work.accounts.ids, as_uuids(row[0]))
    unit, peak = np.ones(work.n), np.ones(work.n)
    unit[at[known]], peak[at[known]] = (as_integers(value)[known] / UNIT for value in row[1:])
    return unit, peak


def group_history(work: Work, history: History) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what totals keep of their curves, by (kind, label)."""
    _, names = _group_places(work)
    newest = inputs.last_evening(until=work.until)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for place, name in enumerate(names):
        unit, peak = float(history.groups.unit[place]), float(history.groups.peak[place])
        found[name] = {"unit": unit, "peak": peak, "points": history.group_points[place].tolist(), "history_on": newest, "curve": {}}
    found["FIRM", ""]["curve"] = {
        "days": [day.isoformat() for day in history.days],
        "equity": [round(value, 2) for value in history.equity],
        "drawdown": [round(value, 6) for value in history.drawdown],
    }
    return found


def _group_places(work: Work) -> tuple[Ints, list[tuple[str, str]]]:
    """Return int64[k, n], the groups each account is counted in, and the (kind, label) of each group; the first is the firm."""
    names: list[tuple[str, str]] = [("FIRM", "")]
    rows = [np.zeros(work.n, np.int64)]
    for kind in GROUP_KINDS:
        legend, place = np.unique(np.array(work.facts.labels[kind], dtype=np.str_), return_inverse=True)
        rows.append(place.astype(np.int64) + len(names))
        names += [(kind, label) for label in legend.tolist()]
    return np.array(rows), names
