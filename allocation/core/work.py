"""The orders of some accounts while they are being sized: exact wishes first, then limited rule by rule.

Entry points: `Context` (what is worked out once a request), `Work`, `start_work`.
Invariants: 1. `lots` only ever falls, except by rounding up within `limit` and the caps.
2. `free` lots reduce risk: they pass CST-2/4 (CST-7).
3. `binding` is the last rule that took something away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocation.enums import Authority, CapBasis, Reason, Rounding, Rule, SizingMethod, code

from .markets import Ratios, price_ratios
from .ratios import Coefficients, Magnitudes, evaluate
from .request import SizingRequest
from .scales import MAX_LOTS, MISSING, Bools, Codes, Ints
from .targets import Plan, caps_of, plan_of, weight_table


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for all accounts.

    The plan (or the table of weights it is made from, part by part), exact price ratios, the table that
    turns a cap into lots, which markets are known.
    """

    plan: Plan | None
    weights: Coefficients | None
    prices: Ratios
    cap_table: Coefficients
    price_table: Coefficients
    market_known: Bools

    @classmethod
    def of(cls, request: SizingRequest) -> Context:
        """Work out the context of a request."""
        prices = price_ratios(request, request.price)
        stops = None if request.stop_distance is None else price_ratios(request, request.stop_distance)
        steps, held = request.lot_step.tolist(), [True] * len(prices)
        weights = weight_table(request, prices, stops)
        price_table = (
            weights if weights is not None and request.method is SizingMethod.TARGET_WEIGHT else Coefficients.build(prices, steps, held)
        )
        at_stop = request.cap_basis_used is CapBasis.LOSS_AT_STOP
        unknown: Ratios = [[None] * len(steps)] * len(prices)
        cap_table = Coefficients.build(stops or unknown, steps, held) if at_stop else price_table
        plan = None if weights is not None else plan_of(request, None)
        return cls(plan, weights, prices, cap_table, price_table, price_table.known)

    def plan_for(self, part: SizingRequest, start: int, stop: int) -> Plan:
        """Return the plan of the accounts start..stop, whose request is `part`."""
        return plan_of(part, self.weights) if self.plan is None else self.plan.rows(start, stop)


@dataclass(slots=True)
class Work:
    """The state of k accounts × m instruments. Magnitudes in lots, direction in `sign`.

    free: whole lots of the position the order may take away; free_qty: the same as a quantity, with an odd residue.
    reduces: orders that only take away. limit: lots no rounding may exceed, None where
    nothing is ever rounded up. shut: nothing at all may be traded.
    """

    request: SizingRequest
    plan: Plan
    context: Context
    cells: Magnitudes
    net: Ints | None
    lots: Ints
    limit: Ints | None
    free: Ints
    free_qty: Ints | None
    reduces: Bools
    binding: Codes
    reason: Codes
    shut: Bools
    stages: list[tuple[Rule, Ints]]

    def clamp(self, rule: Rule, bound: Ints) -> None:
        """Bring the orders down to `bound` lots ([k|1, m|1], ≥ 0) and note where the rule binds (CST-1)."""
        cut = bound < self.lots
        if cut.any():
            np.copyto(self.binding, np.int8(code(rule)), where=cut)
            np.minimum(self.lots, bound, out=self.lots)
        self.keep_within(bound)
        self.note(rule)

    def keep_within(self, bound: Ints) -> None:
        """Let no rounding pass `bound`, which a later rule will clamp to."""
        if self.limit is not None:
            np.minimum(self.limit, bound, out=self.limit)

    def note(self, rule: Rule) -> None:
        """Keep the signed orders as they are after `rule`, if the request asks for a trace."""
        if self.request.trace:
            self.stages.append((rule, self.sign * self.lots))

    @property
    def sign(self) -> Ints:
        """Return the side per cell: +1 buy, −1 sell, 0 nothing."""
        return self.cells.sign

    @property
    def passing(self) -> Ints:
        """Return the part of each order that reduces risk."""
        return np.minimum(self.lots, self.free)

    def cap_lots(self, table: Coefficients, cap: Ints, cells: tuple[Ints, Ints] | None = None) -> Ints:
        """Return the most lots each order may have so that the position after it stays within cap × equity."""
        equity = np.maximum(self.request.equity, 0)
        if cells is None:
            net = None if self.net is None else self.sign * self.net
            top = evaluate(table, (self.request.currency,), cap, equity[:, None], net, field="cap")
        else:
            rows, columns = cells
            net = None if self.net is None else (self.sign * self.net)[cells]
            own = np.broadcast_to(cap, self.lots.shape)[cells]
            top = evaluate(table, (self.request.currency[rows], columns), own, equity[rows], net, field="cap")
        return np.where(top.sign > 0, top.floor, 0)

    def may_be_lifted(self, where: Bools, lots: Ints) -> Bools:
        """Return which cells of `where` may be raised to `lots` without passing a limit or a cap (SIZ-5, SIZ-7)."""
        result = where if self.limit is None else where & (lots <= self.limit)
        caps = [cap for _, cap in caps_of(self.request)]
        if not caps or not result.any():
            return result
        rows, columns = np.nonzero(result)
        cap = np.minimum.reduce([np.broadcast_to(c, self.lots.shape)[rows, columns] for c in caps])
        whole = np.zeros(self.lots.shape, dtype=np.int64)
        whole[rows, columns] = cap
        top = np.maximum(self.cap_lots(self.context.cap_table, whole, (rows, columns)), self.free[rows, columns])
        result[rows, columns] = lots[rows, columns] <= top
        return result


def start_work(request: SizingRequest, context: Context, plan: Plan) -> Work:
    """Return the exact wishes of the request's accounts, refused cells at zero, before any rule."""
    net = _net(request)
    cells = evaluate(plan.table, (plan.row,), plan.left, plan.right, net)
    shape = cells.floor.shape
    lifts = request.rounding_used is not Rounding.FLOOR or request.bump_to_min is not None
    free, free_qty, reduces = _reductions(request, plan, cells)
    nearest = reduces & cells.half & ~plan.full_close if not (plan.truncates or request.is_block) else np.zeros((1, 1), dtype=bool)
    work = Work(
        request=request,
        plan=plan,
        context=context,
        cells=cells,
        net=net,
        lots=cells.floor + nearest,
        limit=np.full(shape, MAX_LOTS, dtype=np.int64) if lifts else None,
        free=free,
        free_qty=free_qty,
        reduces=reduces,
        binding=np.zeros(shape, dtype=np.int8) if plan.cap_code is None else plan.cap_code.copy(),
        reason=plan.reason.copy(),
        shut=np.zeros((1, 1), dtype=bool),
        stages=[],
    )
    _refuse(work)
    return work


def _net(request: SizingRequest) -> Ints | None:
    """Return position plus working orders (SIZ-1), or None where nothing is held."""
    parts = [(request.position, 1), (request.open_buy, 1), (request.open_sell, -1)]
    given = [sign * array for array, sign in parts if array is not None]
    return np.sum(given, axis=0) if given else None


def _reductions(request: SizingRequest, plan: Plan, cells: Magnitudes) -> tuple[Ints, Ints | None, Bools]:
    """Return whole lots and quantity each order may take away, and which orders only take away."""
    position = request.position
    if position is None:
        return np.zeros(cells.floor.shape, dtype=np.int64), None, np.zeros((1, 1), dtype=bool)
    side = np.sign(position)
    opposing = cells.sign * side < 0
    working: Ints | int = 0
    if request.open_sell is not None or request.open_buy is not None:
        sells = 0 if request.open_sell is None else request.open_sell
        buys = 0 if request.open_buy is None else request.open_buy
        working = np.where(side > 0, sells, buys)
    free_qty = np.where(opposing, np.maximum(np.abs(position) - working, 0), 0)
    free = free_qty // request.lot_step
    if plan.never_flip:
        return free, free_qty, opposing
    keeps_side = np.sign(plan.left) * side >= 0
    return free, free_qty, opposing & np.where(plan.is_target, keeps_side, cells.floor <= free)


def _refuse(work: Work) -> None:
    """Set refused cells to zero with their rule."""
    refused = work.reason != 0
    if refused.any():
        authority = [code(Reason(a.value)) for a in Authority if a is not Authority.OK]
        work.binding[refused] = code(Rule.DATA)
        work.binding[np.isin(work.reason, authority)] = code(Rule.AUTHORITY)
        work.binding[work.reason == code(Reason.UNLISTED)] = code(Rule.NONE)
        work.lots[refused] = 0
        if work.limit is not None:
            work.limit[refused] = 0
        work.shut = refused
    work.note(Rule.DATA)


def missing_market(work: Work) -> tuple[Bools, Codes]:
    """Return where price or rate is missing, and the reason code of each such cell (CON-5)."""
    unknown = ~work.context.market_known[work.request.currency]
    no_price = (work.request.price == MISSING)[None, :]
    return unknown, np.where(no_price, np.int8(code(Reason.MISSING_PRICE)), np.int8(code(Reason.MISSING_FX)))
