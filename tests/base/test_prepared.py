"""Statements of the hot ways: prepared, counted and refused as all others, several writes in one."""

from __future__ import annotations

from decimal import Decimal as D

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Custodian
from base import prepared, tenancy
from base.core.ids import new_id
from base.prepared import Part, insertion, update
from tests.factories import make_firm

pytestmark = pytest.mark.django_db
COLUMNS = "id uuid, code text, name text, contact text, calendar text"
NEW = Part("fresh", insertion("accounts_custodian", COLUMNS), COLUMNS)
RENAMED = Part("renamed", update("accounts_custodian", "name = v.name"), "id uuid, name text")


def row(code: str, **changes: object) -> dict[str, object]:
    return {"id": new_id(), "code": code, "name": code, "contact": "", "calendar": "XNYS"} | changes


@pytest.fixture
def firm():
    with tenancy.firm(make_firm().id):
        yield


def test_several_parts_go_as_one_statement_and_empty_ones_as_none(firm: None) -> None:
    first = row("one")
    prepared.run_together([(NEW, [first])])
    with CaptureQueriesContext(connection) as asked:
        prepared.run_together([(NEW, [row("two"), row("drei – ü")]), (RENAMED, [{"id": first["id"], "name": "first"}])])
        prepared.run_together([(NEW, []), (RENAMED, [])])
    assert len(asked) == 1
    assert dict(Custodian.objects.values_list("code", "name")) == {"one": "first", "two": "two", "drei – ü": "drei – ü"}


def test_the_server_keeps_the_plan(firm: None) -> None:
    for _ in range(3):
        assert prepared.fetch("SELECT 40 + %s::int", [2]) == [(42,)]
    assert prepared.fetch("SELECT count(*) FROM pg_prepared_statements WHERE statement = %s", ["SELECT 40 + $1::int"]) == [(1,)]


def test_figures_travel_exactly() -> None:
    figures = [D("0.00000001"), D("-123456789012345678.12345678"), D("1E+3"), None]
    text = prepared.rows_as_json([{"x": figure} for figure in figures])
    assert [found for (found,) in prepared.fetch("SELECT x FROM json_to_recordset(%s::json) AS v (x numeric)", [text])] == figures


def test_what_the_database_refuses_is_djangos_error_and_a_savepoint_undoes_it(firm: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        prepared.run_together([(NEW, [row("twice"), row("twice")])])
    assert not Custodian.objects.exists()


def test_i9_row_level_security_holds_here_too() -> None:
    firm, other = make_firm(), make_firm()
    with tenancy.firm(firm.id):
        prepared.run_together([(NEW, [row("mine")])])
    with tenancy.firm(other.id):
        assert prepared.fetch("SELECT code FROM accounts_custodian", []) == []
    columns = COLUMNS + ", firm_id bigint"
    with pytest.raises(ProgrammingError, match="row-level security"), tenancy.firm(firm.id):
        prepared.run_together([(Part("theirs", insertion("accounts_custodian", columns), columns), [row("theirs", firm_id=other.id)])])
    with pytest.raises(ProgrammingError, match="permission denied"), tenancy.firm(firm.id):
        prepared.run("DELETE FROM governance_auditevent", [])
    with tenancy.firm(firm.id):
        assert prepared.fetch("SELECT code FROM accounts_custodian", []) == [("mine",)]


def test_statements_of_others_are_neither_prepared_nor_kept(firm: None) -> None:
    before = connection.connection.prepare_threshold
    prepared.fetch("SELECT 1", [])
    with pytest.raises(IntegrityError), transaction.atomic():
        prepared.run_together([(NEW, [row("twice"), row("twice")])])
    assert before is None and connection.connection.prepare_threshold is None


def test_what_is_no_text_is_refused_as_a_value() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        prepared.rows_as_json([{"reason": "cut \udc80"}])
