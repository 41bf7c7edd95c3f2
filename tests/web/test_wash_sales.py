"""The wash-sale list, its widget and the part of an account's lots: whose flags, in which words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.enums import Registration, TaxClassification
from accounts.models import Account
from accounts.services import post
from base import tenancy
from governance.enums import AuditAction, Role
from governance.models import AuditEvent, Party
from reporting.core.home import WIDGETS, default_for
from tests.accounts.books import World
from tests.api.scene import NOW, Scene, grant, make_person, make_scene
from tests.factories import make_account, make_instrument, make_sleeve, number
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db
PATH = "/wash-sales/"


@dataclass
class Washed:
    """A client's two accounts: `seen` the owner sees, `hidden` (an IRA) only who sees all. compliance: an officer's browser."""

    scene: Scene
    seen: Account
    hidden: Account
    symbol: str
    compliance: Client
    manager: Client


@pytest.fixture
def washed(scene: Scene) -> Washed:
    """Sell 100 at a loss of 800 on 3 February; buy 60 in the IRA on the 10th, 60 again on the 12th: RULEBOOK W8, at 2 March."""
    instrument = make_instrument()
    with tenancy.firm(scene.firm.id):
        owner = Party.objects.create(code=f"P{number()}", name="A client")
        sleeve = make_sleeve()
        seen = make_account(owner=owner, name="=HYPERLINK(1)")
        hidden = make_account(
            owner=owner, name="The hidden IRA", registration=Registration.ROTH_IRA, tax_classification=TaxClassification.TAX_FREE
        )
        grant(scene.owner.user, seen, "view")
        grant(scene.investor.user, seen, "view")
        own, ira = World(seen, sleeve, instrument), World(hidden, sleeve, instrument)
        trades = [
            own.trade("w1", 100, 50, day=date(2025, 12, 8), fee=0),
            own.trade("w2", -100, 42, day=date(2026, 2, 3), fee=0),
            ira.trade("w3", 60, 43, day=date(2026, 2, 10), fee=0),
            own.trade("w4", 60, 43, day=date(2026, 2, 12), fee=0),
        ]
        post(transactions=trades, now=NOW)
        officer = make_person(scene.firm, Role.COMPLIANCE)
    return Washed(scene, seen, hidden, instrument.symbol, signed_in(officer.user), signed_in(scene.owner.user))


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_wash_10_compliance_sees_what_is_deferred_and_forfeited_and_where(washed: Washed) -> None:
    page = text(washed.compliance, PATH)
    for word in (
        washed.seen.code,
        washed.hidden.code,
        washed.symbol,
        "800.00",
        "320.00",
        "480.00",
        "Provisional",
        "6 Mar",
        "WASH-9",
        "WASH-10",
    ):
        assert word in page, word
    assert "A flag, not tax advice: nothing in the books changes" in page and "outside your view" not in page


def test_a_manager_is_told_of_no_account_out_of_sight(washed: Washed) -> None:
    for path in (PATH, "/home/widgets/wash", f"/accounts/{washed.seen.pk}/?tab=lots", f"{PATH}?format=csv"):
        page = text(washed.manager, path)
        assert washed.seen.code in page and "480.00" in page, path
        assert washed.hidden.code not in page and washed.hidden.name not in page and str(washed.hidden.pk) not in page, path
        assert "10 Feb" not in page and "2026-02-10" not in page, path
    assert "outside your view" in text(washed.manager, PATH)


def test_i9_who_sees_no_account_sees_no_flag(washed: Washed) -> None:
    for client in (signed_in(washed.scene.colleague.user), signed_in(make_scene().risk.user)):
        page = text(client, PATH)
        assert "No wash sales" in page and washed.symbol not in page and washed.seen.code not in page
        assert "No loss of the last 61 days was washed" in text(client, "/home/widgets/wash")
        assert client.get(f"/accounts/{washed.seen.pk}/?tab=lots").status_code == 404
    assert signed_in(washed.scene.investor.user).get(PATH).status_code == 403


def test_an_investors_portal_says_nothing_of_it(washed: Washed) -> None:
    client = signed_in(washed.scene.investor.user)
    for part in ("", "holdings", "activity", "documents"):
        assert "wash" not in text(client, f"/portal/{washed.seen.pk}/{part}").lower()


def test_a_list_is_filtered_by_account_instrument_and_state(washed: Washed) -> None:
    assert washed.symbol in text(washed.compliance, f"{PATH}?q={washed.symbol.lower()}&state=PROVISIONAL")
    assert "Nothing matches" in text(washed.compliance, f"{PATH}?state=FINAL")
    assert "Nothing matches" in text(washed.compliance, f"{PATH}?q=nobody")


@pytest.mark.parametrize("query", ["state=nothing", "page=-1", "page=x", "q=%00", "q=" + "x" * 500, "state=%00&page=999"])
def test_a_list_takes_anything(washed: Washed, query: str) -> None:
    assert washed.compliance.get(f"{PATH}?{query}").status_code == 200


def test_gov_7_a_download_is_formula_safe_and_the_trail_says_who_took_it(washed: Washed) -> None:
    answer = washed.compliance.get(f"{PATH}?format=csv&q={washed.seen.code}")
    head, row = answer.content.decode().splitlines()
    cells: dict[str, Any] = dict(zip(head.split(","), row.split(","), strict=True))
    assert answer["Content-Type"].startswith("text/csv") and not cells["name"].startswith("=")
    assert [Decimal(cells[name]) for name in ("loss", "deferred", "forfeited", "allowed", "outside_view")] == [800, 320, 480, 0, 0]
    assert (cells["sold_on"], cells["state"], cells["final_from"], cells["is_estimate"]) == (
        "2026-02-03",
        "PROVISIONAL",
        "2026-03-06",
        "no",
    )
    assert cells["replaced_by"] == f"{washed.hidden.code} 2026-02-10 60 PERMANENT; {washed.seen.code} 2026-02-12 40 DEFERRED"
    with tenancy.firm(washed.scene.firm.id):
        assert AuditEvent.objects.get(action=AuditAction.EXPORTED).after == {"what": "wash sales", "rows": 1}


def test_the_lots_of_an_account_say_what_was_washed_and_keep_quiet_otherwise(washed: Washed) -> None:
    page = text(washed.manager, f"/accounts/{washed.seen.pk}/?tab=lots")
    assert 'id="wash-sales"' in page and "2,580.00" in page  # the replacement's basis stays the books' own
    assert 'id="wash-sales"' not in text(washed.manager, f"/accounts/{washed.scene.account.pk}/?tab=lots")


def test_the_widget_is_compliances_from_the_start_and_everybodys_to_add() -> None:
    assert "wash" in [placed.widget.name for placed in default_for({Role.COMPLIANCE})]
    assert {Role.MANAGER, Role.OPERATIONS} <= WIDGETS["wash"].roles and Role.INVESTOR not in WIDGETS["wash"].roles


def test_the_widget_is_not_worked_out_anew_at_every_fill(washed: Washed) -> None:
    page = text(washed.compliance, "/home/")
    own = page[page.index("/home/widgets/wash") :].partition(">")[0]
    assert 'hx-trigger="load"' in own and "live:orders" in page
