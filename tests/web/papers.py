"""Requests, alerts and authorities for pages; each inside the firm's block."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, ApprovalAction, AuthorityKind, Power, Role, SubjectKind
from governance.models import AuditEvent, Authority, AuthoritySignature, AuthoritySubject, Mandate, MandateRule, Party
from governance.services import raise_alert, request_approval
from tests.api.scene import NOW
from tests.factories import number


def alert(
    account: Any, tier: AlertTier = AlertTier.WARNING, message: str = "Daily loss at 83% of its limit", rule: str = "RSK-9", **more: Any
) -> UUID:
    """Raise an alert about an account."""
    subject = Subject(SubjectKind.ACCOUNT, str(account.pk))
    given = {"audience": Role.MANAGER, "now": NOW, "dedupe_key": f"T{number()}", **more}
    return raise_alert(tier=tier, rule=rule, subject=subject, message=message, **given)


def ask(user: Any, account: Any, action: ApprovalAction = ApprovalAction.RELEASE_OVER_LIMIT, role: Role = Role.MANAGER) -> UUID:
    """Ask for a second person for something about an account."""
    return request_approval(
        action=action,
        subject=Subject(SubjectKind.ACCOUNT, str(account.pk)),
        content_hash="a" * 64,
        actor=Actor(str(user.pk), role),
        now=NOW,
        reason="the market is closing",
        rules=("CST-2",),
    )


def authority(account: Any, days: int | None = 400, **fields: Any) -> Authority:
    """Make a signed authority over an account that ends in so many days."""
    n = number()
    owner, manager = (Party.objects.create(code=f"P{n}{side}", name=f"{side} {n}") for side in ("Owner", "House"))
    mandate = Mandate.objects.create(code=f"M{n}", name="Balanced", valid_from=NOW - timedelta(days=100))
    MandateRule.objects.create(mandate=mandate, kind="POSITION_CAP", rate="0.05", clause="§ 4 no position over five per cent")
    row = Authority.objects.create(
        **{
            "code": f"AU{n}",
            "kind": AuthorityKind.LPA,
            "grantor": owner,
            "grantee": manager,
            "powers": [str(Power.TRADE), str(Power.MARGIN)],
            "effective_from": NOW - timedelta(days=100),
            "begins_at": NOW - timedelta(days=100),
            "expires_at": None if days is None else NOW + timedelta(days=days),
            "required_signers": [owner.code],
            "document_sha256": "b" * 64,
            "mandate": mandate,
            "clauses": {"TRADE": "§ 1 buy and sell"},
            **fields,
        }
    )
    AuthoritySubject.objects.create(authority=row, subject_kind=SubjectKind.ACCOUNT, subject_id=account.pk)
    AuthoritySignature.objects.create(authority=row, party=owner, signed_at=NOW - timedelta(days=100))
    return row


def events(action: str) -> int:
    """Return how many events of an action the trail holds."""
    return AuditEvent.objects.filter(action=action).count()
