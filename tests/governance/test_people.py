"""Firms, members, tokens, webhook keys: who gets in, and how fast they are out again."""

from __future__ import annotations

import hmac
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from base import tenancy
from base.core.webhooks import WebhookRefused, parse_secret, sign, verify
from base.errors import NotFound
from governance import queries, services
from governance.authentication import FirmTokenAuthentication
from governance.enums import AuditAction, Role
from governance.models import ApiToken, AuditEvent, Firm, Membership, ReceivedMessage, User
from governance.services.firms import UnableToCreate
from tests.factories import make_user, number
from tests.governance.scene import DAY, MINUTE, NOW, committed, make_scene

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC)


@pytest.fixture
def scene():
    return make_scene()


class WhoAmI(APIView):
    authentication_classes = [FirmTokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return Response({"user": request.user.id, "firm": request.auth.firm_id})


def answer(token, prefix="Token"):
    headers = {"HTTP_AUTHORIZATION": f"{prefix} {token}"} if token else {}
    response = WhoAmI.as_view()(APIRequestFactory().get("/", **headers))
    return response.status_code, response.data.get("user"), response.data.get("firm")


def token_for(scene, actor, **options):
    with tenancy.firm(scene.firm):
        return services.issue_token(user_id=int(actor.user_id), label="bot", now=TODAY, firm_id=scene.firm, **options)


def test_a_firm_begins_with_its_settings_and_its_trail():
    firm_id = services.create_firm(name=f"House {number()}", reporting_currency="EUR", now=NOW)
    with tenancy.firm(firm_id):
        assert queries.firm_settings().reporting_currency == "EUR"
        assert AuditEvent.objects.get().action == AuditAction.CREATED
    assert firm_id in queries.firm_ids()
    with pytest.raises(UnableToCreate):
        services.create_firm(name=Firm.objects.get(id=firm_id).name)


def test_an_address_belongs_to_one_person_in_any_case():
    email = f"Ann{number()}@Example.com"
    services.create_user(email=email, name="Ann", password="correct horse battery")
    with pytest.raises(UnableToCreate):
        services.create_user(email=email.upper(), name="Other")
    assert User.objects.get(email=email.lower()).check_password("correct horse battery")


def test_members_are_added_by_those_who_may_and_act_in_the_role_that_controls_most(scene):
    person = make_user()
    with tenancy.firm(scene.firm):
        with pytest.raises(services.NotPermitted):
            services.add_member(user_id=person.id, role=Role.TRADER, actor=scene.trader, now=NOW)
        for role in (Role.TRADER, Role.RISK):
            services.add_member(user_id=person.id, role=role, actor=scene.manager, now=NOW)
        services.add_member(user_id=person.id, role=Role.RISK, actor=scene.manager, now=NOW)
        assert AuditEvent.objects.filter(action=AuditAction.GRANTED).count() == 2
        assert queries.active_roles(person) == {Role.TRADER, Role.RISK}
        assert queries.actor_for(person.id).role is Role.RISK
        assert queries.actor_for(person.id, Role.TRADER).role is Role.TRADER
        with pytest.raises(NotFound):
            queries.actor_for(person.id, Role.COMPLIANCE)
        services.remove_member(user_id=person.id, role=Role.RISK, actor=scene.compliance, now=NOW)
        assert queries.actor_for(person.id).role is Role.TRADER
        with pytest.raises(NotFound):
            services.remove_member(user_id=person.id, role=Role.RISK, actor=scene.compliance, now=NOW)


def test_a_member_of_another_firm_is_nobody_here(scene):
    other = make_scene()
    with tenancy.firm(scene.firm):
        with pytest.raises(NotFound):
            queries.actor_for(int(other.manager.user_id))
        with pytest.raises(NotFound):
            services.issue_token(user_id=int(other.manager.user_id), label="bot", now=TODAY, firm_id=scene.firm)


def test_a_token_acts_as_its_person_in_its_firm_and_is_stored_as_a_hash(scene):
    token = token_for(scene, scene.trader)
    assert token.startswith("mam_")
    assert answer(token) == (200, int(scene.trader.user_id), scene.firm)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM governance_apitoken t")
        assert token not in "".join(row[0] for row in cursor.fetchall())
    with tenancy.firm(scene.firm), connection.cursor() as cursor:
        cursor.execute("SELECT e::text FROM governance_auditevent e")
        trail = "".join(row[0] for row in cursor.fetchall())
    assert token not in trail and "bot" in trail


@pytest.mark.parametrize("token", ["", "mam_", "mam_" + "0" * 60, "nonsense", "mam_\u00e9", "mam_\x00"])
def test_what_is_no_token_opens_nothing(scene, token):
    token_for(scene, scene.trader)
    assert answer(token)[0] == 401


def test_a_membership_that_ends_ends_the_token_at_once(scene):
    token = token_for(scene, scene.trader)
    with tenancy.firm(scene.firm):
        Membership.objects.filter(user_id=scene.trader.user_id).update(is_active=False)
    assert answer(token)[0] == 401
    with tenancy.firm(scene.firm):
        Membership.objects.filter(user_id=scene.trader.user_id).update(is_active=True)
    assert answer(token)[0] == 200
    with tenancy.firm(scene.firm):
        services.remove_member(user_id=int(scene.trader.user_id), role=Role.TRADER, actor=scene.manager, now=NOW)
        services.add_member(user_id=int(scene.trader.user_id), role=Role.TRADER, actor=scene.manager, now=NOW)
    assert answer(token)[0] == 401, "a token does not come back with a new membership"


def test_an_inactive_person_and_an_expired_or_revoked_token_open_nothing(scene):
    tokens = [token_for(scene, actor) for actor in (scene.trader, scene.risk)]
    late = token_for(scene, scene.manager, lifetime=timedelta(days=-1))
    assert [answer(token)[0] for token in [*tokens, late]] == [200, 200, 401]
    User.objects.filter(id=scene.trader.user_id).update(is_active=False)
    with tenancy.firm(scene.firm):
        token_id = ApiToken.objects.get(user_id=scene.risk.user_id).digest[:16]
        services.revoke_token(token_id=token_id, actor=scene.compliance, now=NOW)
        for wrong in (token_id, "", "0" * 16):
            with pytest.raises(NotFound):
                services.revoke_token(token_id=wrong, actor=scene.compliance, now=NOW)
    assert [answer(token)[0] for token in tokens] == [401, 401]


def test_a_token_of_one_firm_is_not_one_of_another(scene):
    other = make_scene()
    token = token_for(scene, scene.trader)
    with tenancy.firm(other.firm):
        Membership.objects.create(user_id=scene.trader.user_id, role=Role.MANAGER)
        with pytest.raises(ValueError, match="block of that firm"):
            services.issue_token(user_id=int(scene.trader.user_id), label="bot", now=TODAY, firm_id=scene.firm)
        with pytest.raises(NotFound):
            services.revoke_token(token_id=ApiToken.objects.get(firm_id=scene.firm).digest[:16], actor=other.manager, now=NOW)
    with tenancy.firm(scene.firm):
        Membership.objects.filter(user_id=scene.trader.user_id).update(is_active=False)
    assert answer(token)[0] == 401, "the other firm's membership does not help"
    with pytest.raises(AuthenticationFailed):
        FirmTokenAuthentication().authenticate_credentials(token.encode())


def test_s7_a_webhook_secret_is_derived_and_not_stored(scene):
    with tenancy.firm(scene.firm):
        key_id, secret = services.create_webhook_key(source="chart", user_id=int(scene.trader.user_id), now=NOW)
        other_id, other_secret = services.create_webhook_key(source="chart", user_id=int(scene.trader.user_id), now=NOW)
        assert {key.key_id: key.secret for key in queries.webhook_keys("chart")} == {
            key_id: parse_secret(secret),
            other_id: parse_secret(other_secret),
        }
        expected = hmac.digest(settings.SECRET_KEY.encode(), f"webhook|{scene.firm}|{key_id}".encode(), "sha256")
        assert parse_secret(secret) == expected and secret != other_secret and queries.webhook_keys("other") == []
        assert queries.webhook_user(key_id) == int(scene.trader.user_id)
        with connection.cursor() as cursor:
            for table in ("webhookkey", "auditevent"):
                cursor.execute(f"SELECT t::text FROM governance_{table} t")
                stored = "".join(row[0] for row in cursor.fetchall())
                assert secret.removeprefix("whsec_") not in stored and parse_secret(secret).hex() not in stored
    with tenancy.firm(make_scene().firm):
        assert queries.webhook_keys("chart") == []


def test_s7_a_key_ends_when_revoked_and_with_its_persons_membership(scene):
    with tenancy.firm(scene.firm):
        key_id, secret = services.create_webhook_key(source="chart", user_id=int(scene.trader.user_id), now=NOW - DAY)

        def accepted(now):
            headers = sign("m1", now, b"{}", parse_secret(secret))
            try:
                return verify(headers, b"{}", queries.webhook_keys("chart"), now, source="chart").key_id == key_id
            except WebhookRefused as refused:
                return refused.code

        assert accepted(NOW) is True
        services.revoke_webhook_key(key_id=key_id, actor=scene.compliance, now=NOW, ends_at=NOW + DAY)
        assert accepted(NOW + DAY - MINUTE) is True and accepted(NOW + DAY) == "NO_KEY"
        Membership.objects.filter(user_id=scene.trader.user_id).update(is_active=False)
        assert accepted(NOW) == "NO_KEY"


def test_s7_a_thousand_replays_alterations_and_stale_messages_are_not_accepted(scene):
    with tenancy.firm(scene.firm):
        _, secret = services.create_webhook_key(source="chart", user_id=int(scene.trader.user_id), now=NOW - DAY)
        keys, key = queries.webhook_keys("chart"), parse_secret(secret)

        def taken(headers, body, at):
            try:
                message = verify(headers, body, keys, at, source="chart")
            except WebhookRefused:
                return False
            return services.take_message(source=message.source, message_id=message.message_id, now=at)

        good = [(sign(f"m{i}", NOW, b'{"n":1}', key), b'{"n":1}') for i in range(10)]
        assert all(taken(headers, body, NOW) for headers, body in good)
        accepted = 0
        for i in range(1000):
            headers, body = good[i % 10]
            match i % 4:
                case 0:
                    accepted += taken(headers, body, NOW)
                case 1:
                    accepted += taken({**headers, "webhook-id": f"n{i}"}, body, NOW)
                case 2:
                    accepted += taken(sign(f"n{i}", NOW, body, key), body + b" ", NOW)
                case _:
                    accepted += taken(sign(f"n{i}", NOW - 6 * MINUTE, body, key), body, NOW)
        assert accepted == 0 and ReceivedMessage.objects.count() == 10


def test_s7_of_two_that_take_a_message_at_once_one_gets_it():
    ours = committed(make_scene)
    together = threading.Barrier(4)

    def take():
        with tenancy.firm(ours.firm):
            together.wait(10)
            return services.take_message(source="chart", message_id="m1", now=NOW)

    with ThreadPoolExecutor(4) as threads:
        outcomes = [future.result() for future in [threads.submit(committed, take) for _ in range(4)]]
    assert sorted(outcomes) == [False, False, False, True]
