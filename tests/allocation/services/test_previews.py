"""DESIGN §4.5: a preview shows what a release would freeze, for 60 seconds."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from accounts import services as accounts
from accounts.models import Account, AccountGroupMember
from allocation.core.statement import AllocationStatement
from allocation.enums import Reason, Rule
from allocation.models import Preview, StrategyAccount
from allocation.services import UnableToFreeze
from allocation.services.stopping import UnableToSize
from base import tenancy
from execution.models import ParentOrder
from governance.models import AuditEvent
from tests.desk import MINUTE, SECOND, Desk

pytestmark = pytest.mark.django_db


def lots(preview) -> dict[str, int]:
    return dict(zip(preview.sized.accounts.codes, preview.sized.result.lots[:, 0].tolist(), strict=True))


def told(preview, code: str) -> tuple[str, str]:
    """Return rule and reason of an account."""
    sized = preview.sized
    row = sized.accounts.codes.index(code)
    return list(Rule)[sized.result.binding[row, 0]].value, list(Reason)[sized.result.reason[row, 0]].value


def test_siz_7_a_preview_shows_the_worked_quantities_and_who_was_left_out(desk: Desk):
    preview = desk.preview(desk.receive("0.03"))
    assert lots(preview) == {"A1": 158, "A2": 50, "A3": 253, "A4": 114, "A5": 16, "A6": 281}
    assert [(e.code, e.finding) for e in preview.sized.excluded] == [("A7", "AUTH_EXPIRED")]


def test_a_preview_is_kept_under_its_hash_for_60_seconds_and_nothing_else_is_written(desk: Desk):
    signal = desk.receive()
    preview = desk.preview(signal)
    with tenancy.firm(desk.firm_id):
        row = Preview.objects.get(pk=preview.id)
        assert (row.hash, row.created_at, row.expires_at) == (preview.hash, desk.now, desk.now + MINUTE)
        assert AllocationStatement.from_bytes(bytes(row.frozen)).sha256 == row.hash
        assert not ParentOrder.objects.exists()
        assert AuditEvent.objects.filter(action="PREVIEWED", journey_id=signal.journey_id).count() == 1


def test_two_previews_of_one_state_have_one_hash(desk: Desk):
    signal = desk.receive()
    assert desk.preview(signal).hash == desk.preview(signal).hash == desk.preview(signal, now=desk.now + SECOND).hash
    with tenancy.firm(desk.firm_id):
        assert Preview.objects.count() == 2


def test_a_preview_expires_on_the_second(desk: Desk):
    signal = desk.receive()
    preview = desk.preview(signal)
    for late in (MINUTE, timedelta(hours=2)):
        with pytest.raises(UnableToFreeze) as refused:
            desk.release(signal, preview, now=desk.now + late)
        assert refused.value.code == "preview_expired"
    assert not desk.release(signal, preview, now=desk.now + MINUTE - timedelta(microseconds=1)).repeated


def test_a_preview_of_another_signal_is_unknown(desk: Desk):
    one, two = desk.receive(), desk.receive()
    with pytest.raises(UnableToFreeze) as refused:
        desk.release(two, desk.preview(one))
    assert refused.value.code == "preview_unknown"


def test_rec_6_a_closed_account_gets_nothing_and_a_close_only_one_only_closes(desk: Desk):
    desk.hold({"A3": 40})
    with tenancy.firm(desk.firm_id):
        for code, mode in (("A1", "CLOSED"), ("A3", "CLOSE_ONLY")):
            terms = {"instrument_id": None, "rule": "REC-6", "reason": "a test", "source_id": None, "now": desk.now}
            accounts.block_trading(account_id=desk.firm.accounts[code], mode=mode, **terms)
    preview = desk.preview(desk.receive(quantities={"A1": 10, "A3": -60, "A5": 10}))
    assert lots(preview) == {"A1": 0, "A2": 0, "A3": -40, "A4": 0, "A5": 10, "A6": 0}
    assert told(preview, "A1") == (Rule.TRADING_BLOCK.value, Reason.BLOCKED.value)
    assert told(preview, "A3")[1] == Reason.CLIPPED.value
    assert told(preview, "A2") == (Rule.NONE.value, Reason.UNLISTED.value)


def test_acc_2_a_closed_account_gets_nothing_from_its_day_on(desk: Desk):
    with tenancy.firm(desk.firm_id):
        for code, days in (("A1", 0), ("A5", 1)):
            Account.objects.filter(pk=desk.firm.accounts[code]).update(closed_on=desk.now.date() + timedelta(days=days))
    preview = desk.preview(desk.receive(quantities={"A1": 10, "A5": 10}))
    assert lots(preview) == {"A1": 0, "A2": 0, "A3": 0, "A4": 0, "A5": 10, "A6": 0}
    assert told(preview, "A1") == (Rule.TRADING_BLOCK.value, Reason.BLOCKED.value)


def test_siz_2_a_capped_account_is_clipped_by_its_class_and_says_so(desk: Desk):
    preview = desk.preview(desk.receive("0.03"))
    assert {code: told(preview, code) for code in ("A1", "A2", "A4")} == {
        "A1": ("none", "full"),
        "A2": (Rule.CLASS_CAP.value, "clipped"),
        "A4": (Rule.CLASS_CAP.value, "clipped"),
    }


def test_cst_4_an_account_without_the_cash_is_clipped_to_it(desk: Desk):
    preview = desk.preview(desk.receive(quantities={"A6": 1_000_000, "A1": 500}))
    rule, reason = told(preview, "A6")
    assert reason == "clipped" and rule in {Rule.BUYING_POWER.value, Rule.CLASS_CAP.value}
    cost = Decimal(lots(preview)["A6"]) * preview.sized.price
    assert 0 < cost <= Decimal(254_000 + 150_000 * 2)


def test_only_accounts_the_person_may_trade_are_sized(desk: Desk):
    with tenancy.firm(desk.firm_id):
        assert StrategyAccount.objects.count() == 7
        AccountGroupMember.objects.exclude(account_id=desk.firm.accounts["A1"]).delete()
    assert lots(desk.preview(desk.receive())) == {"A1": 158}


def test_nobody_to_size_for_is_a_refusal_with_a_rule(desk: Desk):
    with tenancy.firm(desk.firm_id):
        StrategyAccount.objects.update(is_active=False)
    with pytest.raises(UnableToSize) as refused:
        desk.preview(desk.receive())
    assert refused.value.code == "ACC-2"


def test_gov_2_nobody_with_authority_is_a_refusal_with_a_rule(desk: Desk):
    with pytest.raises(UnableToSize) as refused:
        desk.preview(desk.receive(codes="A7"))
    assert refused.value.code == "GOV-2" and refused.value.context["excluded"] == [str(desk.firm.accounts["A7"])]
