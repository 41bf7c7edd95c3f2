"""A custodian's day with breaks, as the reconciliation desk finds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from base import tenancy
from governance.enums import Role
from governance.models import User
from market.core import calendars
from reconciliation.models import Break, Proposal
from reconciliation.services import reconcile_file
from tests.api.scene import grant
from tests.factories import make_firm, make_user
from tests.reconciliation import books
from tests.reconciliation.books import EVENING, CustodianFile
from tests.web.people import signed_in

LATER = EVENING + timedelta(minutes=5)
PDF = b"%PDF-1.7 a confirmation"


@dataclass
class World:
    """A custodian's day with one extra fill in the first account; a manager sees that account, a trader none."""

    firm_id: int
    scene: Any
    office: User
    second: User
    manager: User
    trader: User
    investor: User
    extra: UUID

    def row(self, pk: UUID | None = None) -> Break:
        with tenancy.firm(self.firm_id):
            return Break.objects.get(pk=pk or self.extra)

    def proposal(self) -> Proposal:
        with tenancy.firm(self.firm_id):
            return Proposal.objects.latest("proposed_at")

    def adjust(self, user: User, **fields: Any) -> Any:
        given = {"kind": "BOOK_FILL", "reason": "sold by phone", "evidence": "PA-770214", **fields}
        return signed_in(user).post(f"/reconciliation/breaks/{self.extra}/adjustment", given)

    def answer(self, user: User, verdict: str = "approve") -> Any:
        return signed_in(user).post(f"/approvals/{self.proposal().approval_id}/answer", {"answer": verdict, "reason": "compared"})


def stop_at(settings: Any, instant: datetime) -> None:
    settings.REHEARSAL_CLOCK = f"{instant.isoformat()}@{instant.isoformat()}*0"


def file_of(scene: Any) -> CustodianFile:
    file = CustodianFile(scene).position("100").cash("244999", "250000").cash("250000", "250000", account=1)
    return file.trade(100, "50", "X1").fee("-1")


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> World:
    settings.DOCUMENTS_DIR = tmp_path
    stop_at(settings, LATER)
    calendars.is_session(
        "XNYS", books.DAY
    )  # made once, here: two threads that make it at once undo each other's filter of the library's warnings
    firm = make_firm()
    with tenancy.firm(firm.id):
        scene = books.make_scene()
        office, second = make_user(Role.OPERATIONS), make_user(Role.RISK)
        manager, trader, investor = make_user(Role.MANAGER), make_user(Role.TRADER), make_user(Role.INVESTOR)
        grant(manager, scene.accounts[0], "view", "trade")
        reconcile_file(custodian_id=scene.custodian.id, data=file_of(scene).data(), now=EVENING)
        extra = Break.objects.get(break_type="EXTRA_FILL").pk
    return World(firm.id, scene, office, second, manager, trader, investor, extra)


def text_of(user: User, path: str = "/reconciliation/") -> str:
    return signed_in(user).get(path).content.decode()
