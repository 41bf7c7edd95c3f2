"""Pages of at most 500 rows, none repeated or skipped, by a number of statements that does not grow with them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Position
from base import tenancy
from tests.api.scene import DAY, Scene, make_rows
from tests.api.test_three_people import ADDRESSES, LIST
from tests.factories import make_account, make_instrument

pytestmark = pytest.mark.django_db
LISTS = sorted(name for name, address in ADDRESSES.items() if address.kind == LIST)


def _statements(scene: Scene, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert scene.owner.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", [*LISTS, "account-positions", "account-lots", "account-cash", "plan-lines", "journey"])
def test_the_number_of_statements_is_the_same_at_1_and_3_rows(name: str, scene: Scene):
    path = ADDRESSES[name].path.format(**scene.ids)
    one = _statements(scene, path)
    for _ in range(2):
        with tenancy.firm(scene.firm.id):
            make_rows(scene.account, scene.strategy, make_instrument(), scene.owner.user)
    assert _statements(scene, path) == one
    assert one <= (30 if name == "journey" else 16)


def test_pages_follow_each_other_without_gap_or_repetition(scene: Scene):
    with tenancy.firm(scene.firm.id):
        for _ in range(6):
            make_rows(scene.account, scene.strategy, scene.instrument, scene.owner.user)
    found, path = [], "orders?page_size=3"
    while path:
        page = scene.owner.get(path).json()
        assert len(page["results"]) <= 3
        found += [row["id"] for row in page["results"]]
        path = (page["next"] or "").removeprefix("/api/v1/")
    assert len(found) == len(set(found)) == 7
    assert found == sorted(found, reverse=True)


def test_a_page_keeps_its_filters(scene: Scene):
    with tenancy.firm(scene.firm.id):
        for _ in range(2):
            make_rows(scene.account, scene.strategy, scene.instrument, scene.owner.user)
    page = scene.owner.get("orders?state=PENDING&page_size=1").json()
    assert "state=PENDING" in page["next"] and "page_size=1" in page["next"]


def test_a_page_never_has_more_than_500_rows(scene: Scene):
    with tenancy.firm(scene.firm.id):
        sleeve = scene.strategy.sleeve
        accounts = [make_account(connection=scene.account.connection) for _ in range(2)]
        Position.objects.bulk_create(
            Position(
                account=account,
                sleeve=sleeve,
                instrument=scene.instrument,
                leg_id=None if not n else account.id,
                quantity=n,
                last_traded_on=DAY,
            )
            for account in accounts
            for n in (0, 1)
        )
        from base.core.ids import new_id

        Position.objects.bulk_create(
            Position(account=scene.account, sleeve=sleeve, instrument=scene.instrument, leg_id=new_id(), quantity=n, last_traded_on=DAY)
            for n in range(600)
        )
    page = scene.owner.get("positions?page_size=500").json()
    assert len(page["results"]) == 500 and page["next"]
    assert len(scene.owner.get("positions").json()["results"]) == 100
    assert scene.owner.get("positions?page_size=501").status_code == 422


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("orders?state=PENDING", 1),
        ("orders?state=FILLED", 0),
        ("orders?account={account}&parent={parent}&journey={journey}", 1),
        ("orders?created_from=2026-03-02T15:00:00Z&created_before=2026-03-02T15:00:01Z", 1),
        ("executions?order={order}&trade_date=2026-03-02&kind=NEW", 1),
        ("lots?is_open=true", 1),
        ("lots?is_open=false", 0),
        ("breaks?is_material=true&state=OPEN&run={run}", 1),
        ("runs?as_of=2026-03-02&state=COMPLETE", 1),
        ("statements?account={account}&period_from=2026-02-01", 1),
        ("plans?signal={signal}", 1),
        ("plans/{plan}/lines?reason=full&binding_rule=none", 1),
        ("signals?state=received&journey={journey}", 1),
        ("parents?plan={plan}&side=BUY&route=MARKETABLE_LIMIT", 1),
        ("cash?currency=USD", 1),
        ("cash?currency=EUR", 0),
    ],
)
def test_filters_narrow_a_list(scene: Scene, path: str, rows: int):
    answer = scene.owner.get(path.format(**scene.ids))
    assert answer.status_code == 200, answer.content
    assert len(answer.json()["results"]) == rows
