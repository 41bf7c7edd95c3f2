"""Work out what the dashboard shows, before anybody asks: one row an account, one a group (DESIGN §8, PERFORMANCE P7).

Entry points: `refresh_where_watched` (what beat asks for), `refresh_changed`, `refresh_figures` (all or some accounts), `note_visit`.

Invariants
1. Figures are made of the books, quotes and rates of one instant; nothing is decided by them. 2. What cannot be known is NULL with its
reason (CON-5). 3. Totals are the sums of the rows as stored, in whole minor units. 4. What changed is worked out alone and yields what a whole
yields: rows and totals but for the firm's sectors and what time alone brings about (an authority that runs out), which come with the next whole.
5. Curves are taken anew once an evening.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db import transaction as database

from accounts.queries.arrays import open_accounts_on
from accounts.queries.columns import to_uuids, uuid_literal
from accounts.queries.standing import Accounts
from accounts.queries.valuation import MISSING
from base.live import MOST, Topic, announce
from governance.queries import firm_settings
from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from ..models import AccountFigures, FigureSources, FigureTotals
from ..queries import figure_inputs as inputs
from .figure_changes import forget_marks, hold, is_overtaken, is_whole_due, keep_sources, what_is_due
from .figure_curves import curves, group_history, history_now
from .figure_flags import flags
from .figure_money import margin, money, sectors
from .figure_risk import open_risk_of
from .figure_rows import write_rows
from .figure_totals import bring_along, sums_of, write_totals
from .figure_work import gathered

VISIT_COUNTS = timedelta(minutes=5)
VISIT_NOTED = timedelta(seconds=30)
MOST_APART = 1_000  # changed accounts whose totals are brought along by difference; of more all are summed anew


@dataclass(frozen=True, slots=True)
class FigureFacts:
    """accounts: worked out. unknown: of them without equity."""

    accounts: int
    unknown: int


@database.atomic
def refresh_figures(*, now: datetime, account_ids: Sequence[UUID] | None = None, with_history: bool = False) -> FigureFacts:
    """Work out the figures of these accounts (None: all that are open today) and all totals, by books and prices at `now`.

    with_history: take the curves anew even if no evening has come since. Nothing is done where a later instant's figures stand already.
    Source: ACC-3, ACC-7, ACC-10, ACC-11, RSK-8, RSK-8b, RSK-9.
    """
    hold(wait=True)
    kept = FigureSources.objects.first()
    if is_overtaken(kept, now):
        return FigureFacts(0, 0)
    currency = firm_settings().reporting_currency
    if account_ids is not None:
        return _work_out(account_ids, currency, now, with_history=False)
    due = what_is_due(kept=kept, currency=currency, now=now, whole=True)
    found = _work_out(None, currency, now, with_history=with_history)
    keep_sources(due, kept=kept, currency=currency, now=now)
    return found


@database.atomic
def refresh_changed(*, now: datetime) -> FigureFacts:
    """Work out the figures of the accounts whose books, orders, prices or rates have changed, and their totals; all where all are due.

    Nothing is done where another worker is at it, or a later instant's figures stand already.
    """
    if not hold(wait=False):
        return FigureFacts(0, 0)
    kept, currency = FigureSources.objects.first(), firm_settings().reporting_currency
    if is_overtaken(kept, now):
        return FigureFacts(0, 0)
    due = what_is_due(kept=kept, currency=currency, now=now, whole=is_whole_due(kept, currency=currency, now=now))
    if due.account_ids is not None and not due.account_ids:
        FigureTotals.objects.filter(kind="FIRM").update(computed_at=now)
        return FigureFacts(0, 0)
    found = _work_out(due.account_ids, currency, now, with_history=False)
    keep_sources(due, kept=kept, currency=currency, now=now)
    return found


def _work_out(account_ids: Sequence[UUID] | None, currency: str, now: datetime, *, with_history: bool) -> FigureFacts:
    accounts = open_accounts_on(account_ids=account_ids, on=now.date())
    before = None if account_ids is None or len(account_ids) > MOST_APART else sums_of(account_ids)
    _forget_closed(accounts, account_ids)
    _tell(accounts)
    if not len(accounts.ids):
        if before is None:
            write_totals(now=now, currency=currency, history=None, sectors=None)
        else:
            bring_along(before, {}, now=now, currency=currency)
        return FigureFacts(0, 0)
    work = gathered(accounts, currency, now)
    history = history_now(work, with_history) if account_ids is None else None
    money(work)
    margin(work)
    risk, why = open_risk_of(accounts=accounts, standing=work.standing, now=now)
    work.columns |= {"open_risk": risk, "open_risk_to": work.to(risk), "risk_reason": why}
    flags(work)
    curves(work, history)
    write_rows(work, history)
    if before is not None and account_ids is not None:
        bring_along(before, sums_of(account_ids), now=now, currency=currency)
    else:
        write_totals(
            now=now,
            currency=currency,
            history=None if history is None else group_history(work, history),
            sectors=sectors(work) if work.n == AccountFigures.objects.count() else None,
        )
    return FigureFacts(work.n, int((work.columns["equity"] == MISSING).sum()))


def _forget_closed(accounts: Accounts, asked: Sequence[UUID] | None) -> None:
    """Take away the rows of the accounts asked for (None: of all) that are not open."""
    of_these = "" if asked is None else "AND account_id = ANY(%(asked)s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM reporting_accountfigures WHERE NOT account_id = ANY(%(open)s::uuid[]) {of_these}",
            {"open": uuid_literal(accounts.ids), "asked": None if asked is None else list(asked)},
        )


def _tell(accounts: Accounts) -> None:
    """Let browsers know whose figures are others now; of very many only those who see the firm are told, the others ask by themselves."""
    ids = to_uuids(accounts.ids) if len(accounts.ids) <= MOST else []
    announce(Topic.FIGURES, ids, accounts=ids or None, many=not ids)


def note_visit(*, now: datetime) -> None:
    """Remember that somebody looks at the firm's dashboard, so that its figures are kept fresh; at most twice a minute."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reporting_figuretotals SET seen_at = %s WHERE kind = 'FIRM' AND coalesce(seen_at <= %s, true)", [now, now - VISIT_NOTED]
        )


def work_out_first(*, now: datetime) -> bool:
    """Work the figures out where nobody ever has: an empty dashboard would say that there are no accounts. Return whether it was so."""
    if FigureTotals.objects.filter(kind="FIRM").exists():
        return False
    refresh_figures(now=now)
    return True


def refresh_where_watched(*, now: datetime) -> bool:
    """Keep the open firm's figures fresh if somebody looked lately, an evening has come, or it has none yet; return whether this was so."""
    firm = FigureTotals.objects.filter(kind="FIRM").values_list("seen_at", "history_on").first()
    if firm is None:
        refresh_figures(now=now)
        return True
    newest = inputs.last_evening(until=last_reset(now, RESET_ZONE).date())
    if newest is not None and (firm[1] is None or firm[1] < newest):
        refresh_figures(now=now)
        return True
    if firm[0] is None or firm[0] <= now - VISIT_COUNTS:
        forget_marks()
        return False
    refresh_changed(now=now)
    return True
