"""What a firm has on its desks besides trades: statements, an alert, a request, a saved filter, a break."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accounts.enums import BlockMode
from accounts.models import Account, EquitySnapshot
from accounts.services import block_trading, grant_group, lift_by_hand, open_group, snapshot_equity
from base import tenancy
from base.clock import process_clock
from governance.core.subjects import Subject
from governance.enums import AlertTier, ApprovalAction, KillScope, KillState, RestrictionState, Role, SubjectKind
from governance.models import KillSwitch
from governance.services import create_webhook_key, issue_token, raise_alert, request_approval, restrict
from market.models import Instrument
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
            # The books were opened after these evenings: their flows are no late ones.
            EquitySnapshot.objects.filter(as_of=day).update(valued_at=None)
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
        view, _ = save_view(name="Every account", chosen=AccountFilter(), is_shared=True, actor=people["MANAGER"], now=now)
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


def rest_an_order(here: Stage) -> None:
    """Let an order rest at a limit the market does not reach, so that there is something to cancel and to replace."""
    (bid,) = here.rows(
        "SELECT q.bid FROM market_quote q JOIN market_instrument i ON i.id = q.instrument_id WHERE i.symbol = 'QRS' LIMIT 1"
    )[0]
    terms = {"order_type": "LIMIT", "limit_price": str((bid * Decimal("0.8")).quantize(Decimal("0.01"))), "time_in_force": "DAY"}
    body = {"strategy": "CORE", "symbol": "QRS", "method": "fixed", "figure": "1", **terms}
    if here.state_signal("resting", json.dumps(body)):
        raise RuntimeError(here.tail("signals"))


def fill_the_admin(here: Stage) -> None:
    """Put a row into every table of the admin that a day of trading leaves empty, none of which stops or allows anything."""
    now, people = process_clock().now(), here.firm.actors
    officer, trader = people["COMPLIANCE"], int(people["TRADER"].user_id)
    with tenancy.firm(here.firm.firm_id):
        account = Account.objects.filter(is_clearing=False).earliest("code")
        restrict(
            state=RestrictionState.CLOSE_ONLY,
            reason="from next year on",
            actor=officer,
            now=now,
            instrument_id=Instrument.objects.earliest("id").pk,
            valid_from=now + timedelta(days=365),
        )
        over = {"tripped_by_id": trader, "tripped_at": now, "rearmed_by_id": trader, "rearmed_at": now, "reason": "a rehearsal"}
        KillSwitch.objects.create(scope=KillScope.STRATEGY, subject_id="REHEARSAL", state=KillState.ARMED, **over)
        create_webhook_key(source="charts", user_id=trader, now=now, actor=officer)
        issue_token(user_id=trader, label="a program", now=now, firm_id=here.firm.firm_id, actor=officer)
        group = open_group(code="GROUP", name="A group", now=now, account_ids=[account.pk], actor=officer)
        grant_group(group_id=group, user_id=trader, now=now, actor=officer)
        terms = {"instrument_id": None, "mode": BlockMode.CLOSE_ONLY, "rule": "GOV-4", "reason": "a rehearsal"}
        block = block_trading(account_id=account.pk, now=now, actor=officer, **terms)
        lift_by_hand(block_id=block, actor=officer, now=now, reason="over")


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
