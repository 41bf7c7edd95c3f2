"""A yes said in the admin does what the same yes does in the console (GOV-4, GOV-10, REC-6, REC-7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from base import tenancy
from governance.enums import ApprovalState, KillState
from governance.models import Approval, KillSwitch
from reconciliation.enums import BreakState
from reconciliation.models import Waiver
from tests.api.scene import ask_to_rearm
from tests.web.overseen import Firm, do
from tests.web.people import signed_in
from tests.web.reconciled import World, text_of, world

__all__ = ["world"]
pytestmark = pytest.mark.django_db


def approve(world: World) -> Any:
    return signed_in(world.second, None, ("password",)).post(
        f"/admin/governance/approval/{world.proposal().approval_id}/do/approve", {"reason": "compared"}
    )


def test_gov_10_a_yes_in_the_admin_rearms(settings: Any, tmp_path: Path) -> None:
    settings.DOCUMENTS_DIR = tmp_path
    firm = Firm(tmp_path)
    asked = ask_to_rearm(firm.scene)
    assert do(firm, Approval, "approve", {"reason": "clear"}, asked).status_code == 302
    with firm.inside():
        assert Approval.objects.get(pk=asked).state == ApprovalState.USED
        assert KillSwitch.objects.get(rearm_approval_id=asked).state == KillState.ARMED
    assert do(firm, Approval, "approve", {"reason": "again"}, asked).status_code == 409


def test_rec_7_a_yes_in_the_admin_books_the_entry(world: World) -> None:
    assert world.adjust(world.office).status_code == 302
    text = text_of(world.second, f"/admin/governance/approval/{world.proposal().approval_id}/change/")
    assert f"Entry: Book fill<br>Books: +100 {world.row().symbol}, −5,000.00 USD" in text and "Evidence: PA-770214" in text
    assert approve(world).status_code == 302
    assert world.row().state == BreakState.RESOLVED


def test_rec_6_a_yes_in_the_admin_waives_the_break(world: World) -> None:
    asked = signed_in(world.office).post(f"/reconciliation/breaks/{world.extra}/waiver", {"days": "1", "reason": "the broker is asked"})
    assert asked.status_code == 302
    assert approve(world).status_code == 302
    with tenancy.firm(world.firm_id):
        assert Waiver.objects.get().of_break_id == world.extra
        assert Approval.objects.get().state == ApprovalState.USED


def test_gov_4_an_act_that_is_refused_leaves_the_request_open(settings: Any, tmp_path: Path) -> None:
    settings.DOCUMENTS_DIR = tmp_path
    firm = Firm(tmp_path)
    with firm.inside():
        bare = Approval.objects.get(action="WAIVE_BREAK")
    answer = do(firm, Approval, "approve", {"reason": "r"}, bare.pk)
    assert answer.status_code == 422 and b"No such proposal" in answer.content
    with firm.inside():
        assert Approval.objects.get(pk=bare.pk).state == ApprovalState.REQUESTED
