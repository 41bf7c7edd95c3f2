"""GOV-10 over rows: any trader trips at once, two people re-arm, the claim's own statement sees it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection, transaction

from base import tenancy
from base.errors import NotFound
from governance import queries, services
from governance.core.killswitch import OrderScope
from governance.enums import AlertTier, AuditAction, KillScope, Role
from governance.models import AuditEvent, FirmSettings, KillSwitch, Membership, User
from tests.governance.scene import MINUTE, NOW, committed, make_scene

pytestmark = pytest.mark.django_db
FIRM = {"scope": KillScope.FIRM, "subject_id": ""}


@pytest.fixture
def scene():
    scene = make_scene()
    with tenancy.firm(scene.firm):
        yield scene


def trip(scene, scope=KillScope.FIRM, subject="", actor=None, now=NOW):
    return services.trip_kill_switch(scope=scope, subject_id=subject, actor=actor or scene.trader, now=now, reason="runaway")


def order(**changes):
    facts = {"account_ids": ("A1", "A2"), "strategy_id": "S1", "instrument_ids": ("7",), "connection_id": "C1"}
    return OrderScope(**{**facts, **changes})


def refused(call, **options):
    with pytest.raises((services.UnableToMoveSwitch, services.UnableToApprove)) as caught, transaction.atomic():
        call(**options)
    return caught.value.code


@pytest.mark.parametrize("role", list(Role))
def test_gov_10_any_trader_may_trip_and_no_investor(scene, role):
    actor = scene.people[role]
    if role is Role.INVESTOR:
        assert refused(trip, scene=scene, actor=actor) == "NOT_PERMITTED"
        return
    switch_id = trip(scene, actor=actor)
    assert KillSwitch.objects.get(id=switch_id).tripped_by_id == int(actor.user_id)
    assert AuditEvent.objects.get(action=AuditAction.KILL_TRIPPED).rule == "GOV-10"


@pytest.mark.parametrize(
    ("scope", "subject", "spared"),
    [
        (KillScope.FIRM, "", None),
        (KillScope.BROKER, "C1", {"connection_id": "C2"}),
        (KillScope.STRATEGY, "S1", {"strategy_id": "S2"}),
        (KillScope.INSTRUMENT, "7", {"instrument_ids": ("8",)}),
        (KillScope.ACCOUNT, "A2", {"account_ids": ("A1", "A3")}),
    ],
)
def test_gov_10_each_scope_stops_what_it_names(scene, scope, subject, spared):
    assert queries.kill_index().blocking(order()) == []
    trip(scene, scope, subject)
    assert [switch.scope for switch in queries.kill_index().blocking(order())] == [scope]
    assert spared is None or queries.kill_index().blocking(order(**spared)) == []


@pytest.mark.parametrize(("scope", "subject"), [(KillScope.FIRM, "A1"), (KillScope.ACCOUNT, "")])
def test_gov_10_a_switch_names_what_it_stops(scene, scope, subject):
    assert refused(trip, scene=scene, scope=scope, subject=subject) == "BAD_SUBJECT"


def test_gov_10_two_people_re_arm(scene):
    switch_id = trip(scene)
    approval_id = services.request_rearm(**FIRM, actor=scene.trader, now=NOW, reason="fixed")
    confirm = {"approval_id": approval_id, "now": NOW + MINUTE}
    assert queries.kill_index().blocking(order())
    assert refused(services.confirm_rearm, actor=scene.trader, **confirm) == "SAME_PERSON"
    assert refused(services.confirm_rearm, actor=scene.operations, **confirm) == "NOT_PERMITTED"
    assert refused(services.confirm_rearm, actor=scene.risk, approval_id=approval_id, now=NOW + 15 * MINUTE) == "REQUEST_EXPIRED"
    services.confirm_rearm(actor=scene.risk, **confirm)
    assert queries.kill_index().blocking(order()) == []
    row = KillSwitch.objects.get(id=switch_id)
    assert (row.rearm_requested_by_id, row.rearmed_by_id) == (int(scene.trader.user_id), int(scene.risk.user_id))
    assert refused(services.request_rearm, **FIRM, actor=scene.trader, now=NOW, reason="again") == "NOT_TRIPPED"
    assert refused(services.confirm_rearm, actor=scene.risk, **confirm) == "NOT_REQUESTED"


def test_gov_10_a_trip_after_the_request_goes_on_blocking(scene):
    trip(scene)
    approval_id = services.request_rearm(**FIRM, actor=scene.trader, now=NOW, reason="fixed")
    trip(scene, actor=scene.manager, now=NOW + MINUTE)
    assert refused(services.confirm_rearm, approval_id=approval_id, actor=scene.risk, now=NOW + MINUTE) == "CONTENT_CHANGED"
    assert queries.kill_index().blocking(order())
    again = services.request_rearm(**FIRM, actor=scene.manager, now=NOW + MINUTE, reason="both fixed")
    services.confirm_rearm(approval_id=again, actor=scene.risk, now=NOW + MINUTE)
    assert queries.kill_index().blocking(order()) == []


def test_gov_10_flattening_has_its_own_confirmation(scene):
    switch_id = trip(scene)
    assert queries.kill_index().blocking(order(flattens=True))
    services.confirm_flatten(switch_id=switch_id, actor=scene.trader, now=NOW)
    assert queries.kill_index().blocking(order(flattens=True)) == [] and queries.kill_index().blocking(order())
    trip(scene, actor=scene.manager, now=NOW + MINUTE)
    assert queries.kill_index().blocking(order(flattens=True)), "the newer trip was not cleared for flattening"
    with pytest.raises(NotFound):
        services.confirm_flatten(switch_id=uuid4(), actor=scene.trader, now=NOW)


def test_gov_10_switches_of_another_firm_stop_nobody():
    ours, theirs = make_scene(), make_scene()
    with tenancy.firm(ours.firm):
        trip(ours)
    with tenancy.firm(theirs.firm):
        assert queries.kill_index().blocking(order()) == [] and queries.tripped_switches() == []


def test_gov_10_a_tripped_switch_is_announced_once_and_ended_with_it(scene):
    trip(scene)
    assert services.announce_kill_switches(now=NOW) == 1
    assert services.announce_kill_switches(now=NOW + MINUTE) == 0
    (alert,) = queries.open_alerts(roles=[Role.OPERATIONS])
    assert (alert.tier, alert.rule, alert.occurrences) == (AlertTier.CRITICAL, "GOV-10", 1) and "runaway" in alert.message
    services.acknowledge_alert(alert_id=alert.id, actor=scene.risk, now=NOW)
    approval_id = services.request_rearm(**FIRM, actor=scene.trader, now=NOW, reason="fixed")
    services.confirm_rearm(approval_id=approval_id, actor=scene.risk, now=NOW)
    services.announce_kill_switches(now=NOW + 2 * MINUTE)
    assert queries.open_alerts() == []


def test_gov_10_tripping_waits_for_nothing_that_anybody_may_hold():
    """Another transaction holds every row a trip could touch, the firm itself, and the sealer's lock: the trip commits all the same."""
    scene = committed(make_scene)
    held, go_on = threading.Event(), threading.Event()

    def hold_everything():
        with tenancy.firm(scene.firm), connection.cursor() as cursor:
            trip(scene)
            for model in (User, Membership, FirmSettings, KillSwitch):
                list(model.objects.select_for_update().values_list("pk"))
            cursor.execute("SELECT id FROM governance_firm FOR UPDATE")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"governance.seal|{scene.firm}"])
            held.set()
            go_on.wait(20)

    def trip_beside():
        with tenancy.firm(scene.firm), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '500ms'")
            return trip(scene, actor=scene.manager)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(committed, hold_everything)
        assert held.wait(10)
        try:
            switch_id = committed(trip_beside)
        finally:
            go_on.set()
        future.result()

    def standing():
        with tenancy.firm(scene.firm):
            return set(KillSwitch.objects.values_list("id", flat=True))

    assert switch_id in committed(standing)


@pytest.fixture
def claims(scene):
    """Rows that look like child orders and parents to the claim: (connection, account, instrument, strategy) each on its own."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE execution_parentorder (id int, strategy_id uuid, flattens boolean) ON COMMIT DROP")
        cursor.execute(
            "CREATE TEMPORARY TABLE execution_childorder (id int, firm_id bigint, parent_id int, connection_id uuid, account_id uuid, "
            "instrument_id bigint, state text) ON COMMIT DROP"
        )
        ids = {name: str(uuid4()) for name in ("C1", "C2", "A1", "A2", "S1", "S2")}
        cursor.execute("INSERT INTO execution_parentorder VALUES (1, %s, false), (2, %s, false)", [ids["S1"], ids["S2"]])
        for number, (connection_, account, instrument, parent) in enumerate(
            [("C1", "A1", 7, 1), ("C2", "A1", 7, 2), ("C2", "A2", 8, 2), ("C1", "A2", 8, 1)]
        ):
            row = [number, scene.firm, parent, ids[connection_], ids[account], instrument, "PENDING"]
            cursor.execute("INSERT INTO execution_childorder VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
        yield ids


def claimed():
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE execution_childorder o SET state = 'SENDING' WHERE o.state = 'PENDING' AND o.id >= %s "
            f"AND NOT ({queries.kill_switch_sql()}) RETURNING o.id",
            [0],
        )
        return sorted(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("scope", "subject", "left"),
    [
        (None, "", [0, 1, 2, 3]),
        (KillScope.FIRM, "", []),
        (KillScope.BROKER, "C1", [1, 2]),
        (KillScope.ACCOUNT, "A1", [2, 3]),
        (KillScope.INSTRUMENT, "7", [2, 3]),
        (KillScope.STRATEGY, "S2", [0, 3]),
    ],
)
def test_gov_10_the_claim_leaves_what_a_switch_stops(scene, claims, scope, subject, left):
    if scope is not None:
        trip(scene, scope, claims.get(subject, subject))
    assert claimed() == left


def test_gov_10_the_claim_goes_on_after_re_arming(scene, claims):
    trip(scene)
    assert claimed() == []
    approval_id = services.request_rearm(**FIRM, actor=scene.trader, now=NOW, reason="fixed")
    assert claimed() == []
    services.confirm_rearm(approval_id=approval_id, actor=scene.risk, now=NOW)
    assert claimed() == [0, 1, 2, 3]


def test_gov_10_the_condition_fits_the_real_tables(scene):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM execution_childorder o WHERE NOT ({queries.kill_switch_sql()})")
        assert cursor.fetchone() == (0,)
    assert "%" not in queries.kill_switch_sql()
