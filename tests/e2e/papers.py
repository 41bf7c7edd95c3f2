"""What a firm has on its desks besides trades: statements, an alert, a request, a saved filter, a break."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accounts.models import Account
from accounts.services import snapshot_equity
from base import tenancy
from base.clock import process_clock
from governance.core.subjects import Subject
from governance.enums import AlertTier, ApprovalAction, Role, SubjectKind
from governance.services import raise_alert, request_approval
from reconciliation.enums import BreakState, BreakType, ItemKind, RunState
from reconciliation.models import Break, ReconciliationRun
from reporting.core.account_filter import AccountFilter
from reporting.services import state_month
from reporting.services.saved_views import save_view
from tests.chaos.stage import Stage

LAST_EVENING = date(2026, 2, 27)
IDS = {
    "journey": "SELECT journey_id FROM execution_parentorder ORDER BY created_at LIMIT 1",
    "parent": "SELECT id FROM execution_parentorder ORDER BY created_at LIMIT 1",
    "order": "SELECT id FROM execution_childorder ORDER BY created_at LIMIT 1",
    "document": "SELECT id FROM reporting_statementdocument LIMIT 1",
    "authority": "SELECT id FROM governance_authority LIMIT 1",
    "mandate": "SELECT id FROM governance_mandate LIMIT 1",
}


def state_february(here: Stage, codes: list[str]) -> None:
    """Keep two evenings and make the month's statements."""
    with tenancy.firm(here.firm.firm_id):
        for day in (date(2026, 1, 31), LAST_EVENING, date(2026, 2, 28)):
            snapshot_equity(as_of=day, now=datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC))
    for code in codes:
        made = state_month(firm=here.firm.firm_id, month="2026-02", account=code, clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))
        if problems := [step.problem for step in made if step.problem]:
            raise RuntimeError(f"no statement of {code}: {problems}")


def file_papers(here: Stage, account: str) -> dict[str, str]:
    """Put one of each on the desks, about the account; return the ids of what pages show."""
    now, people = process_clock().now(), here.firm.actors
    account_id = here.firm.accounts[account]
    subject = Subject(SubjectKind.ACCOUNT, str(account_id))
    with tenancy.firm(here.firm.firm_id):
        alert = raise_alert(
            tier=AlertTier.WARNING, audience=Role.MANAGER, rule="RSK-9", subject=subject, message="Daily loss at 83% of its limit", now=now
        )
        approval = ask_to_override(here, str(account_id))
        view = save_view(name="Every account", chosen=AccountFilter(), is_shared=True, actor=people["MANAGER"], now=now)
        planted = plant_break(account)
    named = {
        "name": "orders",
        "part": "lines",
        "account": account_id,
        "alert": alert,
        "approval": approval,
        "view": view.pk,
        "break": planted,
    }
    return {name: str(here.rows(sql)[0][0]) for name, sql in IDS.items()} | {name: str(pk) for name, pk in named.items()}


def evening_before(here: Stage) -> None:
    """Let both custodians' reports of the last evening have come and matched: what nobody reported may only be closed (REC-6)."""
    now = process_clock().now()
    with tenancy.firm(here.firm.firm_id):
        for custodian_id in here.firm.custodians.values():
            ReconciliationRun.objects.create(
                custodian_id=custodian_id,
                as_of=LAST_EVENING,
                state=RunState.COMPLETE,
                due_at=now,
                started_at=now,
                outcome_sha256="0" * 64,
            )


def ask_to_override(here: Stage, account_id: str) -> str:
    """Let the trader ask for a second person about the account; inside the firm's block. Returns the request's id."""
    asked = request_approval(
        action=ApprovalAction.RELEASE_OVER_LIMIT,
        subject=Subject(SubjectKind.ACCOUNT, account_id),
        content_hash="a" * 64,
        actor=here.firm.actors["TRADER"],
        now=process_clock().now(),
        reason="the market is closing",
        rules=("RSK-1:ORDER_NOTIONAL",),
    )
    return str(asked)


def plant_break(account: str, *, is_material: bool = False, as_of: date = LAST_EVENING) -> str:
    """Let the custodian's report of that evening miss 125.40 dollars of dividends; inside the firm's block. Returns the break's id."""
    holder = Account.objects.get(code=account)
    row = Break.objects.create(
        run=ReconciliationRun.objects.get(custodian_id=holder.custodian_id, as_of=as_of),
        account=holder,
        key=f"CASH_TD/{account}/USD",
        break_type=BreakType.CASH,
        item_kind=ItemKind.CASH_TD,
        currency="USD",
        value_currency="USD",
        ours=Decimal("125.40"),
        theirs=Decimal(0),
        difference=Decimal("-125.40"),
        value_difference=Decimal("-125.40"),
        cash_difference=Decimal("-125.40"),
        is_material=is_material,
        rule="REC-3",
        state=BreakState.OPEN,
        opened_on=as_of,
    )
    return str(row.pk)
