"""`manage.py reconcile`: a readable table, and an exit code a script can use."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from base import tenancy
from reconciliation.models import CustodianSnapshot, ReconciliationRun
from tests.factories import make_firm

from .books import DAY, CustodianFile, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def firm():
    return make_firm()


@pytest.fixture
def scene(firm):
    with tenancy.firm(firm.id):
        return make_scene()


def command(firm, scene, path=None):
    """Return (exit code, output, errors)."""
    out, errors = StringIO(), StringIO()
    options = {"firm": firm.id, "custodian": scene.custodian.code, "date": DAY, "stdout": out, "stderr": errors}
    try:
        call_command("reconcile", **options, **({"file": path} if path else {}))
    except SystemExit as ended:
        return ended.code, out.getvalue(), errors.getvalue()
    return 0, out.getvalue(), errors.getvalue()


def saved(tmp_path, file):
    path = tmp_path / "custodian.csv"
    path.write_bytes(file.data() if isinstance(file, CustodianFile) else file)
    return path


def test_a_day_that_agrees_ends_with_0(firm, scene, tmp_path):
    file = CustodianFile(scene).cash("250000", "250000").cash("250000", "250000", account=1)
    code, out, _ = command(firm, scene, saved(tmp_path, file))
    assert code == 0 and f"{scene.custodian.code} {DAY}: COMPLETE" in out and "0 open breaks" in out


def test_material_breaks_end_with_1_and_are_listed(firm, scene, tmp_path):
    file = CustodianFile(scene).cash("249000", "249000").cash("250000", "250000", account=1)
    code, out, _ = command(firm, scene, saved(tmp_path, file))
    lines = [line.split() for line in out.splitlines() if "CASH_TD" in line]
    assert code == 1
    assert lines[0][:5] == [scene.accounts[0].code, "CASH_TD", "!", "CASH", "USD"] and "-1000.00" in out and "REC-2" in out


def test_rec_1_without_a_file_it_is_incomplete_and_ends_with_1(firm, scene):
    code, out, _ = command(firm, scene)
    assert code == 1 and "INCOMPLETE" in out and "no file" in out


def test_a_bad_file_is_named_and_stores_nothing(firm, scene, tmp_path):
    code, out, errors = command(firm, scene, saved(tmp_path, b"record,account\n"))
    assert code == 1 and "CSV-" in errors and "nothing stored" in errors and "INCOMPLETE" in out
    with tenancy.firm(firm.id):
        assert CustodianSnapshot.objects.count() == 0 and ReconciliationRun.objects.count() == 1


def test_a_file_of_another_day_is_refused(firm, scene, tmp_path):
    file = CustodianFile(scene, DAY.replace(day=2)).cash("250000", "250000").cash("250000", "250000", account=1)
    code, _, errors = command(firm, scene, saved(tmp_path, file))
    assert code == 1 and "WRONG_DATE" in errors
    with tenancy.firm(firm.id):
        assert CustodianSnapshot.objects.count() == 0


def test_an_unknown_custodian_is_an_error(firm, scene):
    with pytest.raises(CommandError, match="no such custodian"):
        call_command("reconcile", firm=firm.id, custodian="NOBODY", date=DAY)
