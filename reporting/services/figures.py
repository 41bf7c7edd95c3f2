"""Work out what the dashboard shows, before anybody asks: one row an account, one a group (DESIGN §8, PERFORMANCE P7).

Entry points: `refresh_figures` (all or some accounts), `refresh_where_watched` (what beat asks for), `note_visit`.

Invariants
1. Figures are made of the books, quotes and rates of one instant; nothing is decided by them. 2. What cannot be known is NULL with its
reason (CON-5). 3. Totals are the sums of the rows as stored, in whole minor units. 4. A refresh of some accounts changes those rows and all
totals; curves are taken anew once an evening.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db import transaction as database

from accounts.queries.arrays import open_accounts_on
from accounts.queries.columns import uuid_literal
from accounts.queries.standing import Accounts
from accounts.queries.valuation import MISSING
from governance.queries import firm_settings
from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from ..models import FigureTotals
from ..queries import figure_inputs as inputs
from .figure_curves import curves, group_history, history_now
from .figure_flags import flags
from .figure_money import margin, money, sectors
from .figure_risk import open_risk_of
from .figure_rows import write_rows
from .figure_totals import write_totals
from .figure_work import gathered

VISIT_COUNTS = timedelta(minutes=5)
VISIT_NOTED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class FigureFacts:
    """accounts: rows written. unknown: of them without equity."""

    accounts: int
    unknown: int


@database.atomic
def refresh_figures(*, now: datetime, account_ids: Sequence[UUID] | None = None, with_history: bool = False) -> FigureFacts:
    """Work out the figures of these accounts (None: all that are open today) and all totals, by books and prices at `now`.

    with_history: take the curves anew even if no evening has come since. Source: ACC-3, ACC-7, ACC-10, ACC-11, RSK-8, RSK-8b, RSK-9.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('figures'), coalesce(current_setting('app.firm', true), '0')::bigint::int)")
    accounts = open_accounts_on(account_ids=account_ids, on=now.date())
    if account_ids is None:
        _forget_others(accounts)
    currency = firm_settings().reporting_currency
    if not len(accounts.ids):
        write_totals(now=now, currency=currency, history=None, sectors=None)
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
    write_totals(
        now=now,
        currency=currency,
        history=None if history is None else group_history(work, history),
        sectors=sectors(work) if account_ids is None else None,
    )
    return FigureFacts(work.n, int((work.columns["equity"] == MISSING).sum()))


def _forget_others(accounts: Accounts) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reporting_accountfigures WHERE NOT account_id = ANY(%s::uuid[])", [uuid_literal(accounts.ids)])


def note_visit(*, now: datetime) -> None:
    """Remember that somebody looks at the firm's dashboard, so that its figures are kept fresh; at most twice a minute."""
    FigureTotals.objects.filter(kind="FIRM").exclude(seen_at__gt=now - VISIT_NOTED).update(seen_at=now)


def work_out_first(*, now: datetime) -> bool:
    """Work the figures out where nobody ever has: an empty dashboard would say that there are no accounts. Return whether it was so."""
    if FigureTotals.objects.filter(kind="FIRM").exists():
        return False
    refresh_figures(now=now)
    return True


def refresh_where_watched(*, now: datetime) -> bool:
    """Refresh the open firm if somebody looked lately, an evening has come, or it has no figures yet; return whether it was."""
    firm = FigureTotals.objects.filter(kind="FIRM").values_list("seen_at", "history_on").first()
    until = last_reset(now, RESET_ZONE).date()
    newest = inputs.last_evening(until=until)
    watched = firm is not None and firm[0] is not None and firm[0] > now - VISIT_COUNTS
    behind = firm is None or (newest is not None and (firm[1] is None or firm[1] < newest))
    if not (watched or behind):
        return False
    refresh_figures(now=now)
    return True
