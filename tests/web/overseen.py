"""A firm with a compliance officer and something in every table of the admin, and the way to press an act's button."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

import mamweb.urls  # noqa: F401  # fills the site
from accounts.enums import BlockMode
from accounts.services import block_trading, grant_group, open_group
from base import tenancy
from governance import services
from governance.adminsite import HouseAdmin, site
from governance.core.authority import Signature
from governance.core.subjects import Actor, Subject
from governance.enums import (
    AlertTier,
    ApprovalAction,
    AuditAction,
    AuthorityKind,
    KillScope,
    MandateRuleKind,
    Power,
    RestrictionState,
    Role,
    SubjectKind,
)
from governance.models import AuditEvent, Party, User
from risk.enums import FirmLimitKind
from risk.models import FirmLimit, GateDecision
from risk.services import set_firm_limit
from tests.api.scene import NOW, make_person, make_scene
from tests.factories import make_account, number

from .people import signed_in

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"


ADMINS: list[tuple[type, HouseAdmin]] = list(site._registry.items())  # type: ignore[arg-type]


class Firm:
    """A scene with a compliance officer, a second one, and something in every table."""

    def __init__(self, documents: Path) -> None:
        self.scene, self.documents = make_scene(), documents
        with self.inside():
            self.officer, self.other, self.operations = (
                make_person(self.scene.firm, role).user for role in (Role.COMPLIANCE, Role.COMPLIANCE, Role.OPERATIONS)
            )
            self.fill()

    def inside(self) -> Any:
        return tenancy.firm(self.scene.firm.id)

    @property
    def actor(self) -> Actor:
        return Actor(str(self.officer.id), Role.COMPLIANCE)

    def fill(self) -> None:
        """Put one more row into every table of the admin."""
        actor, n, later = self.actor, number(), NOW + timedelta(days=20)
        grantor = services.record_party(code=f"GR{n}", name="Grantor", actor=actor, now=NOW)
        grantee = services.record_party(code=f"GE{n}", name="Grantee", actor=actor, now=NOW)
        rule = services.MandateRuleSpec(MandateRuleKind.POSITION_CAP, "4.2", Decimal("0.05"))
        mandate = services.record_mandate(
            code=f"M{n}", name="Mandate", rules=[rule], valid_from=NOW, actor=actor, now=NOW, document_sha256=services.store_document(PDF)
        )
        services.record_authority(
            code=f"AU{n}",
            kind=AuthorityKind.POA,
            grantor_id=grantor,
            grantee_id=grantee,
            account_ids=[self.scene.account.id],
            powers=[Power.TRADE],
            effective_from=NOW,
            expires_at=later,
            document_sha256=services.store_document(PDF),
            mandate_id=mandate,
            signatures=[Signature(f"GR{n}", NOW), Signature(f"GE{n}", NOW)],
            actor=actor,
            now=NOW,
        )
        services.restrict(state=RestrictionState.CLOSE_ONLY, reason="r", actor=actor, now=NOW, instrument_id=self.scene.instrument.id)
        services.request_approval(
            action=ApprovalAction.WAIVE_BREAK,
            subject=Subject(SubjectKind.BREAK, str(n)),
            content_hash="a" * 64,
            actor=Actor(str(self.scene.owner.user.id), Role.MANAGER),
            now=NOW,
            reason="r",
        )
        services.trip_kill_switch(scope=KillScope.STRATEGY, subject_id=f"S{n}", actor=actor, now=NOW, reason="r")
        services.raise_alert(
            tier=AlertTier.CRITICAL,
            audience={Role.COMPLIANCE},
            rule="RSK-1",
            subject=Subject(SubjectKind.FIRM, "1"),
            message=f"m{n}",
            now=NOW,
            dedupe_key=f"k{n}",
        )
        services.create_webhook_key(source=f"s{n}", user_id=self.scene.owner.user.id, now=NOW, actor=actor)
        services.issue_token(user_id=self.officer.id, label=f"t{n}", now=NOW, firm_id=self.scene.firm.id, actor=actor)
        group = open_group(code=f"G{n}", name="Group", now=NOW, account_ids=[self.scene.account.id], actor=actor)
        grant_group(group_id=group, user_id=self.scene.investor.user.id, now=NOW, actor=actor)
        block_trading(
            account_id=make_account().id, instrument_id=None, mode=BlockMode.CLOSE_ONLY, rule="X", reason="r", now=NOW, actor=actor
        )
        kinds = list(FirmLimitKind)
        set_firm_limit(
            kind=kinds[FirmLimit.objects.count() % len(kinds)], limit=Decimal(1000), actor=actor, now=NOW + timedelta(seconds=-n)
        )
        GateDecision.objects.create(
            gate=1, outcome="PASSED", journey_id=self.scene.ids["journey"], subject_id=self.scene.ids["parent"], decided_at=NOW
        )

    def client(self, user: User | None = None) -> Client:
        """Return somebody who has just shown who they are."""
        client = signed_in(user or self.officer, self.scene.firm.id)
        session = client.session
        now = time.time()
        session["account_authentication_methods"] = [{"method": "password", "at": now}, {"method": "mfa", "type": "totp", "at": now}]
        session.save()
        return client

    def event(self, action: AuditAction) -> AuditEvent:
        """Return the latest event of an action."""
        with self.inside():
            found = AuditEvent.objects.filter(action=action).order_by("-id").first()
        assert found is not None, action
        return found

    def row(self, model: Any) -> Any:
        with self.inside():
            return model.objects.order_by("-pk").first()


@pytest.fixture
def firm(settings: Any, tmp_path: Path) -> Firm:
    settings.DOCUMENTS_DIR = tmp_path
    return Firm(tmp_path)


def where(model: Any, name: str = "changelist", pk: Any = None) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=[] if pk is None else [pk])


def has_page(admin: HouseAdmin) -> bool:
    return admin.list_display_links is not None


def some_row(firm: Firm, model: Any) -> Any:
    """Return a row of the firm's, of whatever table."""
    if model._meta.label == "governance.ApiToken":
        return model.objects.filter(firm_id=firm.scene.firm.id).first()
    return firm.row(model)


def do(firm: Firm, model: Any, name: str, data: dict[str, Any], pk: Any = None, user: User | None = None) -> Any:
    """Do an act and return the answer."""
    return firm.client(user).post(where(model, f"do_{name}", pk), data)


def upload(content: bytes, name: str = "a.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def authority(firm: Firm, **changed: Any) -> dict[str, Any]:
    with firm.inside():
        one, two = Party.objects.order_by("-code")[:2]
    given = {"code": f"X{number()}", "kind": "POA", "grantor": one.pk, "grantee": two.pk, "accounts": firm.scene.account.code}
    dates = {"effective_from": "2026-03-01T00:00", "signed_at": "2026-03-01T00:00"}
    return {**given, **dates, "powers": ["TRADE"], "document": upload(PDF), **changed}
