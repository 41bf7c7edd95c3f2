"""GOV-1, GOV-2: authorities over accounts in sight, their end, their papers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from base import tenancy
from governance.models import Authority, Mandate, MandateRule
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import make_account
from tests.web.papers import authority, events
from tests.web.people import signed_in

QUERIES = 30
STANDINGS = [(4, "Not yet in force"), (2, "In force"), (1, "Replaced"), (3, "Replaced")]
pytestmark = pytest.mark.django_db


@pytest.fixture
def row(scene: Scene) -> Authority:
    with tenancy.firm(scene.firm.id):
        return authority(scene.account)


def text_of(user: Any, path: str = "/authorities/") -> str:
    return signed_in(user).get(path).content.decode()


def test_the_list_and_the_document_show_powers_signatures_clauses_and_mandate(scene: Scene, row: Authority) -> None:
    assert row.code in text_of(scene.owner.user) and "1 of 1" in text_of(scene.owner.user)
    text = text_of(scene.owner.user, f"/authorities/{row.pk}/")
    for words in ("Trade", "Margin", scene.account.code, "§ 1 buy and sell", "§ 4 no position over five per cent", "5.0%", "Active"):
        assert words in text, words


def test_out_of_sight_is_404_and_not_listed(scene: Scene, row: Authority) -> None:
    for user in (scene.colleague.user, make_scene().owner.user, make_scene().risk.user):
        assert row.code not in text_of(user) and "None covers an account you see" in text_of(user)
        assert signed_in(user).get(f"/authorities/{row.pk}/").status_code == 404
        assert signed_in(user).get(f"/authorities/mandates/{row.mandate_id}/").status_code == 404
    assert signed_in(scene.investor.user).get("/authorities/").status_code == 403


def test_a_document_names_no_account_out_of_sight(scene: Scene, row: Authority) -> None:
    from governance.models import AuthoritySubject

    with tenancy.firm(scene.firm.id):
        other = make_account()
        AuthoritySubject.objects.create(authority=row, subject_kind="ACCOUNT", subject_id=other.pk)
    assert other.code not in text_of(scene.owner.user, f"/authorities/{row.pk}/")
    assert other.code in text_of(scene.risk.user, f"/authorities/{row.pk}/")


@pytest.mark.parametrize(
    ("days", "fields", "state", "words"),
    [
        (400, {}, "active", "Active"),
        (None, {}, "active", "Active"),
        (60, {}, "ending", "Ends in 60 days"),
        (61, {}, "active", "Active"),
        (1, {}, "ending", "Ends in 1 day<"),
        (-1, {}, "ended", "Ended"),
        (400, {"revoked_at": NOW - timedelta(days=1)}, "revoked", "Revoked"),
        (400, {"begins_at": None}, "waiting", "Waits for signatures"),
        (400, {"begins_at": NOW + timedelta(days=3)}, "waiting", "Not yet in force"),
    ],
)
def test_gov_2_the_state_is_shown_and_filtered_by_the_same_rule(
    scene: Scene, days: int | None, fields: Any, state: str, words: str
) -> None:
    with tenancy.firm(scene.firm.id):
        made = authority(scene.account, days, **fields)
    assert f"{words}" in text_of(scene.owner.user, f"/authorities/{made.pk}/")
    for asked in ("active", "ending", "ended", "revoked", "waiting"):
        assert (made.code in text_of(scene.owner.user, f"/authorities/?state={asked}")) == (asked == state), asked


def test_the_calendar_counts_by_month(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        for days in (3, 10, 40, -3):
            authority(scene.account, days)
    text = text_of(scene.owner.user)
    assert (
        '<rect width="100" height="10"/></svg></td><td class="num">2<' in text
        and '<rect width="50" height="10"/></svg></td><td class="num">1<' in text
    )


def test_a_mandate_shows_its_clauses(scene: Scene, row: Authority) -> None:
    assert "§ 4 no position over five per cent" in text_of(scene.owner.user, f"/authorities/mandates/{row.mandate_id}/")


@pytest.mark.parametrize(
    "query",
    ["state=x", "kind=%00", "q=%00", "page=0", "page=-1", "page=99999999999", "page=x", "q='\"%", "state=ending&kind=lpa&q=a&page=2"],
)
def test_garbage_in_the_address_is_the_usual_page(scene: Scene, row: Authority, query: str) -> None:
    assert signed_in(scene.owner.user).get(f"/authorities/?{query}").status_code == 200


def test_the_csv_is_audited(scene: Scene, row: Authority) -> None:
    answer = signed_in(scene.owner.user).get("/authorities/?format=csv")
    assert row.code.encode() in answer.content
    with tenancy.firm(scene.firm.id):
        assert events("EXPORTED") == 1


def test_three_rows_ask_as_many_questions_as_one(scene: Scene, row: Authority, django_assert_num_queries: Any) -> None:
    client = signed_in(scene.owner.user, scene.firm.id)
    client.get("/authorities/")
    with django_assert_num_queries(QUERIES):
        client.get("/authorities/")
    with tenancy.firm(scene.firm.id):
        for _ in range(2):
            authority(scene.account)
    with django_assert_num_queries(QUERIES):
        assert client.get("/authorities/").content.decode().count("<tr tabindex") == 3


def test_the_version_that_binds_is_shown_wherever_the_mandate_is_named(scene: Scene, row: Authority) -> None:
    with tenancy.firm(scene.firm.id):
        first = Mandate.objects.get(pk=row.mandate_id)
        type(scene.account).objects.filter(pk=scene.account.pk).update(mandate=first)
        for version, days in ((2, -10), (3, -200), (4, 5)):  # version 3 was recorded later, and begins before version 2
            more = Mandate.objects.create(code=first.code, version=version, name="Balanced", valid_from=NOW + timedelta(days=days))
            MandateRule.objects.create(mandate=more, kind="POSITION_CAP", rate="0.03", clause=f"§ 4 of version {version}")
    for path in (f"/accounts/{scene.account.pk}/?tab=mandate", f"/authorities/{row.pk}/"):
        text = text_of(scene.owner.user, path)
        assert "version 2" in text and "§ 4 of version 2" in text and "§ 4 no position" not in text, path
    assert "version 2, 1 clause<" in text_of(scene.owner.user)
    text = text_of(scene.owner.user, f"/authorities/mandates/{first.pk}/")
    assert "§ 4 no position" in text and "replaced</" in text
    shown = [text.index(f"Version {version}</a><small>{words}, from") for version, words in STANDINGS]
    assert shown == sorted(shown)


@pytest.mark.parametrize(("begins", "ends", "words"), [(-9, -2, "It ended on"), (3, None, "It begins on")])
def test_an_account_whose_mandate_is_not_in_force_says_so(scene: Scene, begins: int, ends: int | None, words: str) -> None:
    with tenancy.firm(scene.firm.id):
        until = None if ends is None else NOW + timedelta(days=ends)
        mandate = Mandate.objects.create(code="OUT", name="Out", valid_from=NOW + timedelta(days=begins), valid_until=until)
        type(scene.account).objects.filter(pk=scene.account.pk).update(mandate=mandate)
    assert words in text_of(scene.owner.user, f"/accounts/{scene.account.pk}/?tab=mandate")
