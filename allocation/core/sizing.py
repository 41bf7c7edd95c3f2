"""Size one signal for every account: the one door of allocation's core.

`size(request) -> SizingResult`. Build a `SizingRequest` straight from database columns (arrays, no loops over accounts); get lots and,
per account and instrument, the raw wish, the value after every rule, the binding rule and a reason.

The way of an order: method → exact wish (SIZ-1..4) → caps (SIZ-2) → then the order of CST-9: authority → trading blocks, restricted (CST-5)
→ legal (CST-3, shared room CST-6) → cash (CST-4) → mandate (CST-2: instrument, position, ADV, exposures; capacity GOV-6) → soft limits
→ minimum (SIZ-5) → odd residue of full closes. Lots are rounded (SIZ-5) before the sums of shared room and cash, within every bound known by then.

Invariants: 1. No float decides. 2. The order of the accounts changes nothing. 3. What one account does not get, no other gets above its own
target (CST-1). 4. Every zero has a reason. 5. quantity = lots × lot step + residue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.enums import Reason, Rounding, Rule, code

from .budgets import LotValues, apply_buying_power, apply_exposures
from .constraints import apply_first, apply_mandate, apply_soft, mandate_bounds
from .pools import apply_pools
from .request import SizingRequest
from .rounding import bump_to_minimum, drop_below_minimum, round_up_where_allowed
from .scales import MICRO, BeyondScale, Bools, Codes, Ints
from .work import Context, Work, start_work

_CHUNK_CELLS = 40_000


@dataclass(frozen=True, slots=True)
class SizingResult:
    """What every account gets, [n, m] each.

    lots: signed whole lots. residue: signed quantity below one lot (UNIT = 1), only in full closes. lot_step: [m].
    raw: the uncapped wish in millionths of a lot (`MICRO`): target quantity for targets, order quantity for the rest. For reports.
    wish: the exact order after caps, less what is held, in millionths of a lot. For reports.
    binding: codes of `Rule`. reason: codes of `Reason`. stages: (rule, signed lots after it) in the order applied, if traced.
    """

    lots: Ints
    residue: Ints
    lot_step: Ints
    raw: Ints
    wish: Ints
    binding: Codes
    reason: Codes
    stages: tuple[tuple[Rule, Ints], ...]

    @property
    def quantity(self) -> Ints:
        """Return lots × lot step + residue, UNIT = 1."""
        return self.lots * self.lot_step + self.residue

    def explain(self, account: int, instrument: int) -> dict[str, object]:
        """Return one order's story as plain values: raw and wish (in lots), lots after each rule, binding rule, reason, lots."""
        cell = account, instrument
        return {
            "raw": _decimal(int(self.raw[cell])),
            "wish": _decimal(int(self.wish[cell])),
            "after": [(rule.value, int(lots[cell])) for rule, lots in self.stages],
            "binding_rule": list(Rule)[int(self.binding[cell])].value,
            "reason": list(Reason)[int(self.reason[cell])].value,
            "lots": int(self.lots[cell]),
        }


def _decimal(micro: int) -> str:
    return f"{'-' if micro < 0 else ''}{abs(micro) // MICRO}.{abs(micro) % MICRO:06d}"


def size(request: SizingRequest) -> SizingResult:
    """Return every account's order for one signal.

    Guarantees: same request and block ids, same result, whatever the order of the accounts (I8); no cap or limit is passed after rounding.
    Raises BeyondScale for orders beyond 64-bit quantities. Source: SIZ-1..8, CST-1..5, 7, 9, GOV-6.
    """
    n, m = request.shape
    if n == 0 or m == 0:
        return _assemble(request, [])
    context = Context.of(request)
    values = LotValues.of(context.prices)
    together = bool(request.limits.pools) or request.rounding_used is Rounding.LARGEST_REMAINDER
    step = n if together else max(1, _CHUNK_CELLS // m)
    return _assemble(request, [_part(request, context, values, start, min(start + step, n)) for start in range(0, n, step)])


def _part(request: SizingRequest, context: Context, values: LotValues, start: int, stop: int) -> SizingResult:
    """Size the accounts start..stop."""
    own = request if stop - start == request.shape[0] else request.rows(start, stop)
    work = start_work(own, context, context.plan_for(own, start, stop))
    apply_first(work)
    bounds = mandate_bounds(work)
    round_up_where_allowed(work)
    bump_to_minimum(work)
    work.note(Rule.ROUNDING)
    apply_pools(work, Rule.LEGAL_LIMIT)
    apply_buying_power(work, values)
    apply_mandate(work, bounds)
    apply_exposures(work, values)
    apply_pools(work, Rule.CAPACITY)
    apply_soft(work)
    closes = _full_closes(work)
    drop_below_minimum(work, closes)
    return _finish(work, closes)


def _full_closes(work: Work) -> Bools:
    """Return the orders that close everything that may be closed."""
    if work.free_qty is None:
        return np.zeros((1, 1), dtype=bool)
    return work.plan.full_close & work.reduces & (work.lots == work.free) & ~work.shut & (work.free_qty > 0)


def _finish(work: Work, closes: Bools) -> SizingResult:
    """Return the result of the work, every cell with a reason."""
    request = work.request
    _refuse_quantities(work)
    lots = work.sign * work.lots
    residue = np.zeros((1, 1), dtype=np.int64)
    if work.free_qty is not None and closes.any():
        residue = np.where(closes, work.sign * (work.free_qty - work.lots * request.lot_step), 0)
    _give_reasons(work, residue)
    wish = work.cells.approx
    wish *= MICRO
    return SizingResult(
        lots=lots,
        residue=np.broadcast_to(residue, lots.shape),
        lot_step=request.lot_step,
        raw=_raw(work),
        wish=np.rint(wish, out=wish).astype(np.int64),
        binding=work.binding,
        reason=work.reason,
        stages=tuple(work.stages),
    )


def _raw(work: Work) -> Ints:
    """Return the uncapped wish in millionths of a lot."""
    plan = work.plan
    raw = plan.raw_left.astype(np.float64) * (plan.right.astype(np.float64) * MICRO)
    raw = raw * plan.table.slope[plan.row]
    np.rint(raw, out=raw)
    if max(float(raw.max()), -float(raw.min())) >= 2.0**62:
        np.clip(raw, -(2.0**62), 2.0**62, out=raw)
    return raw.astype(np.int64)


def _refuse_quantities(work: Work) -> None:
    """Refuse quantities beyond 64 bits."""
    most = work.lots.max(axis=0).tolist()
    for j, (lots, step) in enumerate(zip(most, work.request.lot_step.tolist(), strict=True)):
        if lots * step >= 2**63:
            raise BeyondScale(f"quantity: {lots} lots of {work.request.instrument_ids[j]} do not fit 64 bits (CON-1)")


def _give_reasons(work: Work, residue: Ints) -> None:
    """Give every order without a reason one."""
    ordered = (work.lots > 0) | (residue != 0)
    story = _STORY[(ordered * np.int8(4)) + (work.binding != 0) * np.int8(2) + (work.sign != 0)]
    np.copyto(work.reason, story, where=work.reason == 0)


_STORY = np.array(
    [code(r) for r in (Reason.NO_CHANGE, Reason.BELOW_ONE_LOT, Reason.BLOCKED, Reason.BLOCKED)]
    + [code(Reason.FULL)] * 2
    + [code(Reason.CLIPPED)] * 2,
    dtype=np.int8,
)


def _assemble(request: SizingRequest, parts: list[SizingResult]) -> SizingResult:
    """Return the parts as one result."""
    if len(parts) == 1:
        return parts[0]
    shape = request.shape
    if not parts:
        empty, codes = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int8)
        return SizingResult(empty, empty, request.lot_step, empty, empty, codes, codes, ())
    named = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("lots", "raw", "wish", "binding", "reason")}
    residue = np.broadcast_to(np.zeros((1, 1), dtype=np.int64), shape)
    if any(part.residue.any() for part in parts):
        residue = np.concatenate([part.residue for part in parts])
    return SizingResult(**named, residue=residue, lot_step=request.lot_step, stages=_joined_stages(parts))


def _joined_stages(parts: list[SizingResult]) -> tuple[tuple[Rule, Ints], ...]:
    """Join the parts' traces; which rules were looked at depends on the request alone, so all parts have the same."""
    return tuple((stages[0][0], np.concatenate([lots for _, lots in stages])) for stages in zip(*(p.stages for p in parts), strict=True))
