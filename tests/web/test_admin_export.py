"""Tables of the admin as CSV: what the filters leave, cells as the list says them, nothing cut off in silence."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest

import mamweb.urls  # noqa: F401  # fills the site
from accounts.models import Account
from execution.models import Execution
from governance import adminexport
from governance.enums import AuditAction
from governance.models import AuditEvent

from .overseen import ADMINS, Firm, do, firm, where

__all__ = ["firm"]
pytestmark = pytest.mark.django_db


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv"), answer
    assert "no-store" in answer["Cache-Control"]
    return list(csv.DictReader(StringIO(answer.content.decode())))


def test_every_table_is_downloaded_as_it_is_listed(firm: Firm) -> None:
    client = firm.client()
    for model, admin in ADMINS:
        assert b"_export=csv" in client.get(where(model)).content, model._meta.label
        rows = rows_of(client.get(where(model), {"_export": "csv"}))
        assert rows and set(admin.list_display) <= set(rows[0]), model._meta.label
        assert not any("<" in cell and ">" in cell for row in rows for cell in row.values()), model._meta.label


def test_the_trail_is_downloaded_with_before_and_after_and_as_it_is_filtered(firm: Firm) -> None:
    do(firm, Account, "change", {"name": "=1+1", "reason": "r"}, firm.scene.account.pk)
    client = firm.client()
    whole = rows_of(client.get(where(AuditEvent), {"_export": "csv"}))
    asked = {"action": "CHANGED", "kind": "ACCOUNT", "_export": "csv"}
    (changed,) = rows_of(client.get(where(AuditEvent), asked))
    assert len(whole) > 1 and changed["action"] == AuditAction.CHANGED and changed["subject_id"] == str(firm.scene.account.pk)
    assert '"=1+1"' in changed["after"] and firm.scene.account.name in changed["before"] and changed["who"] == firm.officer.email
    taken = firm.event(AuditAction.EXPORTED).after
    assert taken == {"what": "admin audit-trail", "rows": 1, "filter": "action=CHANGED&kind=ACCOUNT"}
    page = client.get(where(AuditEvent), {"action": "CHANGED"}).content.decode()
    assert "action=CHANGED&amp;_export=csv" in page
    (account,) = rows_of(client.get(where(Account), {"q": firm.scene.account.code, "_export": "csv"}))
    assert account["name"].startswith("'=")


def test_an_exact_number_is_downloaded_ungrouped() -> None:
    (admin,) = (admin for model, admin in ADMINS if model is Execution)
    row = Execution(last_px=Decimal("44631.43"))
    assert (admin.price(row), adminexport._cell("price", row, admin)) == ("44,631.43", Decimal("44631.43"))


def test_more_than_a_download_holds_is_not_cut_off(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adminexport, "MOST", 2)
    answer = firm.client().get(where(AuditEvent), {"_export": "csv", "action": "CREATED"}, follow=True)
    assert b"more than 2 rows" in answer.content and answer.redirect_chain == [(f"{where(AuditEvent)}?action=CREATED", 302)]


def test_a_wrong_filter_leads_back_to_the_list(firm: Firm) -> None:
    answer = firm.client().get(where(Account), {"_export": "csv", "opened_on__no": "x"})
    assert answer.status_code in (302, 400)


def test_another_firm_downloads_nothing_of_this_one(firm: Firm, tmp_path: Any) -> None:
    stranger = Firm(tmp_path)
    assert firm.scene.account.code not in {row["code"] for row in rows_of(stranger.client().get(where(Account), {"_export": "csv"}))}
