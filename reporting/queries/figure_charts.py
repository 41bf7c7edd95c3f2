"""What lies below the accounts dashboard: the summed curve and the sectors of the accounts in sight.

Entry points: `curve_of`, `sectors_of`, `sector_of`. Inside the caller's tenancy block.
Invariant: stored figures are shown only where the person sees every account in them; else they are worked out from the accounts in sight alone.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from django.db import connection

from accounts.queries.arrays import open_accounts_on
from accounts.queries.columns import uuid_literal
from accounts.queries.standing import exponents_of
from accounts.queries.valuation import prices_of
from base.core.money import minor_exponent
from market import queries as market
from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from .figure_history import history_of
from .figures import Sight, selected_ids, totals_of

MOST_CURVES = 2_000


def curve_of(sight: Sight, *, now: datetime) -> dict[str, list[Any]]:
    """Return days, equity (reporting currency) and drawdown of the summed curve in sight; empty lists of more than `MOST_CURVES` accounts.

    As stored where the sight is whole; else from the evenings of the accounts in sight, with what a stored total keeps of its curve: `points`,
    `unit` and `peak`. Source: RSK-9.
    """
    totals = totals_of(sight)
    if totals is None:
        return {"days": [], "equity": [], "drawdown": []}
    if totals.stored is not None:
        return dict(totals.stored.curve)
    kept = list(sight.rows().order_by("account_id").values_list("account_id", "rate", "currency")[: MOST_CURVES + 1])
    if len(kept) > MOST_CURVES or not kept:
        return {"days": [], "equity": [], "drawdown": []}
    found = open_accounts_on(account_ids=[row[0] for row in kept], on=now.date())
    rates = {row[0].bytes: float(row[1] or 0) for row in kept}
    history = history_of(
        accounts=found,
        groups=np.zeros((1, len(found.ids)), np.int64),
        count=1,
        to_rate=np.array([rates[one] for one in found.ids.tolist()]),
        minor=np.power(10.0, exponents_of(found.currencies)[found.currency]).astype(np.float64),
        to_minor=10.0 ** minor_exponent(totals.currency),
        until=last_reset(now, RESET_ZONE).date(),
    )
    kept_of_it = {"points": history.group_points[0].tolist(), "unit": [history.groups.unit[0]], "peak": [history.groups.peak[0]]}
    return {"days": [day.isoformat() for day in history.days], "equity": history.equity, "drawdown": history.drawdown, **kept_of_it}


_HELD = """
SELECT p.instrument_id, sum(p.quantity) FROM accounts_position p
WHERE p.quantity <> 0 AND p.account_id = ANY(%(ids)s::uuid[]) GROUP BY 1
"""


def sectors_of(sight: Sight, *, now: datetime) -> list[tuple[str, Decimal, Decimal]]:
    """Return (sector, long, short) in sight, each instrument netted over the accounts, the largest first; what has no price is left out."""
    totals = totals_of(sight)
    if totals is None:
        return []
    exponent = minor_exponent(totals.currency)
    if totals.stored is not None:
        return [(name, Decimal(long).scaleb(-exponent), Decimal(short).scaleb(-exponent)) for name, long, short in totals.stored.sectors]
    ids = np.frombuffer(b"".join(one.bytes for one in selected_ids(sight)), "V16")
    with connection.cursor() as cursor:
        cursor.execute(_HELD, {"ids": uuid_literal(ids) if len(ids) else "{}"})
        held = dict(cursor.fetchall())
    facts, prices = market.instruments(list(held)), prices_of(instrument_ids=list(held), now=now)
    rates = market.fx_ratios(currencies=list(prices.currencies), to=totals.currency, now=now, max_age=market.FIXING_MAX_AGE)
    sums: dict[str, list[Fraction]] = {}
    for at, one in enumerate(prices.ids.tolist()):
        place, worth = int(prices.currency[at]), prices.worth[at]
        if worth is not None and not rates.missing[place]:
            value = Fraction(held[one]) * worth * Fraction(int(rates.num[place]), int(rates.den[place]))
            sums.setdefault(sector_of(facts[one]), [Fraction(0), Fraction(0)])[0 if value >= 0 else 1] += value
    ranked = sorted(sums.items(), key=lambda row: row[1][1] - row[1][0])
    return [(name, _decimal(long), _decimal(short)) for name, (long, short) in ranked]


def sector_of(instrument: Any) -> str:
    """Return the sector an instrument is shown under: its own, or what kind of thing it is."""
    return str(instrument.sector or str(instrument.kind).replace("_", " ").capitalize())


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
