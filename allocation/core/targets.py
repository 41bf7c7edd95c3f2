"""From a method to one formula: every method of SIZ-4 is  left × right × rational, less what is held where it names a target.

Entry points: `weight_table`, `plan_of` (the factors for one request), `caps_of`.
Invariants: 1. Only accounts with authority share a block (GOV-2). 2. A block with a weight that is not known is not shared at all:
leaving the account out would silently make the others' shares larger (CON-5). 3. Caps on weights act before anything is rounded (SIZ-2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction

import numpy as np

from allocation.enums import Authority, CapBasis, CustomKind, Reason, Rule, SizingMethod, code

from .equal_ending import equal_ending_orders
from .markets import Ratios
from .ratios import Coefficients
from .request import SizingRequest
from .scales import MISSING, UNIT, Bools, Codes, Ints


@dataclass(frozen=True, slots=True)
class Plan:
    """The factors of every cell's order: Δ = left × right × table − held (targets) or left × right × table (orders).

    row: table row per account. is_target: [n, 1]. raw_left: `left` before caps. cap_code: rule of the binding cap, [n, m] or None.
    caps_as_limit: [n, 1], whether SIZ-2 caps must be applied to the order instead of the weight. reason: [n, m] codes, 0 = may be sized.
    full_close: cells whose target is nothing. never_flip: orders that may only touch what is there. truncates: reductions round down too.
    """

    left: Ints
    right: Ints
    table: Coefficients
    row: Ints
    is_target: Bools
    raw_left: Ints
    cap_code: Codes | None
    caps_as_limit: Bools
    reason: Codes
    full_close: Bools
    never_flip: bool = False
    truncates: bool = False

    def rows(self, start: int, stop: int) -> Plan:
        """Return the plan of accounts start..stop."""
        n = len(self.reason)
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("table", "never_flip", "truncates")}
        return replace(self, **{k: v if v is None or len(v) != n else v[start:stop] for k, v in parts.items()})


def weight_table(request: SizingRequest, prices: Ratios, stops: Ratios | None) -> Coefficients | None:
    """Return the table of a method that works account by account on shares of equity, None for the others.

    Custom lists have rows for quantities, then for weights, then for risks.
    """
    currencies, steps = len(prices), request.lot_step.tolist()
    unknown: Ratios = [[None] * request.shape[1]] * currencies
    if request.method is SizingMethod.TARGET_WEIGHT:
        return Coefficients.build(prices, steps, [True] * currencies)
    if request.method is SizingMethod.RISK:
        return Coefficients.build(stops or unknown, steps, [True] * currencies)
    if request.method is not SizingMethod.CUSTOM:
        return None
    lots: Ratios = [[Fraction(1, step) for step in steps]] * currencies
    return Coefficients.build([*lots, *prices, *(stops or unknown)], steps, [False] * currencies + [True] * (2 * currencies))


def plan_of(request: SizingRequest, table: Coefficients | None) -> Plan:
    """Return the factors of the request. `table`: its `weight_table`; only then may the request be a part of the accounts."""
    method = request.method
    if table is not None:
        return _weights(request, table)
    if request.is_block:
        return _block(request)
    if method is SizingMethod.EQUAL_ENDING:
        _refuse_missing(request)
        return _orders(request, equal_ending_orders(request), _column(1))
    if method is SizingMethod.FIXED:
        return _orders(request, request.amount, _column(1))
    share = -request.amount if method is SizingMethod.CLOSE else request.amount
    return _orders(request, share, held(request), of_position=True)


def held(request: SizingRequest) -> Ints:
    """Return the sleeve's position, zeros where none is given."""
    return np.zeros(request.shape, dtype=np.int64) if request.position is None else request.position


def refused_by_authority(request: SizingRequest) -> Codes:
    """Return the reason code per account, 0 where the authority check passed (GOV-2)."""
    legend = np.array([0 if a is Authority.OK else code(Reason(a.value)) for a in Authority], dtype=np.int8)
    n = request.shape[0]
    return np.zeros(n, dtype=np.int8) if request.limits.authority is None else legend[request.limits.authority]


def _column(value: int) -> Ints:
    return np.full((1, 1), value, dtype=np.int64)


def _orders(request: SizingRequest, left: Ints, right: Ints, *, of_position: bool = False) -> Plan:
    """Return the plan of orders given as quantities, or as shares of the position."""
    n, _ = request.shape
    ratio: Ratios = [[Fraction(1, int(step) * (UNIT if of_position else 1)) for step in request.lot_step]]
    unlisted = left == MISSING
    left = np.where(unlisted, 0, left)
    change = request.method is SizingMethod.PERCENT_CHANGE
    return Plan(
        left=left,
        right=right,
        table=Coefficients.build(ratio, request.lot_step.tolist(), [False]),
        row=np.zeros(n, dtype=np.int64),
        is_target=np.zeros((n, 1), dtype=bool),
        raw_left=left,
        cap_code=None,
        caps_as_limit=np.ones((n, 1), dtype=bool),
        reason=_reasons(request, unlisted, Reason.UNLISTED),
        full_close=(left == -UNIT) if of_position else np.zeros((1, 1), dtype=bool),
        never_flip=of_position,
        truncates=change,
    )


def _reasons(request: SizingRequest, *findings: Bools | Reason) -> Codes:
    """Return [n, m] codes: authority first, then each (mask, reason) pair in turn."""
    result = np.zeros(request.shape, dtype=np.int8)
    result[:] = refused_by_authority(request)[:, None]
    for mask, reason in zip(findings[::2], findings[1::2], strict=True):
        hit = np.asarray(mask, dtype=bool)
        if hit.any():
            np.copyto(result, np.int8(code(Reason(reason))), where=hit & (result == 0))  # type: ignore[arg-type]
    return result


def _weights(request: SizingRequest, table: Coefficients) -> Plan:
    """Return the plan of weights and risks of equity (SIZ-1..3), or of a custom list that mixes them with quantities."""
    n, _ = request.shape
    currencies = len(request.currency_exponent)
    kind = _kinds(request)
    offset = kind - 1 if request.method is SizingMethod.CUSTOM else np.zeros(n, dtype=np.int64)
    row = request.currency + currencies * np.maximum(offset, 0)
    listed = (kind != code(CustomKind.UNLISTED))[:, None] & (request.amount != MISSING)
    raw_left = np.where(listed, request.amount, 0)
    is_target = (kind >= code(CustomKind.WEIGHT))[:, None]
    capped_here = is_target & _native_caps(request, kind)
    left, cap_code = _cap_weights(request, raw_left, capped_here)
    equity = request.equity[:, None]
    live = is_target & (left != 0)
    no_row = ~table.known[row] if not table.known.all() else np.zeros((1, 1), dtype=bool)
    gone = np.asarray(request.price == MISSING)[None, :]
    no_stop = np.zeros((1, 1), bool) if request.stop_distance is None else (request.stop_distance == MISSING)[None, :]
    risky = (kind == code(CustomKind.RISK))[:, None]
    reason = _reasons(
        request,
        *(~listed, Reason.UNLISTED),
        *(_both(equity == MISSING, live), Reason.MISSING_BASIS),
        *(_both(equity <= 0, live), Reason.NO_EQUITY),
        *(_both(no_row & np.where(risky, no_stop, gone), live), Reason.MISSING_PRICE),
        *(_both(no_row, live), Reason.MISSING_FX),
    )
    if no_stop.any():
        reason[(reason == code(Reason.MISSING_PRICE)) & risky] = code(Reason.MISSING_STOP)
    return Plan(
        left=left,
        right=np.where(is_target, np.maximum(equity, 0), 1) if request.method is SizingMethod.CUSTOM else np.maximum(equity, 0),
        table=table,
        row=row,
        is_target=is_target,
        raw_left=raw_left,
        cap_code=cap_code,
        caps_as_limit=~capped_here,
        reason=reason,
        full_close=is_target & (left == 0),
    )


def _both(rare: Bools, live: Bools) -> Bools:
    """Return rare & live, without spreading out a mask that hits nothing."""
    return rare & live if rare.any() else np.zeros((1, 1), dtype=bool)


def _kinds(request: SizingRequest) -> Ints:
    if request.custom_kind is not None and request.method is SizingMethod.CUSTOM:
        return request.custom_kind
    only = CustomKind.WEIGHT if request.method is SizingMethod.TARGET_WEIGHT else CustomKind.RISK
    return np.full(request.shape[0], code(only), dtype=np.int64)


def _native_caps(request: SizingRequest, kind: Ints) -> Bools:
    """Return [n, 1]: whether the caps' basis is the one the account's weight is stated in."""
    basis = CustomKind.RISK if request.cap_basis_used is CapBasis.LOSS_AT_STOP else CustomKind.WEIGHT
    return (kind == code(basis))[:, None]


def caps_of(request: SizingRequest) -> list[tuple[Rule, Ints]]:
    """Return the SIZ-2 caps present, as [n|1, m|1] arrays, in the order in which they bind when equal."""
    instrument = None if request.instrument_cap is None else request.instrument_cap[None, :]
    named = [(Rule.CLASS_CAP, request.class_cap), (Rule.MANDATE_CAP, request.mandate_cap), (Rule.INSTRUMENT_CAP, instrument)]
    return [(rule, cap) for rule, cap in named if cap is not None]


def _cap_weights(request: SizingRequest, weight: Ints, where: Bools) -> tuple[Ints, Codes | None]:
    """Return sign(w)·min(|w|, caps) and the code of the cap that binds (SIZ-2)."""
    caps = caps_of(request)
    if not caps or not where.any():
        return weight, None
    size = np.abs(weight)
    tightest = np.zeros((1, 1), dtype=np.int8)
    for rule, cap in caps:
        binds = (cap < size) & where
        tightest = np.where(binds, np.int8(code(rule)), tightest)
        size = np.where(binds, cap, size)
    return np.sign(weight) * size, np.broadcast_to(tightest, request.shape)


def _block(request: SizingRequest) -> Plan:
    """Return the plan of one quantity shared out by weights: B lots × weight / Σ weights."""
    n = request.shape[0]
    _refuse_missing(request)
    plain = request.method in (SizingMethod.EQUAL, SizingMethod.RATIO, SizingMethod.PERCENT)
    takes_part = refused_by_authority(request) == 0
    basis = _basis(request)
    unknown = takes_part & (basis == MISSING)
    weight = np.where(takes_part & (basis > 0), basis, 0)
    ratios, no_rate = _block_ratios(request, weight, plain, takes_part)
    missing_rate = takes_part[:, None] & no_rate[request.currency]
    incomplete = unknown.any() | missing_rate.any(axis=0, keepdims=True)
    reason = _reasons(
        request,
        *(unknown[:, None], Reason.MISSING_BASIS),
        *(missing_rate, Reason.MISSING_FX),
        *(incomplete, Reason.BLOCK_INCOMPLETE),
        *((weight == 0)[:, None], Reason.UNLISTED if plain else Reason.NO_EQUITY),
    )
    left = weight[:, None]
    return Plan(
        left=left,
        right=_column(1),
        table=Coefficients.build(ratios, request.lot_step.tolist(), [False] * len(ratios)),
        row=request.currency,
        is_target=np.zeros((n, 1), dtype=bool),
        raw_left=left,
        cap_code=None,
        caps_as_limit=np.ones((n, 1), dtype=bool),
        reason=reason,
        full_close=np.zeros((1, 1), dtype=bool),
    )


def _refuse_missing(request: SizingRequest) -> None:
    if (request.amount == MISSING).any():
        raise ValueError("amount: a block without quantity cannot be shared (SIZ-4)")


def _basis(request: SizingRequest) -> Ints:
    ones = np.ones(request.shape[0], dtype=np.int64)
    by_method = {
        SizingMethod.EQUAL: ones,
        SizingMethod.EQUITY: request.equity,
        SizingMethod.AVAILABLE: request.available,
        SizingMethod.BALANCE: request.balance,
        SizingMethod.RATIO: request.ratio,
        SizingMethod.PERCENT: request.ratio,
    }
    chosen = by_method[request.method]
    return ones if chosen is None else chosen


def _block_ratios(request: SizingRequest, weight: Ints, plain: bool, takes_part: Bools) -> tuple[Ratios, Bools]:
    """Return lots per unit of weight by currency and instrument, and where the rate into one currency is missing."""
    m, currencies = request.shape[1], len(request.currency_exponent)
    sums = [sum(weight[request.currency == c].tolist()) for c in range(currencies)]
    blocks = np.broadcast_to(request.amount, (1, m))[0].tolist()
    no_rate = np.zeros((currencies, m), dtype=bool)
    if not plain and (len(set(request.currency[takes_part].tolist())) > 1):
        no_rate = (request.fx_num == MISSING) | (request.fx_den == MISSING)
    ratios: Ratios = [[Fraction(0)] * m for _ in range(currencies)]
    for j, (block, step) in enumerate(zip(blocks, request.lot_step.tolist(), strict=True)):
        lots = abs(block) // step * (1 if block > 0 else -1)
        rates = [Fraction(1)] * currencies if plain else _one_currency(request, j, no_rate)
        whole = sum((s * r for s, r in zip(sums, rates, strict=True)), Fraction(0))
        for c in range(currencies):
            ratios[c][j] = lots * rates[c] / whole if whole else Fraction(0)
    return ratios, no_rate


def _one_currency(request: SizingRequest, j: int, no_rate: Bools) -> Sequence[Fraction]:
    """Return each currency's minor unit in the instrument's quote currency (0 where unknown: such a block is not shared)."""
    used = set(request.currency.tolist())
    if len(used) == 1:
        return [Fraction(1)] * len(request.currency_exponent)
    return [
        Fraction(0)
        if no_rate[c, j] or request.fx_num[c, j] == MISSING or request.fx_den[c, j] == MISSING
        else Fraction(int(request.fx_num[c, j]), int(request.fx_den[c, j]) * 10 ** int(request.currency_exponent[c]))
        for c in range(len(request.currency_exponent))
    ]
