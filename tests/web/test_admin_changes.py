"""What the admin changes: each act is a service's, with before and after in the trail, and two people where the rules ask for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import override_settings

import mamweb.urls  # noqa: F401  # fills the site
from accounts.models import Account, AccountGroup, BrokerConnection, Custodian
from governance import services
from governance.core.subjects import Actor, Subject
from governance.enums import (
    ApprovalAction,
    ApprovalState,
    AuditAction,
    MandateRuleKind,
    Role,
    SubjectKind,
)
from governance.models import Alert, Approval, AuditEvent, Authority, KillSwitch, Mandate, Membership, Party, Restriction
from risk.models import FirmLimit
from tests.api.scene import NOW, make_scene
from tests.factories import make_custodian, number

from .overseen import ADMINS, PDF, Firm, authority, do, firm, upload, where

__all__ = ["firm"]
pytestmark = pytest.mark.django_db


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
    taken = do(firm, Grant, "revoke", {}, row.pk)
    assert (taken.status_code, taken["Location"]) == (302, "/admin/accounts/accountuserobjectpermission/"), "the row has no page any more"
    assert firm.event(AuditAction.GRANT_REVOKED).before["may"] == ["trade"]
    assert do(firm, Grant, "grant", {**data, "user": make_scene().owner.user.id}).status_code == 422, "a stranger is no choice"


def test_an_authority_with_its_document(firm: Firm) -> None:
    assert do(firm, Authority, "record", authority(firm)).status_code == 302
    event, row = firm.event(AuditAction.AUTHORITY_RECORDED), firm.row(Authority)
    assert event.actor_id == firm.officer.id and event.after["document_sha256"] == row.document_sha256
    asked = firm.client().head(where(Authority, "document", row.pk))  # what it is, and none of it
    assert (asked["Content-Length"], asked.content) == (str(len(PDF)), b"")
    with firm.inside():
        assert not AuditEvent.objects.filter(action=AuditAction.EXPORTED).exists()
    answer = firm.client().get(where(Authority, "document", row.pk))
    assert answer.getvalue() == PDF and answer["Content-Type"] == "application/pdf" and "attachment" in answer["Content-Disposition"]
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
    assert approval.reason.endswith(" to 5,000: more room") and "_" not in approval.reason
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
    assert "There is no instrument “NOPE”".encode() in do(firm, Restriction, "restrict", {**data, "symbol": "NOPE"}).content
    row = firm.row(Restriction)
    assert do(firm, Restriction, "ask", {"reason": "public now"}, row.pk).status_code == 302
    approval = firm.row(Approval)
    assert do(firm, Restriction, "lift", {"approval": approval.pk, "reason": "r"}, row.pk).status_code == 422, "nobody approved yet"
    do(firm, Approval, "approve", {"reason": "seen"}, approval.pk, firm.other)
    assert do(firm, Restriction, "lift", {"approval": approval.pk, "reason": "public"}, row.pk).status_code == 302
    assert firm.event(AuditAction.RESTRICTION_CHANGED).approval_id == approval.pk


def test_kill_switches_and_alerts(firm: Firm) -> None:
    assert do(firm, KillSwitch, "trip", {"scope": "FIRM", "subject_id": "", "reason": "odd prices"}).status_code == 302
    for subject_id in ("", "NOPE", "NaN", "01a201b3-0000-7266-9053-3ba7a6158028"):
        refused = do(firm, KillSwitch, "trip", {"scope": "ACCOUNT", "subject_id": subject_id, "reason": "r"})
        assert refused.status_code == 422 and f"There is no account “{subject_id}”" in refused.content.decode()
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
