"""Open risk of each account for the dashboard: what its positions lose down to their stops, or in the mandate's stress move (RSK-8b).

Entry point: `open_risk_of`.
Invariants: 1. a position that can be measured by neither makes its account's figure unknown, with the reason (CON-5). 2. integers throughout; each
position's loss is rounded up once, in the account's currency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np

from accounts.queries.columns import Ints
from accounts.queries.standing import Accounts, Standing
from accounts.queries.valuation import MISSING
from base.core.money import minor_exponent
from market import queries as market
from risk.core.exposure import open_risk

from ..queries.stops import StoppedPosition, stopped_positions

UNPRICED = "A holding has no price or rate"
UNMEASURED = "A position has no stop, and the mandate states no stress move"
_QUANTITY, _PRICE, _MILLION = 10**8, 10**10, 10**6


def open_risk_of(*, accounts: Accounts, standing: Standing, now: datetime) -> tuple[Ints, list[str]]:
    """Return open risk (int64[n], minor units of each account's currency, MISSING where unknown) and why it is unknown ("" where it is not)."""
    place = {raw: i for i, raw in enumerate(accounts.ids.tolist())}
    groups: dict[tuple[int, str, bool], list[tuple[int, StoppedPosition]]] = defaultdict(list)
    reasons = [""] * len(accounts.ids)
    for row in stopped_positions(accounts=accounts, now=now):
        i = place[row.account_id.bytes]
        if row.stop is None and row.stress is None:
            reasons[i] = reasons[i] or UNMEASURED
        groups[row.instrument_id, accounts.currencies[int(accounts.currency[i])], bool(accounts.paper[i])].append((i, row))
    total = np.zeros(len(accounts.ids), dtype=object)
    prices, rates = standing.prices, standing.rates.rate
    known = {one: at for at, one in enumerate(prices.ids.tolist())}
    multipliers = {pk: facts.multiplier for pk, facts in market.instruments({key[0] for key in groups}).items()} if groups else {}
    for (instrument_id, base, paper), rows in groups.items():
        at = known.get(instrument_id)
        worth = None if at is None else prices.worth[at]
        rate = None if at is None else rates.get((prices.currencies[int(prices.currency[at])], base, paper))
        if worth is None or rate is None:
            for i, _ in rows:
                reasons[i] = UNPRICED
            continue
        losses = _losses([row for _, row in rows], worth, multipliers[instrument_id], rate * 10 ** minor_exponent(base))
        for (i, _), loss in zip(rows, losses, strict=True):
            total[i] += loss
    unknown = np.array([bool(reason) for reason in reasons], np.bool_)
    return np.where(unknown, MISSING, total).astype(np.int64), reasons


def _losses(rows: Sequence[StoppedPosition], worth: Fraction, multiplier: Decimal, to_minor: Fraction) -> list[int]:
    """Return each position's loss in minor units of the account's currency, rounded up. worth: price × multiplier; to_minor: of one unit of the quote
    currency."""
    quantities = np.array([int(row.quantity * _QUANTITY) for row in rows], dtype=object)
    prices = np.array([int(worth * _PRICE)] * len(rows), dtype=object)
    stops = np.array([0 if row.stop is None else int(row.stop * multiplier * _PRICE) for row in rows], dtype=object)
    has_stop = np.array([row.stop is not None for row in rows], np.bool_)
    stress = np.array([int((row.stress or 0) * _MILLION) for row in rows], dtype=object)
    factor = to_minor / (_QUANTITY * _PRICE)
    found = open_risk(quantities, prices, stops, has_stop, stress)
    return [-(-int(loss) * factor.numerator // factor.denominator) for loss in found.tolist()]
