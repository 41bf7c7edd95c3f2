"""Acts of the admin asked for where they do not fit, by their address: what a hidden button must not do (REC-6, GOV-1, GOV-4)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from accounts.enums import BlockMode
from accounts.models import Account, BrokerConnection, TradingBlock
from accounts.services import UnableToLift, block_trading, lift_by_hand
from base.clock import process_clock
from governance import queries, services
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, AuditAction, KillScope, Role, SubjectKind
from governance.models import Approval, AuditEvent, Authority, FirmSettings, KillSwitch, Mandate, Party, Restriction
from governance.services.parties import UnableToRecord
from tests.api.scene import NOW, make_person

from .overseen import ADMINS, Firm, authority, do, where
from .people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def firm(settings: Any, tmp_path: Path) -> Firm:
    settings.DOCUMENTS_DIR = tmp_path
    return Firm(tmp_path)


def block(firm: Firm, source: UUID | None) -> UUID:
    terms = {"mode": BlockMode.CLOSE_ONLY, "rule": "REC-6", "reason": "break", "now": NOW}
    with firm.inside():
        return block_trading(account_id=firm.scene.account.pk, instrument_id=None, source_id=source, **terms)


def test_rec_6_nobody_lifts_the_block_of_a_break_alone(firm: Firm) -> None:
    standing = block(firm, UUID(firm.scene.ids["break"]))
    answer = do(firm, TradingBlock, "lift", {"reason": "x"}, standing)
    assert answer.status_code == 409 and b"waived by two people" in answer.content and b"Nothing was written" in answer.content
    with firm.inside():
        assert TradingBlock.objects.get(pk=standing).ends_at is None
        with pytest.raises(UnableToLift, match="waived by two people"):
            lift_by_hand(block_id=standing, actor=firm.actor, now=NOW, reason="x")
        assert not AuditEvent.objects.filter(action=AuditAction.ENDED).exists()


def test_a_block_put_by_hand_is_lifted_once(firm: Firm) -> None:
    standing = block(firm, None)
    assert do(firm, TradingBlock, "lift", {"reason": "cleared"}, standing).status_code == 302
    assert firm.event(AuditAction.ENDED).reason == "cleared"
    assert do(firm, TradingBlock, "lift", {"reason": "again"}, standing).status_code == 409
    with firm.inside(), pytest.raises(UnableToLift, match="has ended already"):
        lift_by_hand(block_id=standing, actor=firm.actor, now=NOW, reason="again")


def test_a_disabled_connection_is_enabled_by_enabling_alone(firm: Firm) -> None:
    with firm.inside():
        row = BrokerConnection.objects.earliest("code")
        BrokerConnection.objects.filter(pk=row.pk).update(is_enabled=False)
    stale = signed_in(firm.officer, firm.scene.firm.id)
    assert stale.post(where(BrokerConnection, "do_enable", row.pk), {"reason": "x"})["Location"].startswith("/auth/reauthenticate/")
    answer = stale.post(where(BrokerConnection, "do_disable", row.pk), {"reason": "x"})
    assert answer.status_code == 409 and b"It is disabled already." in answer.content
    with firm.inside():
        assert not BrokerConnection.objects.get(pk=row.pk).is_enabled
    assert do(firm, BrokerConnection, "enable", {"reason": "back"}, row.pk).status_code == 302
    assert do(firm, BrokerConnection, "enable", {"reason": "back"}, row.pk).status_code == 409
    with firm.inside():
        assert BrokerConnection.objects.get(pk=row.pk).is_enabled


def test_gov_1_a_revoked_authority_takes_no_signature(firm: Firm) -> None:
    row = firm.row(Authority)
    assert do(firm, Authority, "revoke", {"reason": "left"}, row.pk).status_code == 302
    signing = {"party": row.grantor_id, "signed_at": "2026-03-01T00:00"}
    assert do(firm, Authority, "sign", signing, row.pk).status_code == 409
    assert do(firm, Authority, "revoke", {"reason": "again"}, row.pk).status_code == 409
    with firm.inside(), pytest.raises(UnableToRecord, match="takes no signature"):
        services.sign_authority(authority_id=row.pk, party_code="X", signed_at=NOW, actor=firm.actor, now=NOW)


@pytest.mark.parametrize("figure", ["1e30", "1e400", "NaN", "Infinity", "0.000000001"])
def test_a_limit_its_column_cannot_hold_is_refused_beside_it(firm: Firm, figure: str) -> None:
    with firm.inside():
        before = Authority.objects.count()
    answer = do(firm, Authority, "record", authority(firm, order_notional_limit=figure, limit_currency="USD"))
    assert answer.status_code == 422 and 'name="order_notional_limit"' in answer.content.decode()
    assert answer.context["form"].errors.keys() == {"order_notional_limit"}
    with firm.inside():
        assert Authority.objects.count() == before
    assert do(firm, Authority, "record", authority(firm, order_notional_limit="0.00000001", limit_currency="USD")).status_code == 302


@pytest.mark.parametrize("figure", ["1e30", "1e400", "NaN", "Infinity", "0.00000000001", "two"])
@pytest.mark.parametrize("line", ["POSITION_CAP | {} | | | c", "NET_LEVERAGE | 2 | {} | | c"])
def test_a_bound_its_column_cannot_hold_is_refused_with_its_line(firm: Firm, line: str, figure: str) -> None:
    data = {"code": "ZZ", "name": "n", "valid_from": "2026-03-01T00:00", "rules": line.format(figure)}
    answer = do(firm, Mandate, "record", data)
    assert answer.status_code == 422 and "Line 1 cannot be kept" in answer.context["form"].errors["rules"][0]


@pytest.mark.parametrize("line", [f"POSITION_CAP | 0.1 | | | {'c' * 201}", f"EXCLUDED_SECTORS | | | ARMS, {'W' * 65} | c"])
def test_a_text_its_column_cannot_hold_is_refused_with_its_line(firm: Firm, line: str) -> None:
    answer = do(firm, Mandate, "record", {"code": "ZZ", "name": "n", "valid_from": "2026-03-01T00:00", "rules": line})
    assert answer.status_code == 422 and "Line 1 cannot be kept" in answer.context["form"].errors["rules"][0]


@pytest.mark.parametrize("figure", ["1e400", "NaN", "0.00000000001"])
def test_a_cap_its_column_cannot_hold_is_refused_beside_it(firm: Firm, figure: str) -> None:
    answer = do(firm, Account, "change", {"name": "n", "position_cap_rate": figure, "reason": "x"}, firm.scene.account.pk)
    assert answer.status_code == 422 and answer.context["form"].errors.keys() == {"position_cap_rate"}


def test_acc_4_the_cash_buffer_changes_with_before_and_after(firm: Firm) -> None:
    row = firm.row(FirmSettings)
    stale = signed_in(firm.officer, firm.scene.firm.id)
    assert stale.get(where(FirmSettings, "do_change", row.pk))["Location"].startswith("/auth/reauthenticate/")
    assert do(firm, FirmSettings, "change", {"cash_buffer_rate": "0.02", "reason": "calmer"}, row.pk).status_code == 302
    event = firm.event(AuditAction.CHANGED)
    assert (event.before, event.after, event.reason) == ({"cash_buffer_rate": "0.005"}, {"cash_buffer_rate": "0.02"}, "calmer")
    with firm.inside():
        assert queries.firm_settings().cash_buffer_rate == Decimal("0.02")
        before = AuditEvent.objects.count()
    assert do(firm, FirmSettings, "change", {"cash_buffer_rate": "0.020", "reason": "the same"}, row.pk).status_code == 302
    for figure in ("-0.01", "0.26", "NaN", "0.00000000001"):
        answer = do(firm, FirmSettings, "change", {"cash_buffer_rate": figure, "reason": "x"}, row.pk)
        assert answer.status_code == 422 and answer.context["form"].errors.keys() == {"cash_buffer_rate"}, figure
    with firm.inside():
        assert AuditEvent.objects.count() == before
        for rate in (Decimal("-1"), Decimal("0.3"), Decimal("1e-11")):
            with pytest.raises(services.UnableToSet):
                services.change_firm_settings(cash_buffer_rate=rate, actor=firm.actor, now=NOW, reason="x")
        with pytest.raises(services.NotPermitted):
            actor = Actor(str(firm.operations.id), Role.OPERATIONS)
            services.change_firm_settings(cash_buffer_rate=Decimal("0.01"), actor=actor, now=NOW, reason="x")


def test_what_a_firm_cannot_choose_says_why(firm: Firm) -> None:
    page = firm.client().get(where(FirmSettings, "change", firm.row(FirmSettings).pk)).content.decode()
    for words in ("totals of past days are stated in it", "statements that went out bear it", "no firm can do without it", "15 minutes"):
        assert words in page


def test_a_filter_that_cannot_be_asked_for_is_no_filter(firm: Firm) -> None:
    client = firm.client()
    for model, admin in ADMINS:
        for one in admin.list_filter:
            name = one if isinstance(one, str) else one.parameter_name
            for query in (f"{name}=%00", f"{name}__exact=%00", f"{name}__in=a&{name}__in=%00"):
                answer = client.get(f"{where(model)}?{query}")
                assert answer.status_code == 302 and answer["Location"].endswith("?e=1"), (model._meta.label, query)
    assert client.get(f"{where(TradingBlock)}?e=1").status_code == 200


def test_gov_10_a_switch_is_tripped_by_code_symbol_or_any_spelling_of_the_id(firm: Firm) -> None:
    account, instrument = firm.scene.account, firm.scene.instrument
    spelled = (account.code, str(account.pk), str(account.pk).upper(), account.pk.hex)
    for scope, said, meant in (
        *(("ACCOUNT", one, str(account.pk)) for one in spelled),
        ("INSTRUMENT", instrument.symbol.lower(), str(instrument.pk)),
        ("INSTRUMENT", f"00{instrument.pk}", str(instrument.pk)),
    ):
        assert do(firm, KillSwitch, "trip", {"scope": scope, "subject_id": said, "reason": "r"}).status_code == 302
        assert firm.event(AuditAction.KILL_TRIPPED).after == {"scope": scope, "subject": meant}


def test_gov_10_a_trip_of_what_was_never_there_takes_no_page_down(firm: Firm) -> None:
    with firm.inside():
        services.trip_kill_switch(scope=KillScope.ACCOUNT, subject_id="NaN", actor=firm.actor, now=NOW, reason="r")
    assert firm.client().get("/kill-switch/").status_code == 200


@pytest.mark.parametrize("said", ["A\u200bB", "A\u202eB", "A\x07B", "\ufeffAB", "A\u2028B"])
def test_what_nobody_can_see_is_refused_in_every_text(firm: Firm, said: str) -> None:
    answer = do(firm, Party, "record", {"code": "SEEN", "name": f"x{said}x"})
    assert answer.status_code == 422 and b"which nobody can see" in answer.content
    answer = do(firm, Party, "record", {"code": f"x{said}x", "name": "Ö. Ünal\u00a0& 日本 🙂"})
    assert answer.status_code == 422 and list(answer.context_data["form"].errors) == ["code"]


def test_an_authority_names_what_is_wrong_with_it(firm: Firm) -> None:
    wrong = {
        "accounts": {"accounts": ""},
        "expires_at": {"expires_at": "2020-01-01T00:00"},
        "effective_from": {"effective_from": "0001-01-01T00:00"},
        "limit_currency": {"order_notional_limit": "5"},
        "signed_at": {"signed_at": "2199-01-01T00:00"},
    }
    for field, given in wrong.items():
        answer = do(firm, Authority, "record", authority(firm, **given))
        assert answer.status_code == 422 and list(answer.context_data["form"].errors) == [field]
    answer = do(firm, Authority, "record", authority(firm, order_notional_limit="5", limit_currency="ZZZ"))
    assert list(answer.context_data["form"].errors) == ["limit_currency"]
    assert do(firm, Authority, "record", authority(firm, code="TWICE")).status_code == 302
    assert "An authority TWICE is recorded already" in do(firm, Authority, "record", authority(firm, code="TWICE")).content.decode()


def test_gov_4_only_roles_that_may_decide_are_offered_to(firm: Firm) -> None:
    with firm.inside():
        asker, risk = Actor(str(firm.other.id), Role.COMPLIANCE), make_person(firm.scene.firm, Role.RISK).user
        asked = services.request_approval(
            action=ApprovalAction.LIFT_RESTRICTION,
            subject=Subject(SubjectKind.RESTRICTION, str(Restriction.objects.values_list("pk", flat=True)[0])),
            content_hash="b" * 64,
            actor=asker,
            now=process_clock().now(),
            reason="over",
        )
    address = where(Approval, "change", asked)
    assert "do/approve" in firm.client().get(address).content.decode()
    assert "do/approve" not in firm.client(risk).get(address).content.decode()
    assert do(firm, Approval, "approve", {"reason": "x"}, asked, user=risk).status_code == 409


def test_a_file_says_in_the_browser_already_how_large_it_may_be(firm: Firm) -> None:
    for model in (Authority, Mandate):
        assert f'data-most="{10 * 1024 * 1024}"' in firm.client().get(where(model, "do_record")).content.decode()
