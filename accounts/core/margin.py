"""What margin accounts must keep, one by one and as arrays (ACC-7, ACC-10).

Entry points: `reg_t`, `fx_margin`, `fx_leverage` for one account; `MarginTerms`, `margin_used` for thousands.

Invariants: 1. what the rules say nothing of (a short below $5, an instrument without a rate) has no margin at all, rather than a guess
(CON-5). 2. arrays are summed in whole minor units and rounded once an account, half-up (CON-1). 3. rates are data: house rates override.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..enums import LeverageRule

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
SHARE, FX, OTHER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class MarginTerms:
    """Rates of market value (0.25 = 25%), short ones besides the proceeds. short_per_share: least maintenance of a short share, and the
    price below which nothing is said. leverage: notional ÷ margin of FX, None where none is traded on margin."""

    long_initial: Decimal = Decimal("0.50")
    long_maintenance: Decimal = Decimal("0.25")
    short_initial: Decimal = Decimal("0.50")
    short_maintenance: Decimal = Decimal("0.30")
    short_per_share: Decimal = Decimal(5)
    leverage: Decimal | None = None


REG_T = MarginTerms()


@dataclass(frozen=True, slots=True)
class RegT:
    """initial, maintenance: what the holdings need; excesses: equity above it. call_at: long market value at which a call comes."""

    initial: Fraction
    maintenance: Fraction
    initial_excess: Fraction
    maintenance_excess: Fraction
    buying_power: Fraction
    call_at: Fraction | None


def reg_t(*, equity: Decimal, long_value: Decimal, debit: Decimal, short_value: Decimal = Decimal(0), terms: MarginTerms = REG_T) -> RegT:
    """Return a Reg T account's requirements, buying power 2 × (E − initial) and call level debit ÷ (1 − maintenance).

    short_value: absolute, of shares at or above $5, where 30% exceeds $5 a share.

    >>> found = reg_t(equity=Decimal(60_000), long_value=Decimal(80_000), debit=Decimal(20_000))
    >>> int(found.initial_excess), int(found.buying_power), int(found.maintenance_excess), round(float(found.call_at), 2)
    (20000, 40000, 40000, 26666.67)

    Source: ACC-7.
    """
    if min(long_value, short_value, debit) < 0:
        raise ValueError("values and debit are absolute amounts")
    longs, shorts = Fraction(long_value), Fraction(short_value)
    initial = longs * Fraction(terms.long_initial) + shorts * Fraction(terms.short_initial)
    maintenance = longs * Fraction(terms.long_maintenance) + shorts * Fraction(terms.short_maintenance)
    excess = Fraction(equity) - initial
    call_at = Fraction(debit) / (1 - Fraction(terms.long_maintenance)) if debit and terms.long_maintenance < 1 else None
    return RegT(initial, maintenance, excess, Fraction(equity) - maintenance, max(2 * excess, Fraction(0)), call_at)


def fx_margin(notional: Decimal, leverage: Decimal) -> Fraction:
    """Return notional (account currency) ÷ leverage.

    >>> round(float(fx_margin(Decimal("108500.00"), Decimal(30))), 2), float(fx_margin(Decimal("108500.00"), Decimal(50)))
    (3616.67, 2170.0)

    Raises ValueError for a leverage that is not positive. Source: ACC-10.
    """
    if leverage <= 0:
        raise ValueError(f"leverage {leverage} is not positive")
    return abs(Fraction(notional)) / Fraction(leverage)


def fx_leverage(rule: LeverageRule, *, is_major: bool) -> Decimal:
    """Return the highest retail leverage of a currency pair under a rule (ACC-10).

    >>> fx_leverage(LeverageRule.US_RETAIL, is_major=True), fx_leverage(LeverageRule.EU_UK_RETAIL, is_major=False)
    (Decimal('50'), Decimal('20'))
    """
    return Decimal(50 if rule is LeverageRule.US_RETAIL else 30) if is_major else Decimal(20)


@dataclass(frozen=True, slots=True, eq=False)
class MarginPositions:
    """p positions. account: int64[p], places in the accounts; kind: int8[p], SHARE, FX or OTHER. value: int64[p], signed market value in
    minor units of the account's currency; per_share: int64[p], |quantity| × short_per_share in the same units, 0 where it is long."""

    account: Ints
    kind: NDArray[np.int8]
    value: Ints
    per_share: Ints


def margin_used(positions: MarginPositions, terms: Sequence[MarginTerms | None]) -> tuple[Ints, Bools]:
    """Return each account's maintenance margin (int64[n], minor units) and bool[n] of which it cannot be worked out.

    terms: one for each of n accounts, None = no margin is asked of it. A short worth less than $5 a share, another kind of instrument, or
    FX without leverage leaves the account without a figure. Source: ACC-7, ACC-10.
    """
    n = len(terms)
    used, unknown = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    asked = np.array([one is not None for one in terms], np.bool_)
    kept = asked[positions.account]
    account, kind, value, floor = (column[kept] for column in (positions.account, positions.kind, positions.value, positions.per_share))
    short_share = (kind == SHARE) & (value < 0)
    levered = np.array([one is not None and one.leverage is not None for one in terms], np.bool_)
    silent = (kind == OTHER) | (short_share & (-value < floor)) | ((kind == FX) & ~levered[account])
    unknown[account[silent]] = True
    needs = [Fraction(0)] * n
    for rows, need in (((kind == SHARE) & (value >= 0), _long), ((kind == FX) & (value != 0), _fx)):
        totals = np.zeros(n, np.int64)
        np.add.at(totals, account[rows], np.abs(value[rows]))
        for i in np.flatnonzero((totals != 0) & ~unknown).tolist():
            needs[i] += need(int(totals[i]), terms[i])
    for row in np.flatnonzero(short_share & ~silent).tolist():
        one = terms[account[row]] or REG_T
        needs[account[row]] += max(Fraction(-int(value[row])) * Fraction(one.short_maintenance), Fraction(int(floor[row])))
    for i, need_of in enumerate(needs):
        used[i] = (2 * need_of.numerator + need_of.denominator) // (2 * need_of.denominator)
    return used, unknown


def _long(total: int, terms: MarginTerms | None) -> Fraction:
    return total * Fraction((terms or REG_T).long_maintenance)


def _fx(total: int, terms: MarginTerms | None) -> Fraction:
    leverage = (terms or REG_T).leverage
    return Fraction(total) / Fraction(leverage) if leverage else Fraction(0)
