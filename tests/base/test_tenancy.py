"""I9, S2, S3: no row of another firm is readable or referable, whatever the code forgets. Runs as the runtime role."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, connections, transaction

from accounts.models import Account, Position
from base import tenancy
from base.tenancy.constraints import FIRM, USER
from base.tenancy.grants import table_kind
from governance.enums import Role
from governance.models import AuditEvent, Membership
from tests.factories import make_account, make_firm, make_instrument, make_sleeve, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_firms():
    firms = [make_firm(), make_firm()]
    accounts = []
    for firm in firms:
        with tenancy.firm(firm.id):
            accounts.append(make_account())
    return firms, accounts


def test_s2_the_runtime_role_owns_nothing_and_bypasses_nothing():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == ("mamweb_app", False, False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = current_user")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND has_table_privilege(oid, 'TRUNCATE')")
        assert cursor.fetchall() == []


def test_i9_without_a_firm_there_are_no_rows(two_firms):
    assert Account.objects.count() == 0
    assert Membership.objects.count() == 0


def test_s3_without_any_filter_only_the_own_firms_rows_are_seen(two_firms):
    (one, two), (ours, theirs) = two_firms
    with tenancy.firm(one.id):
        assert list(Account.objects.all()) == [ours]
        assert Account.objects.filter(pk=theirs.pk).update(name="stolen") == 0
        assert not Account.objects.filter(pk=theirs.pk).exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM accounts_account WHERE firm_id = %s", [two.id])
            assert cursor.fetchone() == (0,)


def test_i9_a_row_cannot_be_written_for_another_firm(two_firms):
    (one, two), _ = two_firms
    with tenancy.firm(one.id), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        make_sleeve(firm_id=two.id)


def test_i9_a_composite_key_refuses_a_reference_into_another_firm(two_firms):
    (one, _), (_, theirs) = two_firms
    with tenancy.firm(one.id), pytest.raises(IntegrityError, match=r"accounts_account_.*_ref"), transaction.atomic():
        make_account(connection=theirs.connection)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_i9_a_hot_table_refuses_a_reference_into_another_firm(two_firms):
    (one, _), (ours, theirs) = two_firms
    instrument = make_instrument()
    with tenancy.firm(one.id):
        sleeve = make_sleeve()
        fields = {"sleeve": sleeve, "instrument_id": instrument.id, "quantity": 1, "last_traded_on": "2026-01-05"}
        with pytest.raises(IntegrityError, match="refers to no row of this firm"), transaction.atomic():
            Position.objects.create(account=theirs, **fields)
        position = Position.objects.create(account=ours, **fields)
        with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
            Position.objects.filter(pk=position.pk).update(account_id=theirs.pk)


def test_a_block_of_one_firm_never_turns_into_anothers(two_firms):
    (one, two), (ours, _) = two_firms
    with tenancy.firm(one.id):
        with pytest.raises(tenancy.FirmMismatch), tenancy.firm(two.id):
            pass
        with tenancy.firm(one.id):
            assert Account.objects.get() == ours
        assert Account.objects.get() == ours
    assert Account.objects.count() == 0


def test_the_firm_ends_with_a_block_that_failed(two_firms):
    (one, _), _ = two_firms
    with pytest.raises(ZeroDivisionError), tenancy.firm(one.id):
        raise ZeroDivisionError
    assert Account.objects.count() == 0 and tenancy.current_firm() is None


@pytest.mark.parametrize("wrong", [0, -1, None, "1", True, "1 OR 1=1"])
def test_a_firm_is_a_positive_integer(wrong):
    with pytest.raises(ValueError, match="firm_id"), tenancy.firm(wrong):
        pass


def test_a_person_sees_their_own_memberships_in_every_firm_and_nothing_else(two_firms):
    (one, two), _ = two_firms
    with tenancy.firm(one.id):
        person, colleague = make_user(Role.TRADER), make_user(Role.RISK)
    with tenancy.firm(two.id):
        Membership.objects.create(user=person, role=Role.MANAGER)
    with tenancy.person(person.id):
        assert {(m.firm_id, m.role) for m in Membership.objects.all()} == {(one.id, "TRADER"), (two.id, "MANAGER")}
        assert not Membership.objects.filter(user=colleague).exists()
        assert Account.objects.count() == 0


def test_i10_what_only_grows_cannot_be_changed_or_deleted(two_firms):
    (one, _), _ = two_firms
    with tenancy.firm(one.id):
        fields = {"recorded_at": "2026-01-05T00:00Z", "action": "CREATED", "subject_kind": "FIRM", "subject_id": "1"}
        event = AuditEvent.objects.create(**fields)
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            AuditEvent.objects.filter(pk=event.pk).update(reason="other")
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            AuditEvent.objects.all().delete()


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("model", [m for m in apps.get_models() if getattr(m, "append_only", False)], ids=lambda m: m._meta.label)
@pytest.mark.parametrize("change", ["UPDATE {} SET firm_id = firm_id", "DELETE FROM {}"])
def test_i10_not_even_the_tables_owner_changes_what_only_grows(model, change):
    with connections["owner"].cursor() as cursor, pytest.raises(DatabaseError, match="only grows"):
        cursor.execute(change.format(model._meta.db_table))


@pytest.mark.parametrize("model", [m for m in apps.get_models(include_auto_created=True) if not m._meta.proxy], ids=lambda m: m._meta.label)
def test_s2_every_table_is_isolated_or_on_the_global_list(model):
    kind = table_kind(model)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", [table])
        secured = cursor.fetchone()
        cursor.execute("SELECT qual, with_check FROM pg_policies WHERE tablename = %s", [table])
        policies = cursor.fetchall()
        if kind != "tenant":
            assert secured == (False, False)
            return
        assert secured == (True, True) and len(policies) == 1
        assert all("firm_id" in part and "app.firm" in part for part in policies[0])
        assert "firm_id = ( SELECT " in policies[0][0], "asked once a statement"
        _assert_references_stay_inside(cursor, model)
        cursor.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_attribute a ON a.attrelid = i.indrelid "
            "AND a.attnum = i.indkey[0] WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary AND a.attname <> 'firm_id'",
            [table],
        )
        assert cursor.fetchall() == [], "a unique key that does not start with the firm tells of other firms' rows"


@pytest.mark.django_db(databases=["default", "owner"])
@pytest.mark.parametrize("table", ["accounts_account", "governance_membership"])
def test_a_policy_of_before_is_brought_to_todays(table):
    policy = "SELECT qual, with_check FROM pg_policies WHERE tablename = %s"
    with connections["owner"].cursor() as cursor:
        cursor.execute(policy, [table])
        today = cursor.fetchone()
        cursor.execute(
            f"ALTER POLICY firm ON {table} USING (firm_id = {FIRM}" + (f" OR user_id = {USER})" if "app.user" in today[0] else ")")
        )
        cursor.execute(policy, [table])
        assert cursor.fetchone() != today
        import_module("governance.migrations.0008_policies_ask_once").ask_once(None, connections["owner"].schema_editor())
        cursor.execute(policy, [table])
        assert cursor.fetchone() == today


def _assert_references_stay_inside(cursor, model):
    table = model._meta.db_table
    for field in model._meta.get_fields():
        if not (field.is_relation and field.concrete and getattr(field.related_model, "is_tenant", False)):
            continue
        if model.statement_checked:
            cursor.execute(
                "SELECT pg_get_functiondef(tgfoid) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname = %s", [table, f"{table}_refs"]
            )
            assert f"t.id = n.{field.column} AND t.firm_id = n.firm_id" in cursor.fetchone()[0]
        else:
            cursor.execute(
                "SELECT count(*) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f' AND pg_get_constraintdef(oid) LIKE %s",
                [table, f"FOREIGN KEY (firm_id, {field.column}) REFERENCES {field.related_model._meta.db_table}(firm_id, id)%"],
            )
            assert cursor.fetchone() == (1,), field


def test_s2_a_table_nobody_placed_is_refused():
    class Placeless:
        class _meta:
            app_label, label, label_lower = "nowhere", "nowhere.Placeless", "nowhere.placeless"

    with pytest.raises(LookupError, match=r"nowhere\.Placeless"):
        table_kind(Placeless)


@pytest.mark.parametrize("wrong", ["NaN", "Infinity", "-Infinity"])
def test_con_1_number_columns_refuse_what_is_no_number_even_in_raw_sql(two_firms, wrong):
    (one, _), _ = two_firms
    with tenancy.firm(one.id), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET position_cap_rate = %s::numeric", [wrong])
