"""The portal: own accounts only, the statement's figures, downloads in the audit trail."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.core.entries import flow
from accounts.models import Account, EquitySnapshot
from base import tenancy
from governance.enums import Role
from reporting.core.statement_inputs import Transaction
from reporting.enums import TransactionKind
from reporting.views.portal import _told
from tests.api.scene import NOW, Scene, grant, make_scene
from tests.factories import make_account, make_sleeve, make_user
from tests.reporting.ledger import holder, stamp, write
from tests.web.people import signed_in

MOST_QUERIES = 40
pytestmark = pytest.mark.django_db


def get(user: Any, path: str) -> Any:
    return signed_in(user).get(path)


def test_the_first_page_opens_the_only_account(scene: Scene) -> None:
    answer = get(scene.investor.user, "/portal/")
    assert answer["Location"] == f"/portal/{scene.account.pk}/"


@pytest.mark.parametrize("tab", ["", "holdings", "activity", "documents"])
def test_the_investor_sees_their_account_and_nobody_elses(scene: Scene, tab: str) -> None:
    with tenancy.firm(scene.firm.id):
        other = make_account()
    assert get(scene.investor.user, f"/portal/{scene.account.pk}/{tab}").status_code == 200
    text = get(scene.investor.user, f"/portal/{scene.account.pk}/{tab}").content.decode()
    assert str(other.pk) not in text and other.code not in text
    assert get(scene.investor.user, f"/portal/{other.pk}/{tab}").status_code == 404
    assert get(make_scene().investor.user, f"/portal/{scene.account.pk}/{tab}").status_code == 404
    assert get(scene.colleague.user, f"/portal/{scene.account.pk}/{tab}").status_code == 404


def test_somebody_without_an_account_is_told_what_to_expect(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        user = make_user(Role.INVESTOR)
    assert b"No account yet" in get(user, "/portal/").content


def test_an_account_without_an_evening_says_so(scene: Scene) -> None:
    assert b"no evening on record yet" in get(scene.investor.user, f"/portal/{scene.account.pk}/").content


def closed_account(scene: Scene, *, evenings: int) -> Any:
    """An account with 100 USD in it for some evenings of January, closed on the 8th; nothing is known of it since."""
    with tenancy.firm(scene.firm.id):
        account = make_account(opened_on=date(2026, 1, 2), closed_on=date(2026, 1, 8))
        grant(scene.investor.user, account, "view")
        write([flow(holder(account, make_sleeve()), stamp(date(2026, 1, 5)), amount=Decimal(100), currency_code="USD")])
        for day in range(evenings):
            EquitySnapshot.objects.create(
                account=account,
                as_of=date(2026, 1, 5) + timedelta(days=day),
                cash=100,
                market_value=0,
                equity=100,
                external_flow=0 if day else 100,
            )
    return account


def test_a_closed_account_keeps_its_last_figures_and_says_since_when(scene: Scene, settings: Any) -> None:
    settings.REHEARSAL_CLOCK = "2026-11-20T15:00:00+00:00@2026-11-20T15:00:00+00:00*0"
    account = closed_account(scene, evenings=3)
    for tab in ("", "holdings", "activity", "documents"):
        text = get(scene.investor.user, f"/portal/{account.pk}/{tab}").content.decode()
        assert "was closed on 8 Jan 2026" in text and "tomorrow" not in text
    overview = get(scene.investor.user, f"/portal/{account.pk}/").content.decode()
    assert "evening of 7 Jan 2026" in overview and "100.00" in overview
    assert "Deposit" in get(scene.investor.user, f"/portal/{account.pk}/activity").content.decode()
    assert b"2026-01-05" in get(scene.investor.user, f"/portal/{account.pk}/activity?format=csv").content


def test_a_closed_account_that_never_had_an_evening_promises_none(scene: Scene) -> None:
    account = closed_account(scene, evenings=0)
    for tab in ("", "holdings"):
        text = get(scene.investor.user, f"/portal/{account.pk}/{tab}").content.decode()
        assert "was closed on 8 Jan 2026" in text and "on record" in text and "tomorrow" not in text


def test_an_account_that_closes_later_is_open_until_then(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        Account.objects.filter(pk=scene.account.pk).update(closed_on=NOW.date() + timedelta(days=1))
    assert b"was closed" not in get(scene.investor.user, f"/portal/{scene.account.pk}/").content


def test_the_activity_downloads_as_csv(scene: Scene) -> None:
    answer = get(scene.investor.user, f"/portal/{scene.account.pk}/activity?format=csv")
    assert answer["Content-Type"].startswith("text/csv") and answer.content.startswith(b"date,what,quantity,price,currency,amount\r\n")


def test_a_transfer_says_how_much_moved() -> None:
    row = Transaction("a", date(2026, 11, 17), TransactionKind.TRANSFER_OUT, "ALDER", "USD", Decimal(0), Decimal(0), quantity=Decimal(-60))
    (told,) = _told(SimpleNamespace(activity=lambda topic: [row]), "")  # type: ignore[arg-type]
    assert told["words"] == "Transfer out, 60 ALDER"


@pytest.mark.parametrize("query", ["period=%00", "topic='", "period=all&topic=x", "topic=fees"])
def test_garbage_in_the_address_is_the_usual_page(scene: Scene, query: str) -> None:
    assert get(scene.investor.user, f"/portal/{scene.account.pk}/activity?{query}").status_code == 200


def test_nobody_in_particular_is_sent_to_the_sign_in(scene: Scene) -> None:
    assert Client().get(f"/portal/{scene.account.pk}/")["Location"].startswith("/auth/login/")


def test_the_staff_list_shows_statements_in_sight_only(scene: Scene) -> None:
    assert scene.ids["statement"] in get(scene.owner.user, "/statements/").content.decode()
    assert "No statements yet" in get(scene.colleague.user, "/statements/").content.decode()
    assert get(scene.investor.user, "/statements/").status_code == 403
    assert "Nothing matches" in get(scene.owner.user, "/statements/?q=zzz&month=1999-01").content.decode()
    for query in ("q=%00", "month=x", "page=zzz", "page=99999999999999999999"):
        assert get(scene.owner.user, f"/statements/?{query}").status_code == 200


def test_the_list_asks_the_same_number_of_questions_for_three_rows_as_for_one(scene: Scene, django_assert_num_queries: Any) -> None:
    client = signed_in(scene.owner.user, scene.firm.id)
    client.get("/statements/")
    with CaptureQueriesContext(connection) as asked:
        client.get("/statements/")
    assert len(asked) <= MOST_QUERIES
    with tenancy.firm(scene.firm.id):
        first = scene.account
        from reporting.models import StatementDocument

        row = StatementDocument.objects.first()
        assert row is not None
        for months in (1, 2):
            day = row.period_start - timedelta(days=31 * months)
            StatementDocument.objects.create(
                account=first, period_start=day, period_end=day, figures={}, pdf=b"%PDF", sha256="0" * 64, created_at=row.created_at
            )
    with django_assert_num_queries(len(asked)):
        assert len(re.findall(rb"<tr tabindex", client.get("/statements/").content)) == 3


def test_grants_are_read_at_every_request(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        other = make_account()
    client = signed_in(scene.investor.user)
    assert client.get(f"/portal/{other.pk}/").status_code == 404
    with tenancy.firm(scene.firm.id):
        grant(scene.investor.user, other, "view")
    assert client.get(f"/portal/{other.pk}/").status_code == 200
