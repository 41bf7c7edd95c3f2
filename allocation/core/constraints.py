"""Rules that bound one account's order in one instrument by themselves: intervals for Δ, intersected, clamped toward zero (CST-1).

A rule's interval always contains zero. An order keeps its side, so only the interval's end on that side is worked out: the most lots.
Entry point: `apply_intervals`, in the order of CST-9: data and trading blocks, restricted, legal (CST-3), mandate (SIZ-2, CST-2).
The rules over several instruments or accounts stand in `budgets` and `pools`.

Invariants: 1. Rules of CST-2 let risk-reducing orders pass (CST-7). 2. CST-5 and trading blocks let nothing pass that they forbid.
3. A limit that is not known is no room (CON-5).
"""

from __future__ import annotations

import numpy as np

from allocation.enums import Reason, Rule, SizingMethod, TradeState, code

from .scales import MAX_LOTS, MISSING, Ints
from .targets import caps_of
from .work import Work, missing_market


def apply_intervals(work: Work) -> None:
    """Clamp every order of `work` by the rules that apply to it alone."""
    limits = work.request.limits
    _data(work)
    if limits.trading_block is not None:
        _state(work, Rule.TRADING_BLOCK, limits.trading_block)
    if limits.restricted is not None:
        _state(work, Rule.RESTRICTED, limits.restricted)
    if work.request.position is not None:
        work.clamp(Rule.NEVER_FLIP, np.where(work.reduces, work.free, MAX_LOTS))
    if limits.long_only is not None:
        _long_only(work, limits.long_only)
    _caps(work)
    if limits.allowed is not None:
        work.clamp(Rule.MANDATE, np.where(limits.allowed != 0, MAX_LOTS, work.free))
    if limits.position is not None:
        _position(work, limits.position)
    if limits.adv is not None:
        _quantity(work, Rule.ADV, limits.adv, passes=True)


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


def _position(work: Work, limit: Ints) -> None:
    """abs(market value) ≤ limit × equity after the order (CST-2)."""
    known = np.where(limit == MISSING, 0, limit)
    top = np.maximum(work.cap_lots(work.context.price_table, known), work.free)
    cut = top < work.lots
    _note_equity(work, cut)
    work.reason[cut & (limit == MISSING) & (work.reason == 0)] = code(Reason.MISSING_LIMIT)
    work.clamp(Rule.POSITION, top)


def _note_equity(work: Work, cut: np.ndarray) -> None:
    """Say so where a share of equity is no room because the equity is missing or not positive."""
    equity = work.request.equity[:, None]
    fresh = cut & (work.reason == 0)
    work.reason[fresh & (equity == MISSING)] = code(Reason.MISSING_BASIS)
    work.reason[fresh & (equity <= 0) & (equity != MISSING)] = code(Reason.NO_EQUITY)


def _quantity(work: Work, rule: Rule, quantity: Ints, *, passes: bool) -> None:
    """Bound the order's quantity; `passes` lets its risk-reducing part through (CST-7)."""
    bound = np.where(quantity == MISSING, 0, quantity) // work.request.lot_step
    if passes:
        bound = np.maximum(bound, work.free)
    missing = (bound < work.lots) & (quantity == MISSING) & (work.reason == 0)
    work.reason[missing] = code(Reason.MISSING_LIMIT)
    work.clamp(rule, bound)


def apply_soft(work: Work) -> None:
    """Shrink or defer by soft limits, last of all (CST-9)."""
    if work.request.limits.soft is None:
        return
    before = work.lots.copy()
    _quantity(work, Rule.SOFT, work.request.limits.soft, passes=False)
    work.reason[(work.lots == 0) & (before > 0)] = code(Reason.DEFERRED)
