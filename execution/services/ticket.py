"""One ticket for many accounts: what it would do (nothing written), and its release, the very way of any other signal.

Entry points: `preview_ticket`, `release_ticket`, `ask_about_ticket`.
The way of a release: receive the signal as of the instant it was shown → preview it at the prices shown → compare with what was shown → `release`.

Invariants: 1. a preview writes nothing. 2. what is released is what was shown: every input but newer prices within the collar of RSK-2 (1%), within
60 s. 3. one key is released once, however often it comes; the repeat gets the first answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from accounts import queries as accounts
from allocation import services as allocation
from allocation.core.signal_body import SignalBody
from allocation.services.sizing import SizedSignal
from base import tenancy
from base.errors import Refused
from governance.core.subjects import Actor
from governance.enums import ApprovalState
from governance.queries import ApprovalFacts
from market import queries as market
from market.enums import BarInterval
from risk import queries as risk
from risk.core.findings import Finding, describe
from risk.core.gate_two import MAX_MOVE_BPS

from ..core.costs import CostFacts, CostLine, daily_sigma_bps, expected_cost
from ..enums import RouteKind
from ..models import ParentOrder
from .drafting import UnableToRelease, parent_of, plans_of
from .overrides import approval_of, ask_for_approval, is_waivable
from .planning import SidePlan
from .release import ReleaseFacts, release
from .ticket_gates import GateLine, judge_lots, judge_parents
from .ticket_rows import Figures, TicketRow, TicketTotals, figures_of, left_out_rows, row_of, totals_of

SHOWN_FOR = timedelta(seconds=60)
MOST_ROWS = 100
MOST_DIFFERENCES = 50
_SIGMA_LOOKBACK = timedelta(days=45)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person saw when they pressed the button. orders: account code → quantity as text, of everybody who orders something."""

    at: datetime
    hash: str
    body_sha256: str
    price: str
    orders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TicketPreview:
    """A ticket as it would be released at `at`. problem: why it cannot be released at all. parents: the orders of both sides, not saved."""

    sized: SizedSignal
    at: datetime
    rows: list[TicketRow]
    hidden: int
    totals: TicketTotals
    parents: list[ParentOrder]
    problem: Refused | None
    gate_one: list[GateLine]
    findings: list[Finding]
    gate_two: list[GateLine]
    costs: list[CostLine]
    cost_total: CostLine | None
    approval: ApprovalFacts | None
    shown: Shown

    @property
    def blocked(self) -> list[str]:
        """Return what gate 1 finds, in words."""
        return [describe(finding) for finding in self.findings]

    @property
    def waivable(self) -> bool:
        """Tell whether a second person may let it pass (GOV-4)."""
        return is_waivable(self.findings)

    @property
    def is_approved(self) -> bool:
        """Tell whether a second person has let exactly this pass."""
        return self.approval is not None and self.approval.state is ApprovalState.APPROVED

    @property
    def can_release(self) -> bool:
        """Tell whether the button does anything."""
        return self.problem is None and self.totals.accounts > 0 and (not self.findings or self.is_approved)

    @property
    def is_sliced(self) -> bool:
        """Tell whether an order goes over time (RTE-1)."""
        return any(RouteKind(parent.route) is not RouteKind.MARKETABLE_LIMIT for parent in self.parents)


def source_of(actor: Actor) -> str:
    """Return where a person's tickets come from, as signals name it."""
    return f"ticket:{actor.user_id}"


def preview_ticket(*, key: str, body: SignalBody, actor: Actor, now: datetime, show_all: bool = False) -> TicketPreview:
    """Return what a release would do now, in the caller's block; nothing is written.

    Raises NotFound, InvalidInputs, UnableToSize. Source: DESIGN §4.2–5, RSK-1.
    """
    sized = allocation.size_draft(source=source_of(actor), idempotency_key=key, body=body, actor=actor, now=now)
    lines = figures_of(sized)
    plans = plans_of(sized)
    parents: list[ParentOrder] = []
    problem: Refused | None = None
    try:
        parents = [parent_of(plan, sized, now) for plan in plans]
    except UnableToRelease as refused:
        problem = refused
    gate_one, findings = judge_parents(parents, sized, now)
    rows, hidden = _rows(sized, lines, actor, show_all)
    costs, total = _costs(sized, plans, now)
    approval = approval_of(sized=sized, now=now) if findings and sized.signal.journey_id.int else None
    return TicketPreview(
        sized=sized,
        at=now,
        rows=rows,
        hidden=hidden,
        totals=totals_of(sized, lines),
        parents=parents,
        problem=problem,
        gate_one=gate_one,
        findings=findings,
        gate_two=judge_lots(plans, sized, now),
        costs=costs,
        cost_total=total,
        approval=approval,
        shown=shown_of(sized, now),
    )


def shown_of(sized: SizedSignal, at: datetime) -> Shown:
    """Return what a person sees of a sizing, to be compared with at its release."""
    return Shown(at, allocation.shown_hash(sized), sized.signal.body_sha256, str(sized.price), _orders(sized))


def release_ticket(
    *, firm_id: int, key: str, body: SignalBody, shown: Shown, actor: Actor, now: datetime, reason: str = ""
) -> ReleaseFacts:
    """Release what was shown; opens its own tenancy blocks. A key that was released gives its first answer again.

    Raises UnableToReceive, NotFound, InvalidInputs, UnableToSize, UnableToRelease with code preview_expired, price_moved or preview_changed (409,
    context `differences`: what, before, after); nothing is written then. What gate 1 refuses comes back as `blocked`.
    """
    source = source_of(actor)
    with tenancy.firm(firm_id):
        signal_id, known = _received(source, key, body, shown, actor, now, reason)
        if known is not None:
            return ReleaseFacts(known, None, repeated=True)
        preview = allocation.preview_signal(signal_id=signal_id, actor=actor, now=now, priced_at=shown.at)
        _refuse_changes(preview.sized, shown, now)
        approval = approval_of(sized=preview.sized, now=now)
    approved = approval.id if approval is not None and approval.state is ApprovalState.APPROVED else None
    return release(firm_id=firm_id, signal_id=signal_id, preview_hash=preview.hash, actor=actor, now=now, approval_id=approved)


def ask_about_ticket(*, key: str, body: SignalBody, shown: Shown, actor: Actor, now: datetime, reason: str) -> UUID:
    """Receive the signal and ask a second person to let it pass gate 1's limits; returns the request's id. In the caller's block.

    Raises as `release_ticket`, UnableToApprove, UnableToOverride. Source: GOV-4.
    """
    signal_id, known = _received(source_of(actor), key, body, shown, actor, now, reason)
    if known is not None:
        raise UnableToRelease("released", "this ticket has been released")
    sized = allocation.preview_signal(signal_id=signal_id, actor=actor, now=now, priced_at=shown.at).sized
    _refuse_changes(sized, shown, now)
    parents = [parent_of(plan, sized, now) for plan in plans_of(sized)]
    _, findings = judge_parents(parents, sized, now)
    return ask_for_approval(sized=sized, findings=findings, actor=actor, now=now, reason=reason)


def _received(source: str, key: str, body: SignalBody, shown: Shown, actor: Actor, now: datetime, reason: str) -> tuple[UUID, UUID | None]:
    """Record the signal and lock it; returns its id, and its journey where it was released before."""
    if (known := allocation.released_journey(source=source, idempotency_key=key)) is not None:
        return known, known
    allocation.check_may_state(user_id=int(actor.user_id), body=body)
    _refuse_old(body, shown, now)
    facts = allocation.receive_signal(
        source=source, idempotency_key=key, body=body, actor=actor, now=now, stated_at=shown.at, reason=reason
    )
    allocation.lock_signal(signal_id=facts.id)
    return facts.id, allocation.released_journey(source=source, idempotency_key=key)


def _refuse_old(body: SignalBody, shown: Shown, now: datetime) -> None:
    if body.sha256 != shown.body_sha256:
        raise UnableToRelease("preview_changed", "the ticket was changed after this preview; look at it again")
    if not shown.at <= now < shown.at + SHOWN_FOR:
        until = shown.at + SHOWN_FOR
        raise UnableToRelease("preview_expired", f"the preview was good until {until:%H:%M:%S} UTC; look at the new one")


def _refuse_changes(sized: SizedSignal, shown: Shown, now: datetime) -> None:
    """Compare what would be released with what was shown; the prices shown stand while the market is within 1% of them (RSK-2)."""
    quote = market.latest_quotes(instrument_ids=[sized.instrument.id], now=now).get(sized.instrument.id)
    fresh = None if quote is None else quote.last or quote.mid
    if fresh is not None and abs(fresh - sized.price) * 10_000 > sized.price * MAX_MOVE_BPS:
        rows = [{"what": "Price", "before": f"{sized.price:f}", "after": f"{fresh:f}"}]
        raise UnableToRelease("price_moved", "the price moved more than 1% since it was shown (RSK-2)", differences=rows)
    if allocation.shown_hash(sized) == shown.hash:
        return
    rows = _differences(shown, sized)
    message = (
        "the orders are not what was shown" if rows else "cash, positions or limits changed since it was shown; the orders stay the same"
    )
    raise UnableToRelease("preview_changed", message, differences=rows[:MOST_DIFFERENCES], more=max(len(rows) - MOST_DIFFERENCES, 0))


def _differences(shown: Shown, sized: SizedSignal) -> list[dict[str, str]]:
    """Return every account whose order is another than the one shown, by code."""
    after = _orders(sized)
    codes = sorted(shown.orders.keys() | after.keys())
    return [
        {"what": code, "before": shown.orders.get(code, "–"), "after": after.get(code, "–")}
        for code in codes
        if shown.orders.get(code) != after.get(code)
    ]


def _orders(sized: SizedSignal) -> dict[str, str]:
    quantities = sized.result.quantity[:, 0].tolist()
    pairs = zip(sized.accounts.codes, quantities, strict=True)
    return {code: f"{Decimal(quantity).scaleb(-8).normalize():f}" for code, quantity in pairs if quantity}


def _rows(sized: SizedSignal, lines: Sequence[Figures], actor: Actor, show_all: bool) -> tuple[list[TicketRow], int]:
    """Return the lines to show by account code, with names, and how many are not shown."""
    places: list[tuple[str, int]] = [(code, place) for place, code in enumerate(sized.accounts.codes)]
    places += [(one.code, -1 - number) for number, one in enumerate(sized.excluded)]
    places.sort()
    wanted = places if show_all else places[:MOST_ROWS]
    ids = [UUID(sized.account_ids[at] if at >= 0 else sized.excluded[-1 - at].account_id) for _, at in wanted]
    named = accounts.visible_to(int(actor.user_id)).filter(pk__in=ids).values_list("id", "name")
    names = {str(pk): name for pk, name in named}
    out = left_out_rows(sized, names)
    rows = [row_of(sized, lines[at], names.get(sized.account_ids[at], "")) if at >= 0 else out[-1 - at] for _, at in wanted]
    return rows, len(places) - len(wanted)


def _costs(sized: SizedSignal, plans: Sequence[SidePlan], now: datetime) -> tuple[list[CostLine], CostLine | None]:
    if not plans:
        return [], None
    instrument = sized.instrument
    quantity = Decimal(sum(plan.total for plan in plans)).scaleb(-8)
    closes = market.bars(instrument_id=instrument.id, since=now - _SIGMA_LOOKBACK, until=now, interval=BarInterval.DAY).close
    facts = CostFacts(
        quantity=quantity,
        notional=quantity * sized.price * instrument.multiplier,
        bid=sized.quote.bid,
        ask=sized.quote.ask,
        volume=risk.average_daily_volumes(instrument_ids=[instrument.id], now=now).get(instrument.id),
        sigma_bps=daily_sigma_bps(closes.tolist()),
        orders=sum(len(plan.entries) for plan in plans),
        limit=sized.signal.limit_price if len(plans) == 1 else None,
        is_buy=plans[0].side.is_buy,
    )
    return expected_cost(facts)
