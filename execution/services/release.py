"""Release a signal: freeze its statement, pass gate 1, write the orders (DESIGN §4.5–6).

Entry points: `release` (names a preview), `run_signal` (receive, size, freeze and release in one go, for programs), `continue_release`.

The first commit holds the statement and the parents (RELEASING); then chunks of at most 1,000 children, each all or nothing. A crash
between chunks leaves parents that `continue_release` finishes from the rows alone.
Invariants: 1. a signal is released once (its row is locked, and its state says so). 2. nothing is sent that is not in a statement's line.
3. gate 1 judged every parent before its first child exists (RSK-1). 4. opposite sides never work at once in one control group (RTE-5).
5. what was released before is counted, whether its orders are written or not: by sizing, by gate 1, and while it is held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import numpy as np
from django.db import connection

from accounts import queries as accounts
from allocation import queries as allocation
from allocation import services as statements
from allocation.core.signal_body import SignalBody
from allocation.services.sizing import SizedSignal, size_signal
from base import tenancy
from base.errors import Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AuditAction, SubjectKind
from governance.services import audit
from market import queries as market
from market.enums import Side
from risk import services as risk
from risk.core.findings import describe

from ..enums import ParentState, RouteKind, TimeInForce
from ..gateways.crash import crash_point
from ..models import ParentOrder, Slice
from .alarms import alarm_stuck
from .children import reserve_rows, write_children
from .crosses import meets, one_at_a_time
from .drafting import gate_one_facts, parent_of, plans_of, unwritten
from .overrides import spend_approval
from .planning import CHUNK, SidePlan, is_sliced, side_plan, slice_rows
from .telling import tell_parents

UNIT = 10**8


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a release left. parents: their ids. blocked: gate 1's findings, when nothing was released. repeated: it had been released before."""

    journey_id: UUID
    statement_id: UUID | None
    parents: tuple[UUID, ...] = ()
    blocked: tuple[str, ...] = ()
    repeated: bool = False
    excluded: tuple[str, ...] = field(default=())


class Within(Protocol):
    """What joins the first commit of a release."""

    def before(self) -> None:
        """Lock and check what the release is for, before anything is sized."""

    def after(self, sized: SizedSignal, facts: ReleaseFacts) -> None:
        """Record what was released; nothing is committed yet."""


def release(
    *, firm_id: int, signal_id: UUID, preview_hash: str, actor: Actor | None, now: datetime, approval_id: UUID | None = None
) -> ReleaseFacts:
    """Release what the named preview shows.

    approval_id: a second person's yes to exactly these orders over the limits of gate 1 that they pass (GOV-4); it is spent.
    Opens its own tenancy blocks, one a commit. A signal that was released before gives its first answer again.
    Raises NotFound, UnableToFreeze (409: unknown, expired or changed preview), UnableToRelease (409: opposite orders work, no usable quote).
    """
    with tenancy.firm(firm_id):
        signal = statements.lock_signal(signal_id=signal_id)
        if known := _released_before(signal.id, signal.journey_id):
            return known
        _count_others(signal.instrument_id, now)
        preview = statements.standing_preview(signal=signal, preview_hash=preview_hash, now=now)
        tradable = statements.tradable_ids(actor, signal)
        sized = size_signal(signal=signal, now=now, tradable=tradable, priced_at=preview.created_at)
        statements.check_unchanged(preview=preview, sized=sized)
        facts, plans = _commit_statement(sized, actor, now, approval_id)
    return _finish(firm_id, facts, plans, now)


def run_signal(
    *,
    firm_id: int,
    source: str,
    idempotency_key: str,
    body: SignalBody,
    actor: Actor | None,
    now: datetime,
    within: Within | None = None,
) -> ReleaseFacts:
    """Receive a signal and release what it sizes to now, without a preview in between: the way of trusted programs and schedules.

    within: what is to stand or fall with the release's first commit; what it raises undoes all of it.
    """
    with tenancy.firm(firm_id):
        received = statements.receive_signal(source=source, idempotency_key=idempotency_key, body=body, actor=actor, now=now)
        signal = statements.lock_signal(signal_id=received.id)
        if known := _released_before(signal.id, signal.journey_id):
            return known
        _count_others(signal.instrument_id, now)
        if within is not None:
            within.before()
        sized = size_signal(signal=signal, now=now, tradable=statements.tradable_ids(actor, signal))
        facts, plans = _commit_statement(sized, actor, now)
        if within is not None and facts.statement_id is not None:
            within.after(sized, facts)
    return _finish(firm_id, facts, plans, now)


def continue_release(*, firm_id: int, now: datetime) -> int:
    """Finish releases that a crash interrupted; one that cannot go on holds up no other. Returns how many parents were brought to work."""
    with tenancy.firm(firm_id):
        waiting = list(ParentOrder.objects.filter(state=ParentState.RELEASING).values_list("id", flat=True))
    done = 0
    for parent_id in waiting:
        try:
            with tenancy.firm(firm_id):
                parent = ParentOrder.objects.get(pk=parent_id)
                plan = plan_from_rows(parent)
            _write_chunks(firm_id, parent_id, plan, now)
            done += 1
        except (ValueError, ArithmeticError, LookupError, Refused) as error:
            alarm_stuck(firm_id, parent_id, error, now)
    return done


def plan_from_rows(parent: ParentOrder) -> SidePlan:
    """Make a parent's plan again from its statement's lines: the same plan, whenever and wherever."""
    lines = allocation.statement_lines(statement_id=parent.statement_id)
    routing = accounts.routing_facts(account_ids=lines.ids)
    return side_plan(side=Side(parent.side), ids=lines.ids, quantity=lines.quantity, routing=routing, seed=parent.plan_seed)


def _count_others(instrument_id: int, now: datetime) -> None:
    """Let sizing find what other releases in the instrument have ordered: it knows of orders by their reservations, so what is not written yet is."""
    one_at_a_time(instrument_id=instrument_id)
    waiting = ParentOrder.objects.filter(instrument_id=instrument_id, state=ParentState.RELEASING, done_at=None).order_by("id")
    for parent in waiting.select_for_update():
        plan = plan_from_rows(parent)
        while parent.state == ParentState.RELEASING:
            _write_chunk(parent, plan, now)


def _released_before(signal_id: UUID, journey_id: UUID) -> ReleaseFacts | None:
    statement_id = allocation.released_statement(signal_id=signal_id)
    if statement_id is None:
        return None
    parents = ParentOrder.objects.filter(journey_id=journey_id).order_by("id").values_list("id", flat=True)
    left_out = allocation.left_out(statement_id=statement_id)
    return ReleaseFacts(journey_id, statement_id, tuple(parents), repeated=True, excluded=left_out)


def _commit_statement(
    sized: SizedSignal, actor: Actor | None, now: datetime, approval_id: UUID | None = None
) -> tuple[ReleaseFacts, list[tuple[UUID, SidePlan]]]:
    """Judge the parents, freeze the statement, write parents and slices; or record why not."""
    plans = plans_of(sized)
    one_at_a_time(instrument_id=sized.instrument.id)
    drafts = [parent_of(plan, sized, now) for plan in plans]
    journey_id = sized.signal.journey_id
    excluded = tuple(f"{e.code}: {e.finding}" for e in sized.excluded)
    findings = [finding for draft in drafts for finding in _gate_one(draft, sized, now)]
    if findings and approval_id is not None:
        spend_approval(approval_id=approval_id, sized=sized, findings=findings, actor=actor, now=now)
    elif findings:
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
        is_held = draft.state == ParentState.HELD
        if is_sliced(RouteKind(draft.route)):
            _write_slices(draft, plan, sized, now)
        elif not is_held:
            written.append((draft.id, plan))
        if is_held or is_sliced(RouteKind(draft.route)):
            _reserve_whole(draft, plan, sized, now)
    tell_parents([(draft.id, journey_id) for draft in drafts])
    after = {"statement": str(frozen.id), "hash": frozen.hash, "parents": [_summary(draft) for draft in drafts]}
    subject = Subject(SubjectKind.SIGNAL, str(sized.signal.id))
    audit(
        action=AuditAction.RELEASED,
        subject=subject,
        actor=actor,
        now=now,
        after=after,
        journey_id=journey_id,
        rule="RTE-7",
        approval_id=approval_id,
    )
    return ReleaseFacts(journey_id, frozen.id, tuple(draft.id for draft in drafts), excluded=excluded), written


def _gate_one(draft: ParentOrder, sized: SizedSignal, now: datetime) -> list[risk.Finding]:
    facts = gate_one_facts(draft, sized)
    return risk.gate_one_many(parents=[facts], now=now, pending=unwritten)[0]


def _write_slices(parent: ParentOrder, plan: SidePlan, sized: SizedSignal, now: datetime) -> None:
    """RTE-3: the slices."""
    rows, carry = slice_rows(plan, _lot(sized), parent.one_minute_volume, start=now, seed=parent.plan_seed)
    Slice.objects.bulk_create(
        Slice(parent_id=parent.id, number=s.number, due_at=s.due_at, quantity=_decimal(s.quantity), cumulative=_decimal(s.cumulative))
        for s in rows
    )
    if carry:
        ParentOrder.objects.filter(pk=parent.pk).update(carried_qty=_decimal(carry))


def _reserve_whole(parent: ParentOrder, plan: SidePlan, sized: SizedSignal, now: datetime) -> None:
    """Reserve under the parent's name for what has no orders yet: all slices of it, or all of it while it is held."""
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
    is_releasing = True
    while is_releasing:
        with tenancy.firm(firm_id):
            parent = ParentOrder.objects.select_for_update().get(pk=parent_id)
            if parent.state != ParentState.RELEASING:
                return
            _write_chunk(parent, plan, now)
            is_releasing = parent.state == ParentState.RELEASING


def _write_chunk(parent: ParentOrder, plan: SidePlan, now: datetime) -> None:
    """Write the next chunk of a parent that is RELEASING and locked; after the last it works."""
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
        time_in_force=TimeInForce(parent.time_in_force),
        now=now,
    )
    parent.chunks_done += 1
    if parent.chunks_done >= parent.chunks:
        parent.state = ParentState.WORKING
    parent.save(update_fields=["chunks_done", "state"])
    if parent.state == ParentState.WORKING:
        wake_gateways()


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
