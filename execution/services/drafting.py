"""The parents a sizing makes, before anything is written: route, limit, what gate 1 is to judge.

Entry points: `plans_of`, `parent_of`, `gate_one_facts`, `unwritten`. A ticket's preview and a release both go through here, so they cannot differ.
Invariants: 1. nothing is written. 2. opposite sides never work at once in one control group (RTE-5).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import numpy as np
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from allocation.enums import SizingMethod
from allocation.services.sizing import SizedSignal
from market import queries as market
from market.enums import Side
from risk.services import ParentFacts

from ..enums import OrderType, ParentState, RemainderPolicy, SharePolicy, TimeInForce
from ..models import ChildOrder, ParentOrder
from .children import cash_held
from .crosses import find_cross, working_beside
from .planning import SidePlan, is_sliced, route_of, side_plan
from .stated import UnableToRelease, end_of_day, is_stated, limit_for, route_for, time_in_force_of

__all__ = ["UnableToRelease", "gate_one_facts", "parent_of", "plans_of", "unwritten"]
UNIT = 10**8


def plans_of(sized: SizedSignal) -> list[SidePlan]:
    """Return the sides of a sizing that order something, sells first."""
    quantity, seed = sized.result.quantity[:, 0], sized.signal.tie_seed
    ids, routing = sized.accounts.ids, sized.accounts.routing
    plans = [side_plan(side=side, ids=ids, quantity=quantity, routing=routing, seed=seed) for side in (Side.SELL, Side.BUY)]
    return [plan for plan in plans if plan.entries]


def parent_of(plan: SidePlan, sized: SizedSignal, now: datetime) -> ParentOrder:
    """Return the parent of one side, not yet saved: route, limit, figures. Raises UnableToRelease for CON-1, RTE-1, RTE-2 and RTE-5."""
    instrument = sized.instrument
    if plan.total >= 2**63:
        message = f"{Decimal(plan.total).scaleb(-8):f} {instrument.symbol} in one order do not fit 64 bits"
        raise UnableToRelease("CON-1", message, field="figure")
    is_paper = all(c.is_paper for c in plan.routing.connections)
    limit = limit_for(side=plan.side, sized=sized, is_paper=is_paper, now=now)
    _refuse_beyond_scale(plan, sized, limit)
    volume = market.minute_volume(instrument_id=instrument.id, now=now)
    beside = working_beside(ids=plan.ids, side=plan.side, instrument_id=instrument.id, now=now)
    route = route_of(quantity=plan.total, working_same_side=beside, minute_volume=volume, unit=int(instrument.lot_step * UNIT))
    route = route_for(route=route, sized=sized)
    time_in_force = time_in_force_of(sized)
    draft = ParentOrder(
        journey_id=sized.signal.journey_id,
        strategy_id=sized.signal.strategy_id,
        instrument_id=instrument.id,
        side=plan.side,
        quantity=Decimal(plan.total).scaleb(-8),
        state=ParentState.WORKING if is_sliced(route.kind) else ParentState.RELEASING,
        route=route.kind,
        order_type=OrderType.LIMIT,
        time_in_force=time_in_force,
        limit_price=limit,
        is_limit_stated=is_stated(sized),
        decision_price=sized.price,
        arrival_price=sized.quote.mid,
        one_minute_volume=volume,
        share_policy=SharePolicy.PRO_RATA,
        remainder_policy=RemainderPolicy.CANCEL,
        plan_seed=sized.signal.tie_seed,
        is_paper=is_paper,
        chunks=plan.chunks,
        created_at=now,
        expires_at=end_of_day(instrument.calendar, now) if time_in_force is TimeInForce.DAY else None,
    )
    _refuse_crosses(plan, draft, sized, now)
    draft.flattens = sized.signal.method == SizingMethod.CLOSE and _reduces(draft, sized)
    return draft


def gate_one_facts(draft: ParentOrder, sized: SizedSignal) -> ParentFacts:
    """Return the parent as gate 1 judges it."""
    sign = 1 if Side(draft.side).is_buy else -1
    reduces = _reduces(draft, sized)
    return ParentFacts(draft.journey_id, draft.id, sized.instrument, sign, draft.quantity, sized.price, reduces)


def unwritten() -> dict[int, tuple[Decimal, Decimal]]:
    """Return by instrument what released parents have still to make orders of, to buy and to sell: no reservation stands for it yet (RSK-1)."""
    ordered = ChildOrder.objects.filter(parent=OuterRef("pk")).order_by().values("parent").annotate(all=Sum("quantity")).values("all")
    left = F("quantity") - Coalesce(Subquery(ordered), Decimal(0))
    found: dict[int, tuple[Decimal, Decimal]] = {}
    releasing = ParentOrder.objects.filter(state=ParentState.RELEASING, done_at=None).annotate(left=left)
    for instrument_id, side, quantity in releasing.values_list("instrument_id", "side", "left"):
        buys, sells = found.get(instrument_id, (Decimal(0), Decimal(0)))
        found[instrument_id] = (buys + quantity, sells) if Side(side).is_buy else (buys, sells + quantity)
    return found


def _reduces(draft: ParentOrder, sized: SizedSignal) -> bool:
    """Return whether every order of this side only takes a position down (CST-7)."""
    quantity, position = sized.result.quantity[:, 0], sized.accounts.position
    mine = np.flatnonzero(quantity > 0 if draft.side == Side.BUY else quantity < 0)
    return bool(np.all((np.sign(quantity[mine]) == -np.sign(position[mine])) & (np.abs(quantity[mine]) <= np.abs(position[mine]))))


def _refuse_beyond_scale(plan: SidePlan, sized: SizedSignal, limit: Decimal) -> None:
    """CON-1: what an account's order would hold in cash must be a number that we can hold."""
    try:
        cash_held(plan.quantity, plan.side, sized.instrument, limit)
    except OverflowError:
        message = (
            f"an order of {sized.instrument.symbol} is worth more {sized.instrument.currency} than fits 64 bits; let it go in smaller ones"
        )
        raise UnableToRelease("CON-1", message, field="figure") from None


def _refuse_crosses(plan: SidePlan, draft: ParentOrder, sized: SizedSignal, now: datetime) -> None:
    """RTE-5: hold what could meet an opposite order of its control group that still works."""
    cross = find_cross(draft, ids=plan.ids, now=now)
    if cross is not None:
        message = f"an opposite order in {sized.instrument.symbol} still works ({cross.why}); release this one when it has ended"
        raise UnableToRelease("RTE-5", message, against=str(cross.against), meeting=cross.meeting.value)
