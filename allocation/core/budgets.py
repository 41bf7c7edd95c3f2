"""Money rules over an account's whole basket: buying power and settled cash (CST-4), exposures (CST-2).

One form: Σ opening lots × value ≤ room + what the basket's own reductions free. Where it does not fit, all opening orders are scaled by
λ = room / need and floored. Reductions pass (CST-7) and go first; only they make room, never an order another rule might still clip.

Entry points: `LotValues`, `apply_buying_power`, `apply_exposures`, `fit`.
Invariants: 1. After scaling the sum is within the room, exactly. 2. λ is an exact ratio: 10,000 for 12,500 gives 0.8, not 0.79999.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from allocation.enums import Reason, Rule, code

from .markets import Ratios, lot_values
from .ratios import muldiv_floor
from .request import ExposureLimit
from .scales import MISSING, UNIT, Bools, Floats, Ints
from .work import Work

_MASK = 2**64 - 1
_SAFE = 2.0**60


@dataclass(frozen=True, slots=True)
class LotValues:
    """Value of one lot by (currency, instrument) in minor units: integers over one denominator a currency; 0 where unknown."""

    whole: list[list[int]]
    scale: list[int]
    approx: Floats
    bits: NDArray[np.uint64]

    @classmethod
    def of(cls, prices: Ratios) -> LotValues:
        """Make the table from `targets.price_ratios`."""
        exact = [[Fraction(0) if v is None else v for v in row] for row in lot_values(prices)]
        scale = [lcm(*(v.denominator for v in row)) for row in exact]
        whole = [[int(v * s) for v in row] for row, s in zip(exact, scale, strict=True)]
        bits = np.array([[v & _MASK for v in row] for row in whole], dtype=np.uint64)
        return cls(whole, scale, np.array([[float(v) for v in row] for row in exact]), bits)


def apply_buying_power(work: Work, values: LotValues) -> None:
    """Scale opening orders to the account's buying power; own sales pay for buys where the account's mode permits (CST-4)."""
    limits = work.request.limits
    if limits.buying_power is None:
        return
    missing = limits.buying_power == MISSING
    room = np.where(missing, 0, limits.buying_power)
    credit = None
    if limits.proceeds_usable is not None and limits.proceeds_usable.any():
        credit = np.where((work.sign < 0) & (limits.proceeds_usable[:, None] != 0), work.passing, 0)
    opening = work.lots - work.passing
    fitted = fit(opening, values, work.request.currency, limits.margin_rate, room, credit)
    _settle(work, Rule.BUYING_POWER, work.passing + fitted, missing)


def apply_exposures(work: Work, values: LotValues) -> None:
    """Scale opening orders so that each exposure stays within its share of equity (CST-2)."""
    equity = work.request.equity
    sound = equity > 0
    for item in work.request.limits.exposures:
        missing = (item.current == MISSING) | ~sound
        top = muldiv_floor(item.limit, np.where(sound, equity, 0), UNIT)
        current = np.where(missing, 0, item.current)
        beta = np.abs(item.beta)[None, :]
        for adds, room in _sides(work, item, top, current):
            passing = work.passing
            opening = np.where(adds, work.lots - passing, 0)
            frees = passing if item.rule is Rule.GROSS else np.where(~adds & (item.beta != 0)[None, :], passing, 0)
            fitted = fit(opening, values, work.request.currency, beta, np.where(missing, 0, room), frees)
            _settle(work, item.rule, np.where(adds, passing + fitted, work.lots), missing)


def _sides(work: Work, item: ExposureLimit, top: Ints, current: Ints) -> list[tuple[Bools, Ints]]:
    """Return (which orders add to the bound, room) for the gross bound, or for the upper and the lower bound."""
    direction = work.sign * np.sign(item.beta)
    if item.rule is Rule.GROSS:
        return [(direction != 0, top - current)]
    return [(direction > 0, top - current), (direction < 0, top + current)]


def _settle(work: Work, rule: Rule, bound: Ints, missing: Bools) -> None:
    cut = bound < work.lots
    work.reason[cut & missing[:, None] & (work.reason == 0)] = code(Reason.MISSING_LIMIT)
    work.clamp(rule, bound)


def fit(opening: Ints, values: LotValues, currency: Ints, weight: Ints | None, room: Ints, frees: Ints | None) -> Ints:
    """Return opening lots scaled by λ = min(1, room/need) and floored, per account.

    opening, frees: int64[k, m] lots ≥ 0. weight: int64[k|1, m|1], UNIT = the full value counts.
    room: int64[k], minor units, may be negative.
    """
    share, unit = _reduced(weight)
    value = values.approx[currency] * (share / unit)
    need = np.einsum("ij,ij->i", opening.astype(np.float64), value)
    have = room + (0 if frees is None else np.einsum("ij,ij->i", frees.astype(np.float64), value))
    tight = np.flatnonzero(need * (1 + 1e-9) > have - 1e-9 * np.abs(have))
    tight = tight[need[tight] > 0]
    if not tight.size:
        return opening
    result = opening.copy()
    scale = np.array([float(s) for s in values.scale])[currency[tight]] * unit
    plain = np.maximum(np.maximum(need[tight], np.abs(have[tight])), np.abs(room[tight].astype(np.float64))) * scale < _SAFE
    chosen = tight[plain]
    own = np.ascontiguousarray(np.broadcast_to(share, opening.shape)[chosen])
    freed = None if frees is None else frees[chosen]
    result[chosen] = _fit_fast(opening[chosen], values, currency[chosen], own, unit, room[chosen], freed)
    for i in tight[~plain].tolist():
        result[i] = _fit_exact(opening[i], values, int(currency[i]), np.broadcast_to(share, opening.shape)[i], unit, int(room[i]), frees, i)
    return result


def _reduced(weight: Ints | None) -> tuple[Ints, int]:
    """Return weights and their unit with the common factor taken out."""
    if weight is None:
        return np.ones((1, 1), dtype=np.int64), 1
    common = gcd(UNIT, int(np.gcd.reduce(weight, axis=None)))
    return weight // common, UNIT // common


def _fit_fast(opening: Ints, values: LotValues, currency: Ints, share: Ints, unit: int, room: Ints, frees: Ints | None) -> Ints:
    """Scale by λ in 64-bit integers; the sums are known to fit."""
    each = values.bits[currency] * share.view(np.uint64)
    need = (opening.view(np.uint64) * each).sum(axis=1).view(np.int64)
    factor = np.array([s * unit & _MASK for s in values.scale], dtype=np.uint64)[currency]
    have = room.view(np.uint64) * factor
    if frees is not None:
        have = have + (np.ascontiguousarray(frees).view(np.uint64) * each).sum(axis=1)
    funds = np.maximum(have.view(np.int64), 0)
    short = need > funds
    result = opening.copy()
    if short.any():
        result[short] = muldiv_floor(opening[short], funds[short, None], need[short, None])
    return result


def _fit_exact(opening: Ints, values: LotValues, currency: int, share: Ints, unit: int, room: int, frees: Ints | None, i: int) -> list[int]:
    """Scale one account by λ in big integers."""
    each = [v * s for v, s in zip(values.whole[currency], share.tolist(), strict=True)]
    lots = opening.tolist()
    need = sum(q * v for q, v in zip(lots, each, strict=True))
    have = room * values.scale[currency] * unit
    if frees is not None:
        have += sum(q * v for q, v in zip(frees[i].tolist(), each, strict=True))
    have = max(have, 0)
    return [q * have // need for q in lots] if need > have else lots
