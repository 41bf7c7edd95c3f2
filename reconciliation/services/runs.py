"""One run of reconciliation: a custodian's snapshot against our books, and what follows (REC-1 to REC-4).

Entry points: `reconcile_custodian`, `RunFacts`, `UnableToReconcile`, `due_at_of`.
Invariants: 1. a run, its breaks, its alert and its audit event stand or fall together; 2. a repetition that finds the same changes nothing;
3. without a whole file a run is INCOMPLETE, whatever else agrees; 4. two runs of one custodian never overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import numpy as np

from base.core.ids import digest, new_id
from base.errors import Refused
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, AuditAction, Role, SubjectKind
from governance.services import audit, end_alert, raise_alert
from market.core import calendars

from ..core.amounts import match_amounts
from ..core.expectation import NO_TIMING, TimingTable
from ..core.fixed import to_day
from ..core.matching import Reconciliation, reconcile
from ..core.sla import due_at
from ..core.snapshot import Snapshot, make_table, section_of
from ..enums import ItemKind, RunState
from ..models import ReconciliationRun
from ..queries.codebook import Codebook, codebook_of
from ..queries.columns import execute
from ..queries.expected import comparable, expectation_of, recognised
from .carrying import Coverage, plan, save
from .snapshots import GATEWAY, Taken, stored_snapshot


class UnableToReconcile(Refused):
    """A run that makes no sense. code: NOT_A_SESSION, TOO_EARLY."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Outcome of a run. open, material: breaks it left; opened, closed: what changed; repeated: it found what the run before had found."""

    id: UUID
    state: RunState
    as_of: date
    reasons: tuple[str, ...]
    items: int
    open: int
    material: int
    opened: int
    closed: int
    due_at: datetime
    late: bool
    repeated: bool


def reconcile_custodian(
    *, custodian_id: UUID, as_of: date, now: datetime, taken: Taken | None = None, refused: str = "", actor: Actor | None = None
) -> RunFacts:
    """Compare a custodian's newest snapshot of a date with our books, and keep the run with its breaks.

    taken: the snapshot where the caller has just taken it, else it is read again. refused: why a file was not taken; without a snapshot
    it is the reason the run gives. Safe to repeat. Raises NotFound, UnableToReconcile.
    """
    execute("SELECT pg_advisory_xact_lock(hashtextextended(%(id)s::text, 20))", {"id": custodian_id})
    taken = taken or stored_snapshot(custodian_id=custodian_id, as_of=as_of)
    book = taken.book if taken else codebook_of(custodian_id=custodian_id)
    _check(book, as_of, now)
    outcome, covered, items = _compare(book, taken, as_of, refused)
    made = plan(book, outcome.breaks, covered, as_of=as_of, now=now, is_business_day=lambda day: calendars.is_session(book.calendar, day))
    incomplete = [book.account_ids[code] for code in np.flatnonzero(outcome.incomplete)]
    identity = digest(
        {
            "snapshot": taken.snapshot_id if taken else None,
            "state": outcome.state,
            "reasons": outcome.reasons,
            "incomplete": incomplete,
            "timing": _timing_rows(book, outcome.open_timing),
            "breaks": made.content(),
        }
    )
    known = ReconciliationRun.objects.filter(custodian_id=custodian_id, as_of=as_of).order_by("-started_at", "-id").first()
    due = due_at_of(book.calendar, as_of)
    repeated = known is not None and known.outcome_sha256 == identity and not made.gone and not made.fresh
    run = known if known is not None and repeated else None
    if run is None:
        run = ReconciliationRun.objects.create(
            id=new_id(),
            custodian_id=custodian_id,
            as_of=as_of,
            snapshot_id=taken.snapshot_id if taken else None,
            state=outcome.state,
            due_at=due,
            started_at=now,
            finished_at=now,
            items=items,
            reasons=list(outcome.reasons),
            incomplete=incomplete,
            open_timing=_timing_rows(book, outcome.open_timing),
            outcome_sha256=identity,
        )
        save(made, book, run_id=run.id, as_of=as_of, now=now)
        _tell(book, run, now, actor, {"opened": len(made.fresh), "closed": len(made.gone), "open": len(outcome.breaks)})
    return RunFacts(
        id=run.id,
        state=RunState(run.state),
        as_of=as_of,
        reasons=tuple(run.reasons),
        items=run.items,
        open=len(outcome.breaks),
        material=sum(found.material for found in outcome.breaks),
        opened=0 if repeated else len(made.fresh),
        closed=len(made.gone),
        due_at=due,
        late=(run.finished_at or now) > due,
        repeated=repeated,
    )


def due_at_of(calendar: str, as_of: date) -> datetime:
    """Return by when a date must be reconciled: 60 minutes after the custodian's calendar closes (or cuts off) on it (REC-1)."""
    return due_at(calendars.session_close(calendar, as_of))


def subject_of(book: Codebook) -> Subject:
    """Return how the audit trail and alerts name a custodian."""
    return Subject(SubjectKind.BROKER_CONNECTION, str(book.custodian_id))


def _check(book: Codebook, as_of: date, now: datetime) -> None:
    if not calendars.is_session(book.calendar, as_of):
        raise UnableToReconcile("NOT_A_SESSION", f"{as_of} is not a session of {book.calendar}", value=as_of)
    close = calendars.session_close(book.calendar, as_of)
    if now < close:
        raise UnableToReconcile("TOO_EARLY", f"{as_of} closes at {close}", value=as_of)


def _compare(book: Codebook, taken: Taken | None, as_of: date, refused: str) -> tuple[Reconciliation, Coverage, int]:
    timing = _open_timing(book, as_of)
    if taken is None:
        nothing = np.zeros(len(book.account_ids), np.bool_)
        reasons = (refused or "no file",)
        outcome = Reconciliation(RunState.INCOMPLETE, reasons, (), book.open_on(to_day(as_of)), nothing, nothing, timing)
        return outcome, Coverage(frozenset(), frozenset(), frozenset()), 0
    theirs = comparable(book, taken.snapshot)
    instant = calendars.session_close(book.calendar, as_of)
    ours = expectation_of(book, as_of, instant, timing, charges_only=taken.source.startswith(GATEWAY))
    expectation = replace(ours.expectation, trades=recognised(ours.expectation.trades, theirs.trades))
    outcome = reconcile(expectation, theirs, book.directory, ours.rates)
    items = sum(len(section_of(theirs, item)) for item in ItemKind)
    differing = match_amounts(ItemKind.CASH_TD, expectation.cash_td, theirs.cash_td, len(book.directory.currencies))
    names, currencies = book.directory.accounts, book.directory.currencies
    unequal = zip(differing.account.tolist(), differing.currency.tolist(), strict=True)
    cash_differs = frozenset((names[account], currencies[currency]) for account, currency in unequal)
    return outcome, _coverage(book, outcome, theirs, cash_differs), items


def _coverage(book: Codebook, outcome: Reconciliation, theirs: Snapshot, cash_differs: frozenset[tuple[str, str]]) -> Coverage:
    accounts = frozenset(book.directory.accounts[code] for code in np.flatnonzero(theirs.covered))
    return Coverage(accounts, theirs.sections, cash_differs)


def _open_timing(book: Codebook, as_of: date) -> TimingTable:
    """Return what the last run of an earlier date left waiting for its settle date; unknown accounts and currencies are left out."""
    rows = (
        ReconciliationRun.objects.filter(custodian_id=book.custodian_id, as_of__lt=as_of)
        .order_by("-as_of", "-started_at", "-id")
        .values_list("open_timing", flat=True)
        .first()
    )
    if not rows:
        return NO_TIMING
    account, currency = book.directory.account_code, book.directory.currency_code
    return make_table(TimingTable, [(account[a], currency[c], *rest) for a, c, *rest in rows if a in account and c in currency])


def _timing_rows(book: Codebook, timing: TimingTable) -> list[list[str | int]]:
    names, currencies = book.directory.accounts, book.directory.currencies
    columns = (timing.our_amount, timing.their_amount, timing.our_settle_day, timing.their_settle_day)
    rest = zip(*(column.tolist() for column in columns), strict=True)
    pairs = zip(timing.account.tolist(), timing.currency.tolist(), rest, strict=True)
    return sorted([names[account], currencies[currency], *figures] for account, currency, figures in pairs)


def _tell(book: Codebook, run: ReconciliationRun, now: datetime, actor: Actor | None, counts: dict[str, int]) -> None:
    subject = subject_of(book)
    after = {
        "custodian": book.code,
        "as_of": str(run.as_of),
        "run": str(run.id),
        "state": str(run.state),
        "reasons": list(run.reasons),
        "items": run.items,
        "snapshot": str(run.snapshot_id or ""),
        **counts,
    }
    audit(action=AuditAction.RECONCILED, subject=subject, actor=actor, now=now, after=after, rule="REC-1")
    key = f"REC-1|{book.custodian_id}|{run.as_of}"
    if run.state == RunState.INCOMPLETE:
        message = f"{book.code} {run.as_of}: {'; '.join(run.reasons)}"[:400]
        raise_alert(
            tier=AlertTier.WARNING, audience=Role.OPERATIONS, rule="REC-1", subject=subject, message=message, now=now, dedupe_key=key
        )
    else:
        end_alert(dedupe_key=key, now=now)
