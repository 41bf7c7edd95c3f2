"""Rules that bound one account's order in one instrument by themselves: intervals for Δ, intersected, clamped toward zero (CST-1).

A rule's interval always contains zero. An order keeps its side, so only the interval's end on that side is worked out: the most lots.
Entry points, in the order of CST-9: `apply_first` (data and SIZ-2 caps, which belong to the size; trading blocks and restricted; legal, CST-3),
then, after shared legal room and cash (`pools`, `budgets`), `apply_mandate` (CST-2) with what `mandate_bounds` worked out before anything was
rounded up, and last of all `apply_soft`.

Invariants: 1. Rules of CST-2 let risk-reducing orders pass (CST-7). 2. CST-5 and trading blocks let nothing pass that they forbid.
3. A limit that is not known is no room (CON-5). 4. Nothing is rounded up past a mandate's bound, though it clamps after the cash.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.enums import Reason, Rule, SizingMethod, TradeState, code

from .scales import MAX_LOTS, MISSING, Bools, Ints
from .targets import caps_of
from .work import Work, missing_market


@dataclass(frozen=True, slots=True)
class Bound:
    """The most lots a rule allows ([k|1, m|1]). missing: where its limit is not known. of_equity: whether it is a share of equity."""

    rule: Rule
    lots: Ints
    missing: Bools
    of_equity: bool = False


def apply_first(work: Work) -> None:
    """Clamp every order by the rules of CST-9 that come before shared legal room."""
    limits = work.request.limits
    _data(work)
    _caps(work)
    if limits.trading_block is not None:
        _state(work, Rule.TRADING_BLOCK, limits.trading_block)
    if limits.restricted is not None:
        _state(work, Rule.RESTRICTED, limits.restricted)
    if work.request.position is not None:
        work.clamp(Rule.NEVER_FLIP, np.where(work.reduces, work.free, MAX_LOTS))
    if limits.long_only is not None:
        _long_only(work, limits.long_only)


def mandate_bounds(work: Work) -> list[Bound]:
    """Return the bounds of the mandate (CST-2), and keep every rounding within them; nothing is clamped yet."""
    limits, bounds = work.request.limits, []
    none = np.zeros((1, 1), dtype=bool)
    if limits.allowed is not None:
        bounds.append(Bound(Rule.MANDATE, np.where(limits.allowed != 0, MAX_LOTS, work.free), none))
    if limits.position is not None:
        missing = limits.position == MISSING
        top = work.cap_lots(work.context.price_table, np.where(missing, 0, limits.position))
        bounds.append(Bound(Rule.POSITION, np.maximum(top, work.free), missing, of_equity=True))
    if limits.adv is not None:
        missing = limits.adv == MISSING
        most = np.where(missing, 0, limits.adv) // work.request.lot_step
        bounds.append(Bound(Rule.ADV, np.maximum(most, work.free), missing))
    for bound in bounds:
        work.keep_within(bound.lots)
    return bounds


def apply_mandate(work: Work, bounds: list[Bound]) -> None:
    """Clamp every order by the mandate's bounds."""
    for bound in bounds:
        _apply(work, bound)


def _apply(work: Work, bound: Bound) -> None:
    cut = bound.lots < work.lots
    if bound.of_equity:
        _note_equity(work, cut)
    work.reason[cut & bound.missing & (work.reason == 0)] = code(Reason.MISSING_LIMIT)
    work.clamp(bound.rule, bound.lots)


def _data(work: Work) -> None:
    """Let only the risk-reducing part of an order pass where price or rate is missing (CON-5)."""
    if work.context.market_known.all():
        return
    unknown, reasons = missing_market(work)
    hit = unknown & (work.lots > work.free) & (work.reason == 0)
    work.reason[hit] = np.broadcast_to(reasons, hit.shape)[hit]
    work.clamp(Rule.DATA, np.where(unknown, work.free, MAX_LOTS))


def _state(work: Work, rule: Rule, state: Ints) -> None:
    """Close-only leaves the part that closes, frozen leaves nothing (CST-5)."""
    frozen = state == code(TradeState.FROZEN)
    bound = np.where(frozen, 0, np.where(state == code(TradeState.CLOSE_ONLY), work.free, MAX_LOTS))
    work.shut = work.shut | frozen
    work.clamp(rule, bound)


def _long_only(work: Work, long_only: Ints) -> None:
    """Sells stop at what is held and not yet offered, which is what they may take away (CST-3)."""
    work.clamp(Rule.LONG_ONLY, np.where((work.sign < 0) & (long_only != 0), work.free, MAX_LOTS))


def _caps(work: Work) -> None:
    """Apply SIZ-2 caps as limits where the method does not state weights: "constant; caps still apply" (SIZ-4)."""
    where = work.plan.caps_as_limit
    if work.request.method is SizingMethod.CLOSE or not (where.any() or work.request.method is SizingMethod.CUSTOM):
        return
    for rule, cap in caps_of(work.request):
        top = np.maximum(work.cap_lots(work.context.cap_table, cap), work.free)
        _note_equity(work, where & (top < work.lots))
        work.clamp(rule, np.where(where, top, MAX_LOTS))


def _note_equity(work: Work, cut: np.ndarray) -> None:
    """Say so where a share of equity is no room because the equity is missing or not positive."""
    equity = work.request.equity[:, None]
    fresh = cut & (work.reason == 0)
    work.reason[fresh & (equity == MISSING)] = code(Reason.MISSING_BASIS)
    work.reason[fresh & (equity <= 0) & (equity != MISSING)] = code(Reason.NO_EQUITY)


def apply_soft(work: Work) -> None:
    """Shrink or defer by soft limits, last of all, reductions too (CST-9)."""
    soft = work.request.limits.soft
    if soft is None:
        return
    before = work.lots.copy()
    missing = soft == MISSING
    _apply(work, Bound(Rule.SOFT, np.where(missing, 0, soft) // work.request.lot_step, missing))
    work.reason[(work.lots == 0) & (before > 0)] = code(Reason.DEFERRED)
