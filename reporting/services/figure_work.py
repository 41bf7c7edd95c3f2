"""What one refresh of the figures works on: the accounts with what they hold, prices, rates, and the columns found so far.

Entry points: `Work`, `gathered`; `plus`, `ratio` and `micros` of columns.

Invariant: money is int64 in minor units of the account's or the reporting currency; what is unknown is MISSING, in every sum of it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts.core.scaled import EXPONENT
from accounts.queries.columns import NO_ID, Ints
from accounts.queries.flows import flows_until
from accounts.queries.standing import Accounts, Standing, exponents_of, position_values, standing_of
from accounts.queries.valuation import MISSING, convert
from base.core.money import minor_exponent
from market import queries as market
from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from ..queries import figure_inputs as inputs
from ..queries.figure_inputs import AccountFacts

UNIT = 10**8  # of ratios
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Work:
    """One refresh. Money: int64[n], minor units of the account's or (…_to) the reporting currency, MISSING where unknown."""

    accounts: Accounts
    facts: AccountFacts
    currency: str
    now: datetime
    until: date
    standing: Standing
    values: Ints
    rates: Any
    columns: dict[str, Any]

    @property
    def n(self) -> int:
        return len(self.accounts.ids)

    def to(self, minor: Ints) -> Ints:
        """Return amounts of the accounts' currencies in the reporting currency, rounded once."""
        found = np.full(self.n, MISSING)
        for place, name in enumerate(self.accounts.currencies):
            rows = np.flatnonzero((self.accounts.currency == place) & (minor != MISSING))
            if len(rows) and not self.rates.missing[place]:
                rate = fraction(self.rates, place)
                found[rows] = convert(minor[rows], rate * 10 ** (EXPONENT - minor_exponent(name)), self.currency)
        return found


def gathered(accounts: Accounts, currency: str, now: datetime) -> Work:
    """Read all that the figures of these accounts are made of, at `now`."""
    until = last_reset(now, RESET_ZONE).date()
    flows = flows_until(accounts=accounts, as_of=until + timedelta(days=1))
    standing = standing_of(accounts=accounts, sleeve_id=UUID(bytes=NO_ID), also=flows.instruments, now=now)
    values = position_values(accounts, standing.holdings, standing.prices, standing.rates)
    rates = market.fx_ratios(currencies=list(accounts.currencies), to=currency, now=now, max_age=market.FIXING_MAX_AGE)
    facts = inputs.facts_of(accounts=accounts, on=now.date())
    work = Work(accounts, facts, currency, now, until, standing, values, rates, {})
    flow, unknown = flows.worth(accounts, now)
    evening, day = inputs.day_starts(accounts=accounts, until=until)
    scale = 10 ** (EXPONENT - exponents_of(accounts.currencies))[accounts.currency]
    fresh = evening == MISSING  # its flows are its start: there is nothing before them to compare with
    start = np.where(fresh, flow, evening // scale)
    work.columns |= {
        "start": np.where(unknown, MISSING, start),
        "flow": np.where(unknown, MISSING, np.where(fresh, 0, flow)),
        "evening": day,
        "scale": scale,
    }
    return work


def fraction(rates: Any, place: int) -> Fraction:
    """Return the rate into the reporting currency of the currency at this place."""
    return Fraction(int(rates.num[place]), int(rates.den[place]))


def plus(a: Ints, b: Ints, missing: Bools | None = None) -> Ints:
    """Return a + b, MISSING where one is (or where `missing` says)."""
    unknown = (a == MISSING) | (b == MISSING) if missing is None else missing
    return np.where(unknown, MISSING, np.where(unknown, 0, a) + np.where(unknown, 0, b))


def ratio(top: Ints, bottom: Ints) -> Ints:
    """Return top / bottom in 10⁻⁸, MISSING where one is, or there is nothing to divide by."""
    unknown = (top == MISSING) | (bottom == MISSING) | (bottom <= 0)
    quotient = np.where(unknown, 0.0, top) / np.where(unknown, 1.0, bottom)
    return np.where(unknown | (np.abs(quotient) > 1e9), MISSING, np.rint(np.clip(quotient, -1e9, 1e9) * UNIT)).astype(np.int64)


def micros(instant: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
