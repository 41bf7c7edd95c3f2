"""One run of reconciliation: a custodian's snapshot against our books, and what follows (REC-1 to REC-4).

Entry points: `reconcile_custodian`, `reconcile_file`, `RunFacts`, `UnableToReconcile`, `due_at_of`.
Invariants: 1. a run, its breaks, its alert and its audit event stand or fall together; 2. a repetition that finds the same in the same books changes nothing;
3. without a whole file a run is INCOMPLETE, whatever else agrees; 4. two runs of one custodian never overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import numpy as np

from base.core.ids import digest, new_id
from base.errors import Refused
from base.live import Behind, Topic, announce
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, AuditAction, Role, SubjectKind
from governance.services import audit, end_alert, raise_alert
from market.core import calendars

from ..core.expectation import NO_TIMING, TimingTable
from ..core.fixed import Bools, to_day
from ..core.matching import Reconciliation
from ..core.sla import due_at
from ..core.snapshot import make_table
from ..enums import RunState
from ..models import ReconciliationRun
from ..queries.codebook import Codebook, codebook_of
from ..queries.columns import execute
from ..queries.expected import OurSide, expectation_of
from ..queries.since import booked_since
from .carrying import Coverage, plan, save
from .comparing import Compared, compare
from .snapshots import FILE, GATEWAY, Taken, date_in, is_known_session, read_file, store, stored_snapshot


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
    _lock(custodian_id)
    if taken is None or taken.source.startswith(f"{GATEWAY} "):  # of one connection: the others' reports belong to the day too
        taken = stored_snapshot(custodian_id=custodian_id, as_of=as_of)
    book = taken.book if taken else codebook_of(custodian_id=custodian_id)
    _check(book, as_of, now)
    if taken is None:
        return _finish(book, None, _nothing(book, as_of, refused), now, actor)
    ours = _our_side(book, as_of, taken.source)
    return _finish(book, taken, compare(book, ours, taken.snapshot), now, actor)


def reconcile_file(*, custodian_id: UUID, data: bytes, now: datetime, actor: Actor | None = None) -> RunFacts:
    """Take a custodian's file and reconcile its day: `take_snapshot_from_file` and `reconcile_custodian` in one, and faster.

    The file is read beside the reading of our books, and compared beside its storing. Raises UnableToTakeSnapshot (nothing is stored
    then), UnableToReconcile, NotFound.
    """
    _lock(custodian_id)
    book = codebook_of(custodian_id=custodian_id)
    as_of = date_in(data)
    with ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read_file, book, data, now)
        ours = _our_side(book, as_of, FILE) if as_of is not None and _has_ended(book, as_of, now) else None
        snapshot = reading.result()
        _check(book, snapshot.as_of, now)
        if ours is None or snapshot.as_of != as_of:
            ours = _our_side(book, snapshot.as_of, FILE)
        comparing = beside.submit(compare, book, ours, snapshot)
        taken = store(book, snapshot, data, FILE, now)
        compared = comparing.result()
    return _finish(book, taken, compared, now, actor)


def _finish(book: Codebook, taken: Taken | None, compared: Compared, now: datetime, actor: Actor | None) -> RunFacts:
    """Carry breaks over and keep the run, unless it found what the run before had found."""
    outcome, covered, as_of, custodian_id = compared.outcome, compared.covered, compared.as_of, book.custodian_id
    made = plan(book, outcome.breaks, covered, as_of=as_of, now=now, is_business_day=lambda day: calendars.is_session(book.calendar, day))
    incomplete = [book.account_ids[code] for code in np.flatnonzero(outcome.incomplete)]
    reasons = [*outcome.reasons, *(taken.disagreements if taken else ()), *_silent(book, as_of, outcome.incomplete)]
    identity = digest(
        {
            "snapshot": (list(taken.parts) or taken.snapshot_id) if taken else None,
            "state": outcome.state,
            "reasons": reasons,
            "incomplete": incomplete,
            "timing": _timing_rows(book, outcome.open_timing),
            "breaks": made.content(),
        }
    )
    known = ReconciliationRun.objects.filter(custodian_id=custodian_id, as_of=as_of).order_by("-started_at", "-id").first()
    due = due_at_of(book.calendar, as_of)
    repeated = (
        known is not None
        and known.outcome_sha256 == identity
        and not made.gone
        and not made.fresh
        and not booked_since(known.id, as_of, custodian_id=custodian_id)
    )
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
            items=compared.items,
            reasons=reasons,
            incomplete=incomplete,
            open_timing=_timing_rows(book, outcome.open_timing),
            outcome_sha256=identity,
        )
        save(made, book, run_id=run.id, as_of=as_of, now=now)
        announce(Topic.BREAKS, [run.id], behind=Behind("custodian", custodian_id))
        _tell(
            book,
            run,
            now,
            actor,
            taken.parts if taken else (),
            {"opened": len(made.fresh), "closed": len(made.gone), "open": len(outcome.breaks)},
        )
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
    if not is_known_session(book, as_of):
        raise UnableToReconcile("NOT_A_SESSION", f"{as_of} is not a session of {book.calendar}", value=as_of)
    close = calendars.session_close(book.calendar, as_of)
    if now < close:
        raise UnableToReconcile("TOO_EARLY", f"{as_of} closes at {close}", value=as_of)


def _has_ended(book: Codebook, as_of: date, now: datetime) -> bool:
    return is_known_session(book, as_of) and now >= calendars.session_close(book.calendar, as_of)


def _lock(custodian_id: UUID) -> None:
    execute("SELECT pg_advisory_xact_lock(hashtextextended(%(id)s::text, 20))", {"id": custodian_id})


def _our_side(book: Codebook, as_of: date, source: str) -> OurSide:
    instant = calendars.session_close(book.calendar, as_of)
    return expectation_of(book, as_of, instant, _open_timing(book, as_of), charges_only=source.startswith(GATEWAY))


def _nothing(book: Codebook, as_of: date, refused: str) -> Compared:
    """Return the outcome of a day of which nothing was delivered."""
    none = np.zeros(len(book.account_ids), np.bool_)
    expected, timing = book.open_on(to_day(as_of)), _open_timing(book, as_of)
    outcome = Reconciliation(RunState.INCOMPLETE, (refused or "no file",), (), expected, none, none, timing)
    return Compared(as_of, outcome, Coverage(frozenset(), frozenset(), frozenset()), 0)


def _silent(book: Codebook, as_of: date, incomplete: Bools) -> list[str]:
    """Name the connections of which nothing was reported, where the custodian has several (REC-1)."""
    over, due = np.array(book.connections), book.open_on(to_day(as_of))
    if len(set(book.connections)) < 2 or bool(incomplete[due].all()):
        return []
    found = []
    for code in sorted(set(over[incomplete & due].tolist())):
        accounts = int((due & (over == code)).sum())
        if int((incomplete & due & (over == code)).sum()) == accounts:
            found.append(f"nothing was reported of connection {code} ({accounts} accounts)")
    return found


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


def _tell(
    book: Codebook, run: ReconciliationRun, now: datetime, actor: Actor | None, parts: Sequence[UUID], counts: dict[str, int]
) -> None:
    subject = subject_of(book)
    after = {
        "custodian": book.code,
        "as_of": str(run.as_of),
        "run": str(run.id),
        "state": str(run.state),
        "reasons": list(run.reasons),
        "items": run.items,
        "snapshot": str(run.snapshot_id or ""),
        **({"snapshots": [str(part) for part in parts]} if len(parts) > 1 else {}),
        **counts,
    }
    audit(action=AuditAction.RECONCILED, subject=subject, actor=actor, now=now, after=after, rule="REC-1")
    key = f"REC-1|{book.custodian_id}|{run.as_of}"
    if run.state == RunState.INCOMPLETE:
        message = f"Reconciliation of {book.code} for {run.as_of} is incomplete: {'; '.join(run.reasons)}"[:400]
        raise_alert(
            tier=AlertTier.WARNING, audience=Role.OPERATIONS, rule="REC-1", subject=subject, message=message, now=now, dedupe_key=key
        )
    else:
        end_alert(dedupe_key=key, now=now)
