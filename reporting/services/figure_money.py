"""The money figures of accounts: equity, gains, exposure, margin (ACC-3, ACC-7, ACC-10, RSK-8).

Entry points: `money`, `margin`, `sectors`; each fills columns of a `Work` or reads them.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np

from accounts.core.margin import FX, OTHER, SHARE, MarginPositions, margin_used
from accounts.core.scaled import EXPONENT
from accounts.queries.columns import Ints
from accounts.queries.gains import open_gains, realised_gains
from accounts.queries.valuation import MISSING, beyond, convert
from base.core.money import minor_exponent
from market import queries as market
from market.enums import InstrumentKind

from ..queries.figure_charts import sector_of
from .figure_work import Work, fraction, plus, ratio

_KIND = {InstrumentKind.EQUITY: SHARE, InstrumentKind.ETF: SHARE, InstrumentKind.FX: FX}


def money(work: Work) -> None:
    """ACC-3, and the day's and the open gain; a gain is a difference of rounded figures, so that parts add up."""
    c, standing = work.columns, work.standing
    open_, unknown_open = open_gains(accounts=work.accounts, now=work.now)
    realised, unknown_realised = realised_gains(accounts=work.accounts, since=work.until + timedelta(days=1), now=work.now)
    c["equity"] = np.where(beyond(standing.equity, c["scale"]), MISSING, standing.equity)
    c["day_start"] = plus(c["start"], c["flow"])
    c["equity_to"], c["start_to"], c["flow_to"] = work.to(c["equity"]), work.to(c["day_start"]), work.to(c["flow"])
    c["day_pnl"] = plus(c["equity_to"], -c["start_to"], missing=(c["equity_to"] == MISSING) | (c["start_to"] == MISSING))
    c["day_rate"] = ratio(c["day_pnl"], c["start_to"])
    c["day_loss"] = np.where(c["day_pnl"] == MISSING, MISSING, np.maximum(-c["day_pnl"], 0))
    c["open_pnl_own"] = np.where(unknown_open, MISSING, open_)
    c["open_pnl"] = work.to(c["open_pnl_own"])
    c["realised"] = work.to(np.where(unknown_realised, MISSING, realised))
    gross, net, unvalued = np.zeros(work.n, np.int64), np.zeros(work.n, np.int64), np.zeros(work.n, np.bool_)
    account, valued = standing.holdings.account, work.values != MISSING
    np.add.at(gross, account[valued], np.abs(work.values[valued]))
    np.add.at(net, account[valued], work.values[valued])
    unvalued[account[~valued]] = True
    c["gross"], c["net"] = work.to(np.where(unvalued, MISSING, gross)), work.to(np.where(unvalued, MISSING, net))
    c["positions"] = np.bincount(account[standing.holdings.quantity != 0], minlength=work.n).astype(np.int64)


def margin(work: Work) -> None:
    """ACC-7, ACC-10: maintenance margin, and its share of equity (the inverse of RSK-8's level)."""
    holdings, prices = work.standing.holdings, work.standing.prices
    known = market.instruments(prices.ids.tolist())
    kind = np.array([_KIND.get(InstrumentKind(known[one].kind), OTHER) for one in prices.ids.tolist()], np.int8)
    place = np.searchsorted(prices.ids, holdings.instrument)
    per_share = _per_share(work, place)
    unvalued = work.values == MISSING
    positions = MarginPositions(
        holdings.account, kind[place] if len(place) else np.zeros(0, np.int8), np.where(unvalued, 0, work.values), per_share
    )
    used, silent = margin_used(positions, work.facts.terms)
    asked = np.array([one is not None for one in work.facts.terms], np.bool_)
    blind = np.zeros(work.n, np.bool_)
    blind[holdings.account[unvalued]] = True
    reasons = list(work.facts.margin_reason)
    for i in np.flatnonzero(asked & (silent | blind)).tolist():
        reasons[i] = "A holding has no price or rate" if blind[i] else "A holding has no margin rate on record"
    work.columns["margin_used"] = np.where(asked & ~silent & ~blind, used, MISSING)
    work.columns["margin_rate"] = ratio(work.columns["margin_used"], work.columns["equity"])
    work.columns["margin_reason"] = reasons
    work.columns["symbols"] = {one: known[one].symbol for one in prices.ids.tolist()}


def _per_share(work: Work, place: Ints) -> Ints:
    """Return the least maintenance of each short position: $5 a share, or what the house asks."""
    accounts, holdings, prices = work.accounts, work.standing.holdings, work.standing.prices
    found = np.zeros(len(place), np.int64)
    for row in np.flatnonzero(holdings.quantity < 0).tolist():
        account = int(holdings.account[row])
        terms, base = work.facts.terms[account], accounts.currencies[int(accounts.currency[account])]
        rate = work.standing.rates.rate.get((prices.currencies[int(prices.currency[place[row]])], base, bool(accounts.paper[account])))
        if terms is not None and rate is not None:
            found[row] = convert(-holdings.quantity[row : row + 1], Fraction(terms.short_per_share) * rate, base)[0]
    return found


def sectors(work: Work) -> list[list[Any]]:
    """Return [sector, long, short] of the firm in minor units of the reporting currency, the largest first."""
    holdings, prices = work.standing.holdings, work.standing.prices
    known = market.instruments(prices.ids.tolist())
    per_position = np.zeros(len(work.values), np.int64)
    for place, name in enumerate(work.accounts.currencies):
        rows = np.flatnonzero((work.accounts.currency[holdings.account] == place) & (work.values != MISSING))
        if len(rows) and not work.rates.missing[place]:
            per_position[rows] = convert(
                work.values[rows], fraction(work.rates, place) * 10 ** (EXPONENT - minor_exponent(name)), work.currency
            )
    sums: dict[str, list[int]] = {}
    for one in prices.ids.tolist():
        value = int(per_position[holdings.instrument == one].sum())
        side = sums.setdefault(sector_of(known[one]), [0, 0])
        side[0 if value >= 0 else 1] += value
    ranked = sorted(((name, long, short) for name, (long, short) in sums.items()), key=lambda row: row[2] - row[1])
    return [list(row) for row in ranked if row[1] or row[2]]
