"""What lies on the desks of the stage besides the tour's trades: names, breaks, requests, a warning, a saved view, and a firm that has nothing yet.

Entry points: `furnish` once for the tour's firm, `open_bare_firm`.
"""

from __future__ import annotations

from datetime import datetime

from accounts.models import Account
from accounts.services import grant_account
from base import tenancy
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, ApprovalAction, Role, SubjectKind
from governance.models import Firm, Membership, User
from governance.services import add_member, create_firm, create_user, raise_alert, request_approval
from reconciliation.models import ReconciliationRun
from reporting.core.account_filter import AccountFilter
from reporting.services.saved_views import save_view
from tests.e2e.papers import plant_break

BARE = "Bare Capital"
_NAMES = {
    Role.MANAGER: "Mara Whitcombe",
    Role.TRADER: "Idris Lane",
    Role.OPERATIONS: "Dana Osei",
    Role.RISK: "Tomas Halloran",
    Role.COMPLIANCE: "Ines Fjord",
    Role.INVESTOR: "Robert Okafor",
}


def furnish(firm: Firm, now: datetime) -> None:
    """Fill the desks; inside the firm's block."""
    people = {role: Membership.objects.filter(role=role).earliest("id").user_id for role in Role}
    for role, user_id in people.items():
        User.objects.filter(pk=user_id).update(name=_NAMES[role])
    held = list(Account.objects.filter(code__in=["A1", "A4"]).order_by("code"))
    for account in held:
        grant_account(account_id=account.pk, user_id=people[Role.INVESTOR], now=now)
    for account in held:
        day = ReconciliationRun.objects.filter(custodian_id=account.custodian_id).latest("as_of").as_of
        plant_break(account.code, is_material=account is held[-1], as_of=day)
    subject = Subject(SubjectKind.ACCOUNT, str(held[0].pk))
    raise_alert(
        tier=AlertTier.WARNING, audience=Role.MANAGER, rule="RSK-9", subject=subject, message="Daily loss at 83% of its limit", now=now
    )
    request_approval(
        action=ApprovalAction.OVERRIDE_RULE,
        subject=subject,
        content_hash="a" * 64,
        actor=Actor(str(people[Role.TRADER]), Role.TRADER),
        now=now,
        reason="The market closes in ten minutes and the client asked for cash.",
        rules=("CST-2",),
    )
    manager = Actor(str(people[Role.MANAGER]), Role.MANAGER)
    save_view(name="By strategy", chosen=AccountFilter(by="strategy"), is_shared=True, actor=manager, now=now)


def open_bare_firm(now: datetime) -> int:
    """Return a firm with one person a role and nothing else."""
    found = Firm.objects.filter(name=BARE).first()
    if found is not None:
        return found.pk
    firm_id = create_firm(name=BARE, now=now)
    with tenancy.firm(firm_id):
        for role in Role:
            add_member(user_id=create_user(email=f"{role.lower()}@bare.example", name=_NAMES[role]), role=role, actor=None, now=now)
    return firm_id
