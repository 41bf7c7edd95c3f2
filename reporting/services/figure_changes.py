"""Which accounts' figures are due, and what they were last made of.

Entry points: `hold`, `take_marks`, `Due`, `what_is_due`, `keep_sources`.
Invariants: 1. only one worker at a time works out a firm's figures, until its transaction ends. 2. marks are taken away in the transaction
that writes the figures, before anything is read for them: a worker that dies leaves them, and what is committed meanwhile leaves new ones.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from ..models import AccountFigures, FigureMark, FigureSources
from ..queries.figure_sources import Sources, Touched, moved_accounts, real_accounts, sources_now, touched_by

WHOLE_AFTER = timedelta(minutes=1)
WAITED = timedelta(minutes=10)  # nobody waits longer for a lock: an earlier instant is another clock, not another worker
FEW, MOST_OF_ALL = 500, 0.6  # where a price or rate concerns more than that, all are worked out: naming thousands costs more than it saves
SOLD_SINCE = timedelta(days=45)  # what came in kind and was sold since may still count among the day's flows
_LOCK = "(hashtext('figures'), coalesce(current_setting('app.firm', true), '0')::bigint::int)"


def hold(*, wait: bool) -> bool:
    """Keep other workers from the open firm's figures until this transaction ends. wait: else return False where one is at it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock{_LOCK}" if wait else f"SELECT pg_try_advisory_xact_lock{_LOCK}")
        row = cursor.fetchone()
    return wait or bool(row and row[0])


def take_marks() -> set[UUID]:
    """Take away all marks that are committed, and return whose they were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH taken AS (DELETE FROM reporting_figuremark RETURNING account_ids) SELECT DISTINCT unnest(account_ids) FROM taken"
        )
        return {row[0] for row in cursor.fetchall()}


def forget_marks() -> None:
    """Take the marks away where nobody looks: all figures are due as soon as somebody does. A worker that is at it would undo that."""
    if FigureMark.objects.exists() and hold(wait=False):
        take_marks()
        FigureSources.objects.update(whole_at=None)


@dataclass(frozen=True, slots=True)
class Due:
    """account_ids: None for all. touched, sources: what the firm's figures are made of, as of now."""

    account_ids: list[UUID] | None
    touched: Touched
    sources: Sources


def what_is_due(*, kept: FigureSources | None, currency: str, now: datetime, whole: bool) -> Due:
    """Take the marks and return whose figures are due: those marked, and those whose prices or rates have moved. whole: all, whatever moved."""
    marked = take_marks()
    since = (now - SOLD_SINCE).date()
    if not whole and kept is not None:
        ids, is_new = real_accounts(account_ids=marked, today=now.date()) if marked else ([], False)
        if not is_new:
            touched = _touched(kept) | (touched_by(account_ids=ids, since=since) if ids else Touched())
            sources, before = sources_now(touched=touched, currency=currency, now=now), _sources(kept)
            further = moved_accounts(prices=sources.moved_prices(before), rates=sources.moved_rates(before)).difference(ids)
            if not further:
                return Due(ids, touched, sources)
            if len(ids) + len(further) <= max(FEW, AccountFigures.objects.count() * MOST_OF_ALL):
                return Due([*ids, *real_accounts(account_ids=further, today=now.date())[0]], touched, sources)
    touched = touched_by(account_ids=None, since=since)
    return Due(None, touched, sources_now(touched=touched, currency=currency, now=now))


def is_whole_due(kept: FigureSources | None, *, currency: str, now: datetime) -> bool:
    """Tell whether all figures are due: never worked out, a minute ago, on another day, in another currency, or by a clock that was set back."""
    if kept is None or kept.whole_at is None or kept.day != day_of(currency, now):
        return True
    return not kept.whole_at <= now < kept.whole_at + WHOLE_AFTER


def is_overtaken(kept: FigureSources | None, now: datetime) -> bool:
    """Tell whether somebody has worked the figures out at a later instant, while this one waited."""
    return kept is not None and now < kept.worked_at < now + WAITED


def day_of(currency: str, now: datetime) -> str:
    """Return what all figures of a day have in common: when it began, what has settled, the reporting currency."""
    return f"{last_reset(now, RESET_ZONE).date()}|{now.date()}|{currency}"


def keep_sources(due: Due, *, kept: FigureSources | None, currency: str, now: datetime) -> None:
    """Write down what the figures were made of; a whole leaves out what nobody touches any more."""
    whole_at = now if due.account_ids is None else kept.whole_at if kept else None
    FigureSources.objects.update_or_create(
        defaults={
            "worked_at": now,
            "whole_at": whole_at,
            "day": day_of(currency, now),
            "instruments": list(due.sources.prices),
            "prices": list(due.sources.prices.values()),
            "rates": due.sources.rates,
            "currencies": sorted(due.touched.currencies),
            "bases": sorted(due.touched.bases),
        }
    )


def _touched(kept: FigureSources) -> Touched:
    bases: Collection[tuple[str, bool]] = [(name, bool(paper)) for name, paper in kept.bases]
    return Touched(frozenset(kept.instruments), frozenset(kept.currencies), frozenset(bases))


def _sources(kept: FigureSources) -> Sources:
    return Sources(dict(zip(kept.instruments, kept.prices, strict=True)), kept.rates)
