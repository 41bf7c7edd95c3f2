"""Every command of the house answers a bad argument with one clear line and exit status 2, and does nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import date
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from base import tenancy
from base.commands import HouseCommand
from reconciliation.models import ReconciliationRun
from reporting.models import StatementDocument
from tests.factories import make_firm
from tests.reconciliation.books import DAY, make_scene

APPS = {"accounts", "allocation", "base", "execution", "governance", "mamweb", "market", "reconciliation", "reporting", "risk"}
OURS = sorted(name for name, app in get_commands().items() if app in APPS)
NOBODY = 987_654_321


def refusal(*words: object) -> tuple[int, str]:
    """Return the exit status and the words of a refusal."""
    with pytest.raises(CommandError) as caught:
        call_command(*map(str, words), stdout=StringIO(), stderr=StringIO())
    return caught.value.returncode, str(caught.value)


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_the_house_is_a_house_command_with_a_help(name: str):
    command = load_command_class(get_commands()[name], name)
    assert isinstance(command, HouseCommand) and command.help


@pytest.mark.django_db
@pytest.mark.parametrize(
    "words",
    [
        ("token", "list"),
        ("webhook_key", "list"),
        ("verify_audit",),
        ("fetch_reports",),
        ("reconcile", "--custodian", "X", "--date", "2026-03-02"),
        ("rebuild_books", "--check"),
        ("statements", "--month", "2026-01"),
        ("run_gateway", "X"),
        ("run_gateways",),
        ("run_paper_venue", "X"),
        ("signal", "{}", "--user", "1", "--key", "k"),
    ],
    ids=lambda words: words[0],
)
def test_a_firm_that_does_not_exist_is_refused_before_anything_is_done(words: tuple[str, ...]):
    assert refusal(*words, "--firm", NOBODY) == (2, f"firm: '{NOBODY}' breaks known_firm")


@pytest.mark.django_db
@pytest.mark.parametrize("firm", ["0", "-1", "1.5", "nan", "9" * 20, "", "١"])
def test_a_firm_is_a_whole_number_from_1(firm: str):
    for words in (("rebuild_books", "--check"), ("token", "list")):
        with pytest.raises(CommandError):
            call_command(*words, f"--firm={firm}", stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db
@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-02", "9999-12-31", "2027-01-04"])
def test_reconcile_refuses_a_day_outside_the_calendar_and_a_day_to_come(day: str, settings: Any):
    settings.REHEARSAL_CLOCK = "2026-03-03T00:00:00+00:00@2026-03-03T00:00:00+00:00*0"
    firm = make_firm()
    with tenancy.firm(firm.id):
        scene = make_scene()
    code, text = refusal("reconcile", "--firm", firm.id, "--custodian", scene.custodian.code, "--date", day)
    assert code == 2 and text.startswith(f"--date {day}: ")
    with tenancy.firm(firm.id):
        assert not ReconciliationRun.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "reason"), [("/nowhere/x.csv", "No such file"), ("/", "Is a directory")])
def test_reconcile_names_a_file_that_cannot_be_read(path: str, reason: str):
    firm = make_firm()
    with tenancy.firm(firm.id):
        scene = make_scene()
    code, text = refusal("reconcile", "--firm", firm.id, "--custodian", scene.custodian.code, "--date", DAY, "--file", path)
    assert code == 2 and text.startswith(f"--file {path}: {reason}")
    assert refusal("reconcile", "--firm", firm.id, "--custodian", "NOPE", "--date", DAY)[0] == 2


@pytest.mark.django_db
@pytest.mark.parametrize("month", ["2026-03", "2026-04", "2999-01"])
def test_gov_11_a_month_that_has_not_ended_is_not_stated(month: str, settings: Any):
    settings.REHEARSAL_CLOCK = "2026-03-31T23:59:00+00:00@2026-03-31T23:59:00+00:00*0"
    firm = make_firm()
    assert refusal("statements", "--firm", firm.id, "--month", month) == (2, f"--month {month}: has not ended")
    with tenancy.firm(firm.id):
        assert not StatementDocument.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("month", ["2026-1", "2026-13", "2026-00", " 2026-01", "٢٠٢٦-01", "202601", ""])
def test_a_month_is_written_in_one_way_only(month: str):
    assert refusal("statements", "--firm", make_firm().id, f"--month={month}") == (2, f"--month {month}: is not YYYY-MM")


@pytest.mark.django_db
def test_verify_audit_names_a_head_file_it_cannot_read_or_write():
    assert refusal("verify_audit", "--head", "/nowhere/h") == (2, "--head /nowhere/h: No such file or directory")
    one = ("--firm", make_firm().id)  # other firms of this database may be unsound on purpose
    assert refusal("verify_audit", *one, "--export-head", "/nowhere/h") == (2, "--export-head /nowhere/h: No such file or directory")


def test_a_date_is_written_in_one_way_only():
    from base.commands import iso_date

    assert iso_date("2026-03-02") == date(2026, 3, 2)
    for text in ("20260302", "2026-W10-1", "2026-3-2", "2026-02-30", "", "２026-03-02"):
        with pytest.raises(Exception, match="is no date; write YYYY-MM-DD"):
            iso_date(text)


@pytest.mark.parametrize("every", ["-1", "nan", "inf", "x"])
def test_a_length_of_time_is_finite_and_not_negative(every: str):
    with pytest.raises(CommandError, match="is no length of time"):
        call_command("fetch_reports", "--every", every)


def test_demo_says_in_one_line_that_its_port_is_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, text = refusal("demo", "--port", port)
    assert code == 2 and text.startswith(f"--port {port}: is taken")


def test_a_bad_argument_ends_the_process_with_2_and_no_traceback():
    done = subprocess.run([sys.executable, "manage.py", "tour", "--seed", "-1"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1 and "--seed -1" in done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("days", ["0", "-5", "nan", "1.5"])
def test_a_venue_needs_a_whole_number_of_days(days: str):
    with pytest.raises(CommandError, match="write a whole number from 1"):
        call_command("run_paper_venue", "PAPER", "--firm=1", f"--days={days}", stdout=StringIO(), stderr=StringIO())
