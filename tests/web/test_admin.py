"""The admin: who enters, what they see, and that every change is a service's, in the audit trail."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import mamweb.urls  # noqa: F401  # fills the site
from accounts.enums import BlockMode
from accounts.models import Account, AccountGroup, BrokerConnection, Custodian, LedgerTransaction
from accounts.services import block_trading, grant_group, open_group
from base import tenancy
from governance import services
from governance.adminsite import HouseAdmin, site
from governance.core.authority import Signature
from governance.core.subjects import Actor, Subject
from governance.enums import (
    AlertTier,
    ApprovalAction,
    ApprovalState,
    AuditAction,
    AuthorityKind,
    KillScope,
    MandateRuleKind,
    Power,
    RestrictionState,
    Role,
    SubjectKind,
)
from governance.models import Alert, Approval, AuditEvent, Authority, KillSwitch, Mandate, Membership, Party, Restriction, User
from governance.web import Visit
from risk.enums import FirmLimitKind
from risk.models import FirmLimit, GateDecision
from risk.services import set_firm_limit
from tests.api.scene import NOW, make_person, make_scene
from tests.factories import make_account, make_custodian, number

from .people import signed_in

pytestmark = pytest.mark.django_db

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


def test_every_table_and_page_opens_for_compliance(firm: Firm) -> None:
    client = firm.client()
    for model, admin in ADMINS:
        row = some_row(firm, model)
        assert row is not None, f"nothing to look at in {model._meta.label}"
        answer = client.get(where(model))
        assert answer.status_code == 200, model._meta.label
        if has_page(admin):
            answer = client.get(where(model, "change", row.pk))
            assert answer.status_code == 200 and b"<form" in answer.content, model._meta.label


def test_queries_do_not_grow_with_rows(firm: Firm) -> None:
    client = firm.client()

    def count() -> dict[str, int]:
        found = {}
        for address in ["/admin/", where(Authority, "calendar"), *(where(model) for model, _ in ADMINS)]:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(address).status_code == 200
            found[address] = len(queries)
        return found

    count()
    one = count()
    with firm.inside():
        firm.fill()
        firm.fill()
    assert count() == one


def test_nothing_is_added_changed_or_deleted_by_a_form(firm: Firm) -> None:
    client = firm.client()
    for model, _ in ADMINS:
        row, label = some_row(firm, model), model._meta.label
        with firm.inside():
            before = model._default_manager.filter(pk=row.pk).values().get()
        assert client.get(where(model, "add")).status_code == 403, label
        assert client.post(where(model, "add"), {}).status_code == 403, label
        assert client.post(where(model, "delete", row.pk), {"post": "yes"}).status_code in {302, 403, 404}, label
        assert client.get(where(model, "history", row.pk)).status_code == 404, label
        assert client.post(where(model, "change", row.pk), {"name": "x", "reason": "x"}).status_code in {302, 403, 404}, label
        client.post(where(model), {"action": "delete_selected", "_selected_action": [str(row.pk)]})
        with firm.inside():
            assert model._default_manager.filter(pk=row.pk).values().get() == before, label


def test_another_firms_row_is_not_there(firm: Firm, tmp_path: Path) -> None:
    stranger, client = Firm(tmp_path), firm.client()
    for model, admin in ADMINS:
        row, label = some_row(stranger, model), model._meta.label
        answer = client.get(where(model, "change", row.pk))
        assert answer.status_code == 404 or answer["Location"] == "/admin/", label
        for act in admin.acts:
            if act.about_row:
                assert client.get(where(model, f"do_{act.name}", row.pk)).status_code == 404, (label, act.name)
                assert client.post(where(model, f"do_{act.name}", row.pk), {"reason": "x"}).status_code == 404, (label, act.name)
        assert stranger.officer.email not in client.get(where(model)).content.decode(), label


def test_every_act_opens_for_its_roles_alone(firm: Firm) -> None:
    officer, operations = firm.client(), firm.client(firm.operations)
    compliance = Visit(firm.officer, firm.scene.firm.id, frozenset({Role.COMPLIANCE}), NOW, is_proven=True)
    for model, admin in ADMINS:
        for act in admin.acts:
            row = some_row(firm, model) if act.about_row else None
            address = where(model, f"do_{act.name}", row.pk if row else None)
            answer = officer.get(address)
            fits = row is None or act.when(row, compliance)
            assert answer.status_code == (200 if fits else 409) and act.title.encode() in answer.content, address
            expected = 403 if Role.OPERATIONS not in act.roles else 200 if fits else 409
            assert operations.get(address).status_code == expected, address
            if expected == 403:
                assert operations.post(address, {}).status_code == 403, address


@pytest.mark.parametrize("role", [Role.MANAGER, Role.TRADER, Role.INVESTOR])
def test_other_roles_do_not_enter(firm: Firm, role: Role) -> None:
    with firm.inside():
        user = make_person(firm.scene.firm, role).user
    client = firm.client(user)
    for address in ("/admin/", where(Account), where(AuditEvent), where(Authority, "calendar"), "/admin/governance/"):
        assert client.get(address).status_code == 403, address


def test_the_same_door_as_all_pages(firm: Firm) -> None:
    assert Client().get("/admin/")["Location"] == "/auth/login/?next=/admin/"
    assert Client().get("/admin/login/")["Location"].startswith("/auth/login/")
    with override_settings(MFA_REQUIRED=True):
        assert firm.client().get("/admin/")["Location"] == "/auth/2fa/"
        assert firm.client().get(where(AuditEvent))["Location"] == "/auth/2fa/"
        Authenticator.objects.create(user=firm.officer, type="totp", data={"secret": "x"})
        assert firm.client().get("/admin/").status_code == 200
    with firm.inside():
        services.remove_member(user_id=firm.officer.id, role=Role.COMPLIANCE, actor=None, now=NOW)
    assert firm.client().get("/admin/")["Location"] == "/firms/"


def test_no_global_table_is_shown(firm: Firm) -> None:
    assert {model._meta.label for model, _ in ADMINS}.isdisjoint({"governance.User", "governance.Firm", "auth.Group", "sites.Site"})
    client = firm.client()
    for address in ("/admin/search/?s=a", "/admin/autocomplete/", "/admin/r/1/1/", "/admin/auth/", "/admin/sessions/session/"):
        assert client.get(address).status_code == 404, address


def test_the_policy_is_wider_in_the_admin_alone(firm: Firm) -> None:
    client = firm.client()
    policy = client.get("/admin/")["Content-Security-Policy"]
    assert "'unsafe-eval'" in policy and "script-src 'self' 'unsafe-eval'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in client.get("/auth/")["Content-Security-Policy"]
    text = client.get("/admin/").content.decode()
    assert "//fonts." not in text and "https://" not in text.replace("http://www.w3.org", "")


def test_the_banner_of_critical_alerts_is_on_every_page(firm: Firm) -> None:
    client = firm.client()
    alert = firm.row(Alert)
    pages = ["/admin/", "/admin/governance/", where(Authority, "calendar"), where(Alert), where(Alert, "change", alert.pk)]
    pages += [where(Membership, "do_add"), where(Alert, "do_acknowledge", alert.pk)]
    for address in pages:
        answer = client.get(address)
        text = answer.content.decode()
        assert answer.status_code == 200 and 'class="banner" role="alert"' in text and alert.message in text, address
        assert 'hx-get="/frame/banner"' in text and "/base/live" in text, address
    back = client.post(f"/alerts/{alert.pk}/acknowledge", {}, headers={"Referer": f"http://testserver{where(Authority)}"})
    assert back["Location"] == where(Authority)
    assert 'class="banner"' not in client.get(where(Authority)).content.decode()


def test_the_first_page_says_what_waits(firm: Firm) -> None:
    text = firm.client().get("/admin/").content.decode()
    for told in ("Wait for a second person", "Authorities that end", "Critical alerts", "Events not sealed", "POA"):
        assert told in text, told


def test_acts_that_hand_out_rights_ask_again_who_is_there(firm: Firm) -> None:
    client = signed_in(firm.officer, firm.scene.firm.id)
    assert client.post("/admin/governance/membership/do/add", {})["Location"].startswith("/auth/reauthenticate/?next=")


def do(firm: Firm, model: Any, name: str, data: dict[str, Any], pk: Any = None, user: User | None = None) -> Any:
    """Do an act and return the answer."""
    return firm.client(user).post(where(model, f"do_{name}", pk), data)


def test_somebody_new_gets_a_role_and_a_letter(firm: Firm, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    email = f"new{number()}@example.com"
    address = "/admin/governance/membership/do/add"
    with django_capture_on_commit_callbacks(execute=True):
        answer = firm.client().post(address, {"email": email, "name": "New", "role": "TRADER", "reason": "joins the desk"})
    assert answer.status_code == 302, answer.content.decode()
    event = firm.event(AuditAction.GRANTED)
    assert event.actor_id == firm.officer.id and event.after == {"role": "TRADER"} and event.reason == "joins the desk"
    (letter,) = mail.outbox
    assert letter.to == [email] and "/auth/password/reset/key/" in letter.body


def test_a_role_is_taken_away(firm: Firm) -> None:
    with firm.inside():
        row = Membership.objects.get(user=firm.scene.colleague.user)
    assert do(firm, Membership, "take", {"reason": "left"}, row.pk).status_code == 302
    event = firm.event(AuditAction.GRANT_REVOKED)
    assert event.before["role"] == "TRADER" and event.reason == "left"


def test_an_account_changes_with_before_and_after(firm: Firm) -> None:
    account = firm.scene.account
    data = {"name": "Another name", "position_cap_rate": "0.04", "owner": firm.row(Party).pk, "reason": "asked in writing"}
    assert do(firm, Account, "change", data, account.pk).status_code == 302
    event = firm.event(AuditAction.CHANGED)
    assert event.before["name"] == account.name and event.after["name"] == "Another name" and event.after["position_cap_rate"] == "0.04"
    assert event.actor_id == firm.officer.id and event.reason == "asked in writing"
    answer = do(firm, Account, "change", {**data, "position_cap_rate": "7"}, account.pk)
    assert answer.status_code == 422 and b"at most 1" in answer.content


def test_connections_and_custodians(firm: Firm) -> None:
    with firm.inside():
        row, custodian = BrokerConnection.objects.filter(is_enabled=True).first(), make_custodian()
    assert row is not None
    assert do(firm, BrokerConnection, "disable", {"reason": "broker is down"}, row.pk).status_code == 302
    event = firm.event(AuditAction.CHANGED)
    assert event.before == {"is_enabled": True} and event.after == {"is_enabled": False}
    data = {"code": f"C{number()}", "gateway": "paper", "custodian": custodian.pk}
    assert do(firm, BrokerConnection, "record", data).status_code == 302
    assert firm.event(AuditAction.CREATED).after["is_paper"] is True
    assert do(firm, BrokerConnection, "record", data).status_code == 422, "the code is taken"
    assert do(firm, Custodian, "change", {"name": "Renamed", "contact": "c", "reason": "r"}, custodian.pk).status_code == 302


def test_groups_and_grants(firm: Firm) -> None:
    account = firm.scene.account
    code = f"GX{number()}"
    assert do(firm, AccountGroup, "open", {"code": code, "name": "n", "accounts": account.code}).status_code == 302
    assert b"no account NOPE" in do(firm, AccountGroup, "open", {"code": "Y", "name": "n", "accounts": "NOPE"}).content
    with firm.inside():
        group = AccountGroup.objects.get(code=code)
    assert do(firm, AccountGroup, "members", {"accounts": ""}, group.pk).status_code == 302
    from accounts.models import AccountUserObjectPermission as Grant

    data = {"account": account.code, "user": firm.scene.colleague.user.id, "can_trade": "on"}
    assert do(firm, Grant, "grant", data).status_code == 302
    assert firm.event(AuditAction.GRANTED).after["may"] == ["view", "trade"]
    with firm.inside():
        row = Grant.objects.get(user=firm.scene.colleague.user, permission__codename="trade_account")
    assert do(firm, Grant, "revoke", {}, row.pk).status_code == 302
    assert firm.event(AuditAction.GRANT_REVOKED).before["may"] == ["trade"]
    assert do(firm, Grant, "grant", {**data, "user": make_scene().owner.user.id}).status_code == 422, "a stranger is no choice"


def upload(content: bytes, name: str = "a.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="application/pdf")


def authority(firm: Firm, **changed: Any) -> dict[str, Any]:
    with firm.inside():
        one, two = Party.objects.order_by("-code")[:2]
    given = {"code": f"X{number()}", "kind": "POA", "grantor": one.pk, "grantee": two.pk, "accounts": firm.scene.account.code}
    dates = {"effective_from": "2026-03-01T00:00", "signed_at": "2026-03-01T00:00"}
    return {**given, **dates, "powers": ["TRADE"], "document": upload(PDF), **changed}


def test_an_authority_with_its_document(firm: Firm) -> None:
    assert do(firm, Authority, "record", authority(firm)).status_code == 302
    event, row = firm.event(AuditAction.AUTHORITY_RECORDED), firm.row(Authority)
    assert event.actor_id == firm.officer.id and event.after["document_sha256"] == row.document_sha256
    answer = firm.client().get(where(Authority, "document", row.pk))
    assert answer.content == PDF and answer["Content-Type"] == "application/pdf" and "attachment" in answer["Content-Disposition"]
    taken = firm.event(AuditAction.EXPORTED)
    assert taken.subject_id == str(row.pk) and taken.after == {"sha256": row.document_sha256}
    (kept,) = firm.documents.rglob(f"{row.document_sha256}.pdf")
    kept.write_bytes(PDF + b"touched")
    assert firm.client().get(where(Authority, "document", row.pk)).status_code == 404
    assert b"March 2026" in firm.client().get(where(Authority, "calendar")).content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", b"empty"),
        (b"<html><script>", b"PDF, a PNG or a JPEG"),
        (b"MZ" + PDF, b"PDF, a PNG or a JPEG"),
        (PDF + bytes(10_485_760), b"10 MB"),
    ],
    ids=["empty", "html", "program", "large"],
)
def test_a_document_is_checked_by_its_content(firm: Firm, content: bytes, told: bytes) -> None:
    with firm.inside():
        before = Authority.objects.count()
    answer = do(firm, Authority, "record", authority(firm, document=upload(content)))
    assert answer.status_code == 422 and told in answer.content
    with firm.inside():
        assert Authority.objects.count() == before


def test_larger_bodies_are_for_documents_in_the_admin_alone(firm: Firm) -> None:
    big = upload(PDF + bytes(2_000_000))
    assert firm.client().post("/auth/name", {"name": "x", "file": big}).status_code == 413
    assert do(firm, Authority, "record", authority(firm, document=upload(PDF + bytes(12_000_000)))).status_code == 413


def test_an_authority_is_revoked(firm: Firm) -> None:
    row = firm.row(Authority)
    assert do(firm, Authority, "revoke", {"reason": "client left"}, row.pk).status_code == 302
    event = firm.event(AuditAction.AUTHORITY_REVOKED)
    assert event.reason == "client left" and event.actor_id == firm.officer.id


def test_a_mandates_next_version(firm: Firm) -> None:
    row = firm.row(Mandate)
    rules = "POSITION_CAP | 0.02 | | | 4.2\nEXCLUDED_SECTORS | | | TOBACCO, ARMS | 4.3"
    data = {"code": row.code, "name": "Tighter", "valid_from": "2026-04-01T00:00", "rules": rules}
    assert do(firm, Mandate, "record", data).status_code == 302
    event, made = firm.event(AuditAction.CREATED), firm.row(Mandate)
    assert made.version == row.version + 1 and event.rule == "GOV-1" and len(event.after["rules"]) == 2
    assert b"Line 1 is no rule" in do(firm, Mandate, "record", {**data, "rules": "POSITION_CAP 2%"}).content
    assert do(firm, Mandate, "record", {**data, "rules": "POSITION_CAP | | | | 4.2"}).status_code == 422


def test_a_stress_move_is_recorded_and_shown_in_words(firm: Firm) -> None:
    form = firm.client().get(where(Mandate) + "do/record").content.decode()
    assert all(f"<dt>{kind}</dt>" in form for kind in MandateRuleKind) and "it limits nothing" in form
    facts = {"code": "SM", "name": "Stress", "valid_from": "2026-03-03T00:00", "rules": "STRESS_MOVE | 0.2 | | | §7 a fall of 20%"}
    assert do(firm, Mandate, "record", {**facts, "rules": "STRESS_MOVE | 1.5 | | | §7"}).status_code == 422
    assert do(firm, Mandate, "record", facts).status_code == 302
    with firm.inside():
        row = Mandate.objects.get(code="SM")
    page = firm.client().get(where(Mandate, "change", row.pk)).content.decode()
    assert "Stress move</span>" in page and "STRESS_MOVE" not in page
    sheet = firm.client().get(f"/authorities/mandates/{row.pk}/").content.decode()
    assert "Stress move</span>" in sheet and "move</span></td>" in sheet


def test_a_looser_limit_takes_two_people(firm: Firm) -> None:
    with firm.inside():
        standing = FirmLimit.objects.order_by("kind").first()
    assert standing is not None
    tighter = {"kind": standing.kind, "limit": "900", "reason": "calmer"}
    assert do(firm, FirmLimit, "set", tighter).status_code == 302
    event = firm.event(AuditAction.CHANGED)
    assert event.before == {"limit": "1000"} and event.after == {"limit": "900"}

    looser = {"kind": standing.kind, "limit": "5000", "reason": "more room"}
    do(firm, FirmLimit, "set", looser)
    approval = firm.row(Approval)
    assert approval.action == ApprovalAction.CHANGE_LIMIT and approval.state == ApprovalState.REQUESTED
    with firm.inside():
        assert FirmLimit.objects.get(kind=standing.kind, valid_until=None).limit == 900
    assert do(firm, Approval, "approve", {"reason": "me too"}, approval.pk).status_code == 422, "not the same person"
    assert do(firm, Approval, "approve", {"reason": "agreed"}, approval.pk, firm.other).status_code == 302
    assert do(firm, FirmLimit, "set", {**looser, "limit": "6000", "approval": approval.pk}).status_code == 422, "another figure"
    settle = override_settings(REHEARSAL_CLOCK=_clock(minutes=1))
    with settle:
        assert do(firm, FirmLimit, "set", {**looser, "approval": approval.pk}).status_code == 302
        with firm.inside():
            assert FirmLimit.objects.get(kind=standing.kind, valid_until=None).limit == 5000
        assert firm.event(AuditAction.CHANGED).approval_id == approval.pk
    with override_settings(REHEARSAL_CLOCK=_clock(minutes=2)):
        do(firm, FirmLimit, "set", tighter)
    with override_settings(REHEARSAL_CLOCK=_clock(minutes=3)):
        assert do(firm, FirmLimit, "set", {**looser, "approval": approval.pk}).status_code == 422, "an approval is spent once"


def _clock(**later: float) -> str:
    at = (NOW + timedelta(**later)).isoformat()
    return f"{at}@{at}*0"


def test_gov_4_the_emergency_override_is_the_tickets_and_is_seen_here(firm: Firm) -> None:
    asked_by = Actor(str(firm.scene.owner.user.id), Role.MANAGER)
    about = Subject(SubjectKind.SIGNAL, firm.scene.ids["journey"])
    with firm.inside():
        over = {"action": ApprovalAction.RELEASE_OVER_LIMIT, "subject": about, "content_hash": "b" * 64, "now": NOW}
        pk = services.request_approval(**over, actor=asked_by, reason="client waits", rules=("RSK-1:ORDER_NOTIONAL",))
    assert [act.name for act in dict(ADMINS)[Approval].acts] == ["approve", "refuse"]
    queue = firm.client().get(where(Approval)).content.decode()
    for words in ("Emergency override", "asked for at the ticket", "client waits", "b" * 12, firm.scene.owner.user.email, "CST-6"):
        assert words in queue, words
    assert do(firm, Approval, "approve", {"reason": ""}, pk).status_code == 422, "why"
    assert do(firm, Approval, "approve", {"reason": "seen"}, pk).status_code == 302
    with firm.inside():
        services.use_approval(approval_id=pk, actor=Actor(str(firm.scene.colleague.user.id), Role.TRADER), **over)
    assert firm.scene.colleague.user.email in firm.client().get(where(Approval)).content.decode()
    shown = firm.client().get(where(Approval, "change", pk)).content.decode()
    for words in ("b" * 64, "RSK-1:ORDER_NOTIONAL", "over the limits named", firm.officer.email, firm.scene.colleague.user.email):
        assert words in shown, words


def test_a_request_ends_after_15_minutes(firm: Firm) -> None:
    row = firm.row(Approval)
    with override_settings(REHEARSAL_CLOCK=_clock(minutes=15)):
        answer = do(firm, Approval, "approve", {"reason": "late"}, row.pk, firm.other)
        assert answer.status_code == 409 and b"15 minutes are over" in answer.content
        assert b">Approve<" not in firm.client(firm.other).get(where(Approval, "change", row.pk)).content


def test_the_restricted_list(firm: Firm) -> None:
    data = {"names": "instrument", "symbol": firm.scene.instrument.symbol.lower(), "state": "FROZEN", "reason": "inside information"}
    assert do(firm, Restriction, "restrict", data).status_code == 302
    assert firm.event(AuditAction.RESTRICTION_CHANGED).after["state"] == "FROZEN"
    assert b"no instrument of this name" in do(firm, Restriction, "restrict", {**data, "symbol": "NOPE"}).content
    row = firm.row(Restriction)
    assert do(firm, Restriction, "ask", {"reason": "public now"}, row.pk).status_code == 302
    approval = firm.row(Approval)
    assert do(firm, Restriction, "lift", {"approval": approval.pk, "reason": "r"}, row.pk).status_code == 422, "nobody approved yet"
    do(firm, Approval, "approve", {"reason": "seen"}, approval.pk, firm.other)
    assert do(firm, Restriction, "lift", {"approval": approval.pk, "reason": "public"}, row.pk).status_code == 302
    assert firm.event(AuditAction.RESTRICTION_CHANGED).approval_id == approval.pk


def test_kill_switches_and_alerts(firm: Firm) -> None:
    assert do(firm, KillSwitch, "trip", {"scope": "FIRM", "subject_id": "", "reason": "odd prices"}).status_code == 302
    assert do(firm, KillSwitch, "trip", {"scope": "ACCOUNT", "subject_id": "", "reason": "r"}).status_code == 422
    row = firm.row(KillSwitch)
    assert do(firm, KillSwitch, "ask", {"reason": "clear"}, row.pk).status_code == 302
    assert do(firm, KillSwitch, "rearm", {"reason": "r"}, row.pk).status_code == 422, "the second person is another"
    assert do(firm, KillSwitch, "rearm", {"reason": "r"}, row.pk, firm.other).status_code == 302
    assert firm.event(AuditAction.KILL_REARMED).actor_id == firm.other.id
    alert = firm.row(Alert)
    assert do(firm, Alert, "acknowledge", {}, alert.pk).status_code == 302
    assert firm.event(AuditAction.ALERT_ACKNOWLEDGED).actor_id == firm.officer.id


def test_secrets_are_shown_once(firm: Firm) -> None:
    answer = do(firm, firm_tokens(), "issue", {"user": firm.officer.id, "label": "robot", "days": "30"})
    text = answer.content.decode()
    secret = next(word for word in text.replace("<", " ").replace(">", " ").split() if word.startswith("mam_"))
    listed = firm.client().get(where(firm_tokens())).content.decode()
    assert "robot" in listed and secret not in listed
    with firm.inside():
        assert not any(secret in str(event.after) for event in AuditEvent.objects.all())
    token = firm_tokens().objects.get(label="robot")
    from governance.core.subjects import token_name

    assert token.digest not in listed
    assert do(firm, firm_tokens(), "revoke", {"token": token_name(token.digest), "reason": "gone"}).status_code == 302
    assert firm.event(AuditAction.GRANT_REVOKED).reason == "gone"


def firm_tokens() -> Any:
    from governance.models import ApiToken

    return ApiToken


def test_the_trail_is_searched_compared_and_verified(firm: Firm) -> None:
    do(firm, Account, "change", {"name": "After", "reason": "r"}, firm.scene.account.pk)
    event = firm.event(AuditAction.CHANGED)
    client = firm.client()
    text = client.get(where(AuditEvent, "change", event.pk)).content.decode()
    assert firm.scene.account.name in text and "After" in text and firm.officer.email in text
    narrowed = client.get(where(AuditEvent), {"action": "CHANGED", "person": firm.officer.id, "since": "day", "kind": "ACCOUNT"})
    assert narrowed.status_code == 200 and b"CHANGED" in narrowed.content
    for wrong in ({"person": "x"}, {"since": "never"}, {"action": "'"}, {"q": "\x00"}):
        assert client.get(where(AuditEvent), wrong).status_code < 500
    with firm.inside():
        services.seal_audit(now=NOW)
    answer = do(firm, AuditEvent, "verify", {})
    assert b"The chain is sound." in answer.content
    assert b"The chain is sound." in do(firm, AuditEvent, "verify", {}, user=firm.operations).content


def test_the_trail_speaks_of_names_and_keeps_the_ids_small(firm: Firm) -> None:
    account, client = firm.scene.account, firm.client()
    do(firm, Account, "change", {"name": "After", "reason": "r"}, account.pk)
    with firm.inside():
        User.objects.filter(pk=firm.officer.pk).update(name="Ruth Ohm")
        block_trading(
            account_id=account.id,
            instrument_id=firm.scene.instrument.id,
            mode=BlockMode.CLOSE_ONLY,
            rule="X",
            reason="r",
            now=NOW,
            actor=firm.actor,
        )
    text = client.get(where(AuditEvent), {"kind": "ACCOUNT"}).content.decode()
    assert f"{account.code} After" in text and "Ruth Ohm" in text and f"ACCOUNT {account.pk}" not in text
    assert f'<span class="raw-id" title="{account.pk}">{str(account.pk)[-8:]}</span>' in text
    page = client.get(where(AuditEvent, "change", firm.event(AuditAction.CREATED).pk)).content.decode()
    assert f"<td>{firm.scene.instrument.symbol}</td>" in page and f"<td>{account.code} After</td>" in page


def test_what_the_trail_has_no_name_for_keeps_its_id(firm: Firm) -> None:
    gone = "00000000-0000-7000-8000-000000000000"
    with firm.inside():
        services.audit(
            action=AuditAction.CHANGED,
            subject=Subject(SubjectKind.ACCOUNT, gone),
            actor=firm.actor,
            now=NOW + timedelta(seconds=5),
            after={
                "account": gone,
                "instrument": True,
                "user": "nobody",
                "owner": 999_999_999,
                "accounts": [gone, 3],
                "subject": {"kind": "X", "id": gone},
            },
        )
    event = firm.event(AuditAction.CHANGED)
    assert f'Account <span class="raw-id">{gone}</span>' in firm.client().get(where(AuditEvent)).content.decode()
    page = firm.client().get(where(AuditEvent, "change", event.pk)).content.decode()
    assert "nobody" in page and "999999999" in page and page.count(gone) >= 3


def test_a_page_of_the_trail_asks_one_statement_a_kind(firm: Firm) -> None:
    """Names of more people, accounts and requests cost no statement more."""

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(where(AuditEvent)).status_code == 200
        return len(queries)

    def happen(times: int) -> None:
        with firm.inside():
            for _ in range(times):
                person, account = make_person(firm.scene.firm, Role.COMPLIANCE).user, make_account()
                actor = Actor(str(person.id), Role.COMPLIANCE)
                facts = {
                    "account": str(account.id),
                    "instrument": firm.scene.instrument.id,
                    "user": person.id,
                    "mandate_id": str(firm.row(Mandate).id),
                }
                services.audit(
                    action=AuditAction.CHANGED, subject=Subject(SubjectKind.ACCOUNT, str(account.id)), actor=actor, now=NOW, after=facts
                )

    client = firm.client()
    happen(1)
    count()
    one = count()
    happen(6)
    assert count() == one


def test_a_statement_is_taken_along_against_a_line_in_the_trail(firm: Firm) -> None:
    from reporting.models import StatementDocument

    row = firm.row(StatementDocument)
    answer = firm.client().get(where(StatementDocument, "pdf", row.pk))
    assert answer.status_code == 200 and answer["Content-Type"] == "application/pdf"
    assert firm.event(AuditAction.EXPORTED).subject_id == str(row.pk)
    stranger = Firm(firm.documents)
    assert stranger.client().get(where(StatementDocument, "pdf", row.pk)).status_code == 404


def test_the_ledger_is_read_with_its_entries(firm: Firm) -> None:
    row = firm.row(LedgerTransaction)
    text = firm.client().get(where(LedgerTransaction, "change", row.pk)).content.decode()
    assert row.source_key in text and 'type="submit" name="_save"' not in text
