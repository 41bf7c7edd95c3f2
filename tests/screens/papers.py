"""What lies on the desks of the stage besides its history: a request, a warning, a saved view; and a firm that has nothing yet.

Entry points: `furnish`, `is_furnished`, `look_served`, `open_bare_firm`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.db.models import F

from accounts.models import Account
from base import tenancy
from execution.models import GatewayLease
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, ApprovalAction, Role, SubjectKind
from governance.models import Alert, Firm, Membership
from governance.services import acknowledge_alert, add_member, create_firm, create_user, raise_alert, request_approval
from reporting.core.account_filter import AccountFilter
from reporting.models import SavedView
from reporting.services.saved_views import save_view

BARE = "Bare Capital"
_NAMES = {
    Role.MANAGER: "Mara Whitcombe",
    Role.TRADER: "Idris Lane",
    Role.OPERATIONS: "Dana Osei",
    Role.RISK: "Tomas Halloran",
    Role.COMPLIANCE: "Ines Fjord",
    Role.INVESTOR: "Robert Okafor",
}


def is_furnished(firm_id: int) -> bool:
    """Tell whether `furnish` has been here."""
    with tenancy.firm(firm_id):
        return SavedView.objects.exists()


def furnish(now: datetime) -> None:
    """Fill the desks; inside the firm's block."""
    people = {role: Membership.objects.filter(role=role).earliest("id").user_id for role in Role}
    held = Account.objects.filter(code="GE-07").first() or Account.objects.filter(is_clearing=False).earliest("code")
    subject = Subject(SubjectKind.ACCOUNT, str(held.pk))
    raise_alert(
        tier=AlertTier.WARNING, audience=Role.MANAGER, rule="RSK-9", subject=subject, message="Daily loss at 83% of its limit", now=now
    )
    trader = Actor(str(people[Role.TRADER]), Role.TRADER)
    reason = "The market closes in ten minutes and the client asked for cash."
    content = sha256(reason.encode()).hexdigest()
    request_approval(
        action=ApprovalAction.RELEASE_OVER_LIMIT,
        subject=subject,
        content_hash=content,
        actor=trader,
        now=now,
        reason=reason,
        rules=("RSK-1:ORDER_NOTIONAL",),
    )
    manager = Actor(str(people[Role.MANAGER]), Role.MANAGER)
    for alert in Alert.objects.filter(tier=AlertTier.CRITICAL, acknowledged_at=None):
        role = Role(alert.audience[0])
        acknowledge_alert(alert_id=alert.pk, actor=Actor(str(people[role]), role), now=now, note="We asked the custodian.")
    save_view(name="By strategy", chosen=AccountFilter(by="strategy"), is_shared=True, actor=manager, now=now)


def look_served() -> None:
    """Let the connections look as if their gateways ran; inside the firm's block."""
    later = datetime.now(UTC) + timedelta(days=1)
    GatewayLease.objects.update(expires_at=later, heard_at=later, reconciled_epoch=F("epoch"))


def open_bare_firm(now: datetime) -> int:
    """Return a firm with one person a role, a critical alert for the banner, and nothing else."""
    found = Firm.objects.filter(name=BARE).first()
    if found is not None:
        return found.pk
    firm_id = create_firm(name=BARE, now=now)
    with tenancy.firm(firm_id):
        for role in Role:
            add_member(user_id=create_user(email=f"{role.lower()}@bare.example", name=_NAMES[role]), role=role, actor=None, now=now)
        here = Subject(SubjectKind.FIRM, str(firm_id))
        message = "No connection to HARBOR since 14:02:11 UTC: the broker does not answer"
        raise_alert(tier=AlertTier.CRITICAL, audience=None, rule="R8", subject=here, message=message, now=now)
    return firm_id
