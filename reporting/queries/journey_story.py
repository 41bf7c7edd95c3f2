"""One decision's story on one timeline, and the list of decisions, as far as a person sees the accounts.

Entry points: `journeys` → `JourneyRow`, `story` → `Story`, `sight_of`. Inside the caller's tenancy block; a fixed number of statements, whatever the
number of accounts. Invariant: where a line is out of sight, every figure is of the lines in sight alone (execution.queries.story).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts import queries as accounts
from allocation.queries.story import LineSummary, StatementFacts, line_summaries, lines_in_sight, statement_facts
from allocation.queries.visible import visible_signals
from base.errors import NotFound
from execution.queries import story as execution
from execution.queries.story import FillFacts, ParentRow, Progress
from governance import queries as governance
from governance.core.subjects import Viewer
from governance.queries import AuditFacts
from governance.queries.people import names_of
from reconciliation.queries.confirmations import Confirmation, confirmations
from reporting.core.journey_words import intent, origin, title
from risk import queries as risk


@dataclass(frozen=True, slots=True)
class JourneyRow:
    """A decision in the list. rate: filled share of what was to be traded, None before a statement."""

    journey_id: UUID
    at: datetime
    who: str
    source: str
    symbol: str
    what: str
    strategy: str
    accounts: int | None
    state: str
    lamp: str
    filled: Decimal
    quantity: Decimal
    rate: Decimal | None
    unknown: int
    denied: int


@dataclass(frozen=True, slots=True)
class Story:
    """Everything one decision's page is made of. signal: the row itself; summary, statement: None before the release."""

    signal: Any
    who: dict[int, str]
    summary: LineSummary | None
    statement: StatementFacts | None
    progress: Progress
    parents: list[ParentRow]
    fills: FillFacts
    bookings: list[Any]
    gates: list[Any]
    trail: list[AuditFacts]
    confirmed: list[Confirmation]

    @property
    def is_whole(self) -> bool:
        """Tell whether every line is in sight."""
        return self.summary is None or self.summary.is_whole

    @property
    def is_open(self) -> bool:
        """Tell whether a parent still works."""
        return any(parent.done_at is None for parent in self.parents)

    @property
    def may_cancel(self) -> list[ParentRow]:
        """Return the parents with something left to cancel."""
        return [one for one in self.parents if one.done_at is None and one.cancel_requested_at is None]

    @property
    def quantity(self) -> Decimal:
        """Return what was to be traded, both sides added."""
        return self.summary.quantity if self.summary else Decimal(0)

    @property
    def what(self) -> str:
        """Return the intent in words."""
        return intent(str(self.signal.method), self.signal.figure, self.signal.instrument.symbol)

    @property
    def title(self) -> str:
        """Return the decision's name by its effect."""
        bought, sold = (self.summary.bought, self.summary.sold) if self.summary else (Decimal(0), Decimal(0))
        return title(self.signal.instrument.symbol, bought, sold, self.what)

    @property
    def state(self) -> tuple[str, str]:
        """Return the state in a word and the shape of its lamp."""
        word, lamp = state_of(str(self.signal.state), self.progress, self.is_open, self.quantity)
        if word in ("Done", "Partly filled") and self.confirmed and all(one.agrees for one in self.confirmed):
            return "Reconciled", ""
        return word, lamp


def journeys(viewer: Viewer, rows: Sequence[Any]) -> list[JourneyRow]:
    """Return these signals as rows of the list; a fixed number of statements."""
    ids = [row.journey_id for row in rows]
    if not ids:
        return []
    summaries = line_summaries(viewer, ids)
    whole = [one for one in ids if one not in summaries or summaries[one].is_whole]
    progress = execution.progress(viewer, whole, [one for one in ids if one in summaries and not summaries[one].is_whole])
    working = execution.open_parents(viewer, ids)
    who = names_of({row.received_by_id for row in rows if row.received_by_id})
    return [
        _row(row, summaries.get(row.journey_id), progress.get(row.journey_id, Progress()), bool(working.get(row.journey_id)), who)
        for row in rows
    ]


def sight_of(viewer: Viewer, journey_id: UUID) -> tuple[Any, LineSummary | None]:
    """Return the signal, and what of its newest statement is in sight. Raises NotFound."""
    signal = visible_signals(viewer).filter(journey_id=journey_id).select_related("instrument", "strategy").first()
    if signal is None:
        raise NotFound("journey")
    return signal, line_summaries(viewer, [journey_id]).get(journey_id)


def story(viewer: Viewer, journey_id: UUID) -> Story:
    """Return one decision's story. Raises NotFound."""
    signal, summary = sight_of(viewer, journey_id)
    is_whole = summary is None or summary.is_whole
    done = execution.progress(viewer, [journey_id] if is_whole else [], [] if is_whole else [journey_id])
    fills = execution.fill_facts(viewer, journey_id=journey_id, is_whole=is_whole)
    statement = statement_facts(viewer, statement_id=summary.statement_id, is_whole=is_whole) if summary else None
    trail = governance.trail_of_journey(journey_id)
    named = (signal.received_by_id, statement.released_by_id if statement else None, *(event.actor_id for event in trail))
    return Story(
        signal=signal,
        who=names_of({one for one in named if one is not None}),
        summary=summary,
        statement=statement,
        progress=done.get(journey_id, Progress()),
        parents=execution.parents_of(viewer, journey_id=journey_id, is_whole=is_whole),
        fills=fills,
        bookings=execution.bookings_of(viewer, journey_id=journey_id, is_whole=is_whole),
        gates=gates_in_sight(viewer, journey_id=journey_id),
        trail=trail,
        confirmed=_confirmed(viewer, summary, signal.instrument_id, fills),
    )


def gates_in_sight(viewer: Viewer, *, journey_id: UUID) -> list[Any]:
    """Return what the gates decided about the firm, and about accounts in sight."""
    decisions = risk.gate_decisions(journey_id=journey_id)
    named = {account_id for one in decisions for account_id in one.account_ids}
    if not named or viewer.oversight:
        return decisions
    seen = set(accounts.visible_to(viewer.user_id, on=viewer.on).filter(pk__in=named).values_list("id", flat=True))
    return [one for one in decisions if not one.account_ids or seen.issuperset(one.account_ids)]


def state_of(signal_state: str, done: Progress, is_open: bool, quantity: Decimal) -> tuple[str, str]:
    """Return a decision's state in a word, and the shape of its lamp; the worst first."""
    if done.unknown:
        return "Unknown", "unknown"
    if signal_state == "refused":
        return "Refused", "blocked"
    if is_open or done.working:
        return "Working", "part"
    if signal_state == "received":
        return "Stated", "off"
    if done.orders and not done.filled:
        return ("Denied", "blocked") if done.denied else ("Not filled", "off")
    if not done.orders and not quantity:
        return "Nothing ordered", "off"
    return ("Done", "") if done.filled >= quantity else ("Partly filled", "part")


def _row(row: Any, summary: LineSummary | None, done: Progress, is_open: bool, who: dict[int, str]) -> JourneyRow:
    quantity = summary.quantity if summary else Decimal(0)
    word, lamp = state_of(str(row.state), done, is_open, quantity)
    return JourneyRow(
        row.journey_id, row.received_at, who.get(row.received_by_id, "") if row.received_by_id else "", origin(row.source), row.instrument.symbol,
        intent(str(row.method), row.figure, row.instrument.symbol), row.strategy.code, summary.ordered if summary else None, word, lamp,
        done.filled, quantity, done.filled / quantity if quantity else None, done.unknown, done.denied,
    )  # fmt: skip


def _confirmed(viewer: Viewer, summary: LineSummary | None, instrument_id: int, fills: FillFacts) -> list[Confirmation]:
    if summary is None or not fills.days:
        return []
    lines = lines_in_sight(viewer, statement_id=summary.statement_id, is_whole=summary.is_whole).exclude(quantity=0)
    return confirmations(lines, instrument_id=instrument_id, days=fills.days)
