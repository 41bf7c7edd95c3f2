"""Close an account to new risk before the next open, and open it again when its break is gone (REC-6, CON-5).

Entry points: `block_unresolved`, `lift_resolved`, `BlockFacts`.
Invariants: 1. from LEAD before a custodian's open, and while it is open, exactly the accounts that `core.aging.close_only` names are
close-only by REC-6; 2. blocks made under other rules are never touched; 3. a block ends as soon as its reason is gone, at any hour.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.enums import BlockMode
from accounts.services import block_trading, lift_block
from governance.core.subjects import Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import end_alert, raise_alert
from market.core import calendars

from ..core.aging import OpenBreak, close_only, severity
from ..enums import RunState, Severity
from ..models import Break, ReconciliationRun, Waiver
from ..queries.codebook import Codebook, codebook_of
from ..queries.columns import execute
from .carrying import waivers_of
from .rows import to_value

LEAD = timedelta(minutes=30)
RULE = "REC-6"
_TIERS = {Severity.WARNING: AlertTier.WARNING, Severity.CRITICAL: AlertTier.CRITICAL}


@dataclass(frozen=True, slots=True)
class BlockFacts:
    """What changed: accounts closed to new risk, accounts opened again, alerts raised or repeated."""

    blocked: tuple[UUID, ...]
    lifted: tuple[UUID, ...]
    alerts: int


@dataclass(frozen=True, slots=True)
class _Day:
    """The trading day that begins next or has begun, the one before it, and whether blocks are due."""

    today: date
    last: date
    opens_at: datetime
    is_due: bool
    now: datetime

    @property
    def judged_at(self) -> datetime:
        """Return when a waiver must hold: at the open that is near, in a session and far from the next one now."""
        return max(self.now, self.opens_at) if self.is_due else self.now


def block_unresolved(*, now: datetime) -> BlockFacts:
    """Hold every custodian of the firm to REC-6: block what is unresolved, lift what is resolved, warn by age. Safe to repeat.

    A material break that is neither resolved nor waived makes its account close-only; so does an account nobody reported.
    """
    blocked: list[UUID] = []
    lifted: list[UUID] = []
    alerts = 0
    for (custodian_id,) in execute("SELECT id FROM accounts_custodian ORDER BY id", {}).fetchall():
        book = codebook_of(custodian_id=custodian_id)
        day = _day(book.calendar, now)
        items = _open_items(book)
        wanted = _close_only(book, items, day)
        standing = _standing(custodian_id)
        lifted += _lift(standing, wanted, now)
        if not day.is_due:
            continue
        for account_id in sorted(wanted.keys() - standing.keys()):
            reason, source_id = wanted[account_id]
            block_trading(
                account_id=account_id,
                instrument_id=None,
                mode=BlockMode.CLOSE_ONLY,
                rule=RULE,
                reason=reason[:400],
                source_id=source_id,
                now=now,
            )
            blocked.append(account_id)
        alerts += _warn(book, items, wanted, day, now)
    return BlockFacts(tuple(blocked), tuple(lifted), alerts)


def lift_resolved(*, custodian_id: UUID, account_id: UUID, now: datetime) -> None:
    """Lift at once what a resolution or a waiver has left without a reason; whatever is newly due comes with `block_unresolved`.

    Of the one account alone, whose books the caller may have locked: over others it could wait for who waits for these.
    """
    book = codebook_of(custodian_id=custodian_id)
    mine = {one: blocks for one, blocks in _standing(custodian_id).items() if one == account_id}
    if mine:
        _lift(mine, _close_only(book, _open_items(book), _day(book.calendar, now)), now)


def _lift(standing: Mapping[UUID, Sequence[UUID]], wanted: Mapping[UUID, Any], now: datetime) -> list[UUID]:
    done = sorted(standing.keys() - wanted.keys())
    for account_id in done:
        for block_id in standing[account_id]:
            lift_block(block_id=block_id, reason="resolved or waived", now=now)
        end_alert(dedupe_key=_alert_key(account_id), now=now)
    return done


def _day(calendar: str, now: datetime) -> _Day:
    today = calendars.trade_date(calendar, now)
    if calendars.is_session(calendar, today) and now >= calendars.session_close(calendar, today):
        today = calendars.next_session(calendar, today)
    opens_at = calendars.session_open(calendar, today)
    return _Day(today, calendars.previous_session(calendar, today), opens_at, now >= opens_at - LEAD, now)


def _open_items(book: Codebook) -> list[tuple[Break, OpenBreak]]:
    refs = dict(zip(book.account_ids, book.directory.accounts, strict=True))
    rows = Break.objects.filter(account__custodian_id=book.custodian_id, closed_at=None).order_by("opened_on", "id")
    return [(row, OpenBreak(to_value(row, refs[row.account_id]), row.opened_on)) for row in rows]


def _close_only(book: Codebook, items: list[tuple[Break, OpenBreak]], day: _Day) -> dict[UUID, tuple[str, UUID | None]]:
    """Return account → (reason, the break or run behind it). A custodian that was never reconciled blocks nothing."""
    ids = dict(zip(book.directory.accounts, book.account_ids, strict=True))
    refs = dict(zip(book.account_ids, book.directory.accounts, strict=True))
    run = ReconciliationRun.objects.filter(custodian_id=book.custodian_id).order_by("-as_of", "-started_at", "-id").first()
    silent: list[str] = []
    if run is not None and run.state == RunState.INCOMPLETE and run.as_of >= day.last:
        silent = [refs[account_id] for account_id in run.incomplete if account_id in refs]
    waivers = list(waivers_of(Waiver.objects.filter(of_break_id__in=[row.id for row, _ in items])).values())
    reasons = close_only(
        [item for _, item in items],
        waivers,
        silent,
        today=day.today,
        next_open=day.judged_at,
        is_business_day=lambda value: calendars.is_session(book.calendar, value),
    )
    first: dict[str, UUID] = {}
    for row, item in items:
        first.setdefault(item.found.account, row.id)
    run_id = run.id if run else None
    return {ids[account]: ("; ".join(why), first.get(account, run_id)) for account, why in reasons.items()}


def _standing(custodian_id: UUID) -> dict[UUID, list[UUID]]:
    """Return account → its REC-6 blocks that have not ended."""
    rows = execute(
        "SELECT b.account_id, b.id FROM accounts_tradingblock b JOIN accounts_account a ON a.id = b.account_id "
        "WHERE a.custodian_id = %(custodian)s AND b.rule = %(rule)s AND b.ends_at IS NULL ORDER BY b.id",
        {"custodian": custodian_id, "rule": RULE},
    ).fetchall()
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for account_id, block_id in rows:
        found[account_id].append(block_id)
    return found


def _warn(
    book: Codebook, items: list[tuple[Break, OpenBreak]], wanted: dict[UUID, tuple[str, UUID | None]], day: _Day, now: datetime
) -> int:
    """Raise one alert an account, as loud as its oldest unresolved break: Warning after one business day, Critical after two."""
    loudest: dict[UUID, Severity] = {}
    order = list(Severity)
    for row, item in items:
        if row.account_id in wanted:
            grade = severity(item, day.today, lambda value: calendars.is_session(book.calendar, value))
            loudest[row.account_id] = max(loudest.get(row.account_id, Severity.INFO), grade, key=order.index)
    told = {account_id: grade for account_id, grade in loudest.items() if grade in _TIERS}
    for account_id, grade in sorted(told.items()):
        raise_alert(
            tier=_TIERS[grade],
            audience=Role.OPERATIONS,
            rule=RULE,
            subject=Subject(SubjectKind.ACCOUNT, str(account_id)),
            message=f"Close-only: {wanted[account_id][0]}"[:400],
            now=now,
            dedupe_key=_alert_key(account_id),
        )
    return len(told)


def _alert_key(account_id: UUID) -> str:
    return f"{RULE}|{account_id}"
