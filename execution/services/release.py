"""Release a signal: freeze its statement, pass gate 1, write the orders (DESIGN §4.5–6).

Entry points: `release` (names a preview), `run_signal` (receive, size, freeze and release in one go, for programs), `continue_release`.

The first commit holds the statement and the parents (RELEASING); then chunks of at most 1,000 children, each all or nothing. A crash
between chunks leaves parents that `continue_release` finishes from the rows alone.
Invariants: 1. a signal is released once (its row is locked, and its state says so). 2. nothing is sent that is not in a statement's line.
3. gate 1 judged every parent before its first child exists (RSK-1). 4. opposite sides never work at once in one control group (RTE-5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
from django.db import connection

from accounts import queries as accounts
from allocation import queries as allocation
from allocation import services as statements
from allocation.core.signal_body import SignalBody
from allocation.enums import SizingMethod
from allocation.services.sizing import SizedSignal, size_signal
from base import tenancy
from base.errors import Conflict
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit
from market import queries as market
from market.enums import Side
from risk import services as risk
from risk.core.findings import describe

from ..enums import (
    OrderType,
    ParentState,
    QuoteProblem,
    RemainderPolicy,
    RouteKind,
    SharePolicy,
    TimeInForce,
)
from ..gateways.crash import crash_point
from ..models import ParentOrder, Slice
from .children import reserve_rows, write_children
from .crosses import find_cross, meets, one_at_a_time, working_beside
from .planning import CHUNK, SidePlan, is_sliced, limit_of, route_of, side_plan, slice_rows
from .telling import tell_parents

UNIT = 10**8


class UnableToRelease(Conflict):
    """The signal cannot be released now; nothing was written but the record of the refusal."""


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a release left. parents: their ids. blocked: gate 1's findings, when nothing was released. repeated: it had been released before."""

    journey_id: UUID
    statement_id: UUID | None
    parents: tuple[UUID, ...] = ()
    blocked: tuple[str, ...] = ()
    repeated: bool = False
    excluded: tuple[str, ...] = field(default=())


def release(*, firm_id: int, signal_id: UUID, preview_hash: str, actor: Actor | None, now: datetime) -> ReleaseFacts:
    """Release what the named preview shows.

    Opens its own tenancy blocks, one a commit. A signal that was released before gives its first answer again.
    Raises NotFound, UnableToFreeze (409: unknown, expired or changed preview), UnableToRelease (409: opposite orders work, no usable quote).
    """
    with tenancy.firm(firm_id):
        signal = statements.lock_signal(signal_id=signal_id)
        if known := _released_before(signal.id, signal.journey_id):
            return known
        preview = statements.standing_preview(signal=signal, preview_hash=preview_hash, now=now)
        tradable = statements.tradable_ids(actor, signal)
        sized = size_signal(signal=signal, now=now, tradable=tradable, priced_at=preview.created_at)
        statements.check_unchanged(preview=preview, sized=sized)
        facts, plans = _commit_statement(sized, actor, now)
    return _finish(firm_id, facts, plans, now)


def run_signal(*, firm_id: int, source: str, idempotency_key: str, body: SignalBody, actor: Actor | None, now: datetime) -> ReleaseFacts:
    """Receive a signal and release what it sizes to now, without a preview in between: the way of trusted programs and schedules."""
    with tenancy.firm(firm_id):
        received = statements.receive_signal(source=source, idempotency_key=idempotency_key, body=body, actor=actor, now=now)
        signal = statements.lock_signal(signal_id=received.id)
        if known := _released_before(signal.id, signal.journey_id):
            return known
        sized = size_signal(signal=signal, now=now, tradable=statements.tradable_ids(actor, signal))
        facts, plans = _commit_statement(sized, actor, now)
    return _finish(firm_id, facts, plans, now)


def continue_release(*, firm_id: int, now: datetime) -> int:
    """Finish releases that a crash interrupted. Returns how many parents were brought to work."""
    with tenancy.firm(firm_id):
        waiting = list(ParentOrder.objects.filter(state=ParentState.RELEASING).values_list("id", flat=True))
    for parent_id in waiting:
        with tenancy.firm(firm_id):
            parent = ParentOrder.objects.get(pk=parent_id)
            plan = plan_from_rows(parent)
        _write_chunks(firm_id, parent_id, plan, now)
    return len(waiting)


def plan_from_rows(parent: ParentOrder) -> SidePlan:
    """Make a parent's plan again from its statement's lines: the same plan, whenever and wherever."""
    lines = allocation.statement_lines(statement_id=parent.statement_id)
    routing = accounts.routing_facts(account_ids=lines.ids)
    return side_plan(side=Side(parent.side), ids=lines.ids, quantity=lines.quantity, routing=routing, seed=parent.plan_seed)


def _released_before(signal_id: UUID, journey_id: UUID) -> ReleaseFacts | None:
    statement_id = allocation.released_statement(signal_id=signal_id)
    if statement_id is None:
        return None
    parents = ParentOrder.objects.filter(journey_id=journey_id).order_by("id").values_list("id", flat=True)
    left_out = allocation.left_out(statement_id=statement_id)
    return ReleaseFacts(journey_id, statement_id, tuple(parents), repeated=True, excluded=left_out)


def _commit_statement(sized: SizedSignal, actor: Actor | None, now: datetime) -> tuple[ReleaseFacts, list[tuple[UUID, SidePlan]]]:
    """Judge the parents, freeze the statement, write parents and slices; or record why not."""
    quantity = sized.result.quantity[:, 0]
    ids = sized.accounts.ids
    routing = sized.accounts.routing
    seed = sized.signal.tie_seed
    plans = [side_plan(side=side, ids=ids, quantity=quantity, routing=routing, seed=seed) for side in (Side.SELL, Side.BUY)]
    plans = [plan for plan in plans if plan.entries]
    one_at_a_time(instrument_id=sized.instrument.id)
    drafts = [_draft(plan, sized, seed, now) for plan in plans]
    for draft in drafts:
        draft.flattens = draft.flattens and _reduces(draft, sized)
    journey_id = sized.signal.journey_id
    excluded = tuple(f"{e.code}: {e.finding}" for e in sized.excluded)
    findings = [finding for draft in drafts for finding in _gate_one(draft, sized, now)]
    if findings:
        messages = tuple(describe(finding) for finding in findings)
        statements.refuse_signal(signal=sized.signal, actor=actor, now=now, rule=findings[0].rule, reason="; ".join(messages))
        return ReleaseFacts(journey_id, None, blocked=messages, excluded=excluded), []
    frozen = statements.freeze(sized=sized, actor=actor, now=now)
    written = []
    for number, (draft, plan) in enumerate(zip(drafts, plans, strict=True)):
        draft.statement_id = frozen.id
        if number and meets(plans[0].ids, plan.ids, now) is not None:
            draft.state = ParentState.HELD
        draft.save(force_insert=True)
        if is_sliced(RouteKind(draft.route)):
            _write_slices(draft, plan, sized, now)
        elif draft.state == ParentState.RELEASING:
            written.append((draft.id, plan))
    tell_parents([(draft.id, journey_id) for draft in drafts])
    after = {"statement": str(frozen.id), "hash": frozen.hash, "parents": [_summary(draft) for draft in drafts]}
    subject = Subject(SubjectKind.SIGNAL, str(sized.signal.id))
    audit(action=AuditAction.RELEASED, subject=subject, actor=actor, now=now, after=after, journey_id=journey_id, rule="RTE-7")
    return ReleaseFacts(journey_id, frozen.id, tuple(draft.id for draft in drafts), excluded=excluded), written


def _draft(plan: SidePlan, sized: SizedSignal, seed: str, now: datetime) -> ParentOrder:
    """Return the parent of one side, not yet saved: route, limit, figures. Raises UnableToRelease for CON-1, RTE-2 and RTE-5."""
    instrument = sized.instrument
    if plan.total >= 2**63:
        message = f"{_decimal(plan.total):f} {instrument.symbol} in one order do not fit 64 bits"
        raise UnableToRelease("CON-1", message, field="figure")
    _refuse_crosses(plan, sized, now)
    volume = market.minute_volume(instrument_id=instrument.id, now=now)
    beside = working_beside(ids=plan.ids, side=plan.side, instrument_id=instrument.id, now=now)
    route = route_of(quantity=plan.total, working_same_side=beside, minute_volume=volume, unit=_lot(sized))
    is_paper = all(c.is_paper for c in plan.routing.connections)
    limit = limit_of(side=plan.side, quote=sized.quote, instrument=instrument, is_paper=is_paper, now=now)
    if isinstance(limit, QuoteProblem):
        raise UnableToRelease("RTE-2", f"{instrument.symbol} has no usable quote: {limit.value}", field="symbol", value=instrument.symbol)
    return ParentOrder(
        journey_id=sized.signal.journey_id,
        strategy_id=sized.signal.strategy_id,
        instrument_id=instrument.id,
        side=plan.side,
        quantity=_decimal(plan.total),
        state=ParentState.WORKING if is_sliced(route.kind) else ParentState.RELEASING,
        route=route.kind,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        limit_price=limit,
        decision_price=sized.price,
        arrival_price=sized.quote.mid,
        one_minute_volume=volume,
        share_policy=SharePolicy.PRO_RATA,
        remainder_policy=RemainderPolicy.CANCEL,
        plan_seed=seed,
        is_paper=is_paper,
        flattens=sized.signal.method == SizingMethod.CLOSE,
        chunks=plan.chunks,
        created_at=now,
    )


def _gate_one(draft: ParentOrder, sized: SizedSignal, now: datetime) -> list[risk.Finding]:
    return risk.gate_one(
        journey_id=draft.journey_id,
        parent_id=draft.id,
        instrument=sized.instrument,
        side=str(draft.side),
        quantity=draft.quantity,
        price=sized.price,
        reduces=_reduces(draft, sized),
        now=now,
    )


def _reduces(draft: ParentOrder, sized: SizedSignal) -> bool:
    """Return whether every order of this side only takes a position down (CST-7)."""
    quantity, position = sized.result.quantity[:, 0], sized.accounts.position
    mine = np.flatnonzero(quantity > 0 if draft.side == Side.BUY else quantity < 0)
    return bool(np.all((np.sign(quantity[mine]) == -np.sign(position[mine])) & (np.abs(quantity[mine]) <= np.abs(position[mine]))))


def _refuse_crosses(plan: SidePlan, sized: SizedSignal, now: datetime) -> None:
    """RTE-5: hold what could meet an opposite order of its control group that still works."""
    cross = find_cross(ids=plan.ids, side=plan.side, instrument_id=sized.instrument.id, now=now)
    if cross is not None:
        message = f"an opposite order in {sized.instrument.symbol} still works ({cross.why}); release this one when it has ended"
        raise UnableToRelease("RTE-5", message, against=str(cross.against), meeting=cross.meeting.value)


def _write_slices(parent: ParentOrder, plan: SidePlan, sized: SizedSignal, now: datetime) -> None:
    """RTE-3: the slices, and what the whole parent reserves until they take it over."""
    rows, carry = slice_rows(plan, _lot(sized), parent.one_minute_volume, start=now, seed=parent.plan_seed)
    Slice.objects.bulk_create(
        Slice(parent_id=parent.id, number=s.number, due_at=s.due_at, quantity=_decimal(s.quantity), cumulative=_decimal(s.cumulative))
        for s in rows
    )
    if carry:
        ParentOrder.objects.filter(pk=parent.pk).update(carried_qty=_decimal(carry))
    order_ids = np.full(len(plan.ids), np.frombuffer(parent.id.bytes, dtype="V16")[0], dtype="V16")
    everything = np.arange(len(plan.ids))
    limit = parent.limit_price or parent.decision_price
    reserve_rows(order_ids, everything, plan.quantity, plan, sized.signal.strategy.sleeve_id, sized.instrument, limit, now)


def _finish(firm_id: int, facts: ReleaseFacts, plans: list[tuple[UUID, SidePlan]], now: datetime) -> ReleaseFacts:
    crash_point("after_intent_commit")
    for parent_id, plan in plans:
        _write_chunks(firm_id, parent_id, plan, now)
    return facts


def _write_chunks(firm_id: int, parent_id: UUID, plan: SidePlan, now: datetime) -> None:
    """Write the chunks that are missing, each in its own transaction, then let the parent work."""
    while True:
        with tenancy.firm(firm_id):
            parent = ParentOrder.objects.select_for_update().get(pk=parent_id)
            if parent.state != ParentState.RELEASING:
                return
            start = parent.chunks_done * CHUNK
            write_children(
                parent_id=parent.id,
                journey_id=parent.journey_id,
                sleeve_id=allocation.sleeve_of(strategy_id=parent.strategy_id),
                slice_id=None,
                slice_number=0,
                plan=plan,
                entries=plan.entries[start : start + CHUNK],
                quantity=plan.quantity,
                first_sequence=start,
                instrument=market.instrument(parent.instrument_id),
                limit_price=parent.limit_price or parent.decision_price,
                now=now,
            )
            parent.chunks_done += 1
            if parent.chunks_done >= parent.chunks:
                parent.state = ParentState.WORKING
            parent.save(update_fields=["chunks_done", "state"])
            if parent.state == ParentState.WORKING:
                wake_gateways()
                return


def wake_gateways() -> None:
    """Tell the gateways that there is something to claim; they poll anyway."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('mamweb_orders', '')")


def _lot(sized: SizedSignal) -> int:
    return int(sized.instrument.lot_step * UNIT)


def _decimal(scaled: int) -> Decimal:
    return Decimal(scaled).scaleb(-8)


def _summary(draft: ParentOrder) -> dict[str, str]:
    return {"id": str(draft.id), "side": str(draft.side), "quantity": str(draft.quantity), "route": str(draft.route)}
