"""GOV-7, S12, I10: the sealer chains what is committed; no change of a row stays unseen."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from base import tenancy
from governance import queries, services
from governance.core.subjects import Subject
from governance.enums import AuditAction, AuditFindingKind, SubjectKind
from governance.management.commands.seal_audit import keep_sealing
from governance.models import AuditEvent, AuditPending, AuditSeal
from governance.services import sealing
from tests.governance.scene import MINUTE, NOW, committed, make_scene

pytestmark = pytest.mark.django_db(databases=["default", "loader", "owner"])


def write(scene, count, name="A"):
    with tenancy.firm(scene.firm):
        for i in range(count):
            subject = Subject(SubjectKind.ACCOUNT, f"{name}{i}")
            services.audit(
                action=AuditAction.CHANGED, subject=subject, actor=scene.risk, now=NOW, after={"n": i, "list": [1, "x"]}, reason="why"
            )


def seal(scene, now=NOW):
    with tenancy.firm(scene.firm):
        return services.seal_audit(now=now)


def report(scene, **options):
    with tenancy.firm(scene.firm):
        return queries.verify_chain(**options)


@pytest.fixture
def scene():
    return make_scene()


@pytest.fixture
def kept():
    """A scene that other connections see."""
    return committed(make_scene)


def test_gov_7_sealed_events_make_a_sound_chain(scene):
    write(scene, 3)
    assert (seal(scene), seal(scene)) == (3, 0)
    write(scene, 70, "B")
    assert seal(scene) == 70
    found = report(scene)
    assert (found.findings, found.sealed, found.unsealed) == ((), 73, 0)
    with tenancy.firm(scene.firm):
        assert list(AuditSeal.objects.order_by("sequence").values_list("sequence", flat=True)) == list(range(1, 74))
        assert not AuditPending.objects.exists()


def test_gov_7_the_unsealed_tail_is_reported_and_no_fault(scene):
    write(scene, 2)
    seal(scene)
    write(scene, 3, "B")
    found = report(scene)
    assert [finding.kind for finding in found.findings] == [AuditFindingKind.UNSEALED_TAIL]
    assert (found.faults, found.sealed, found.unsealed) == ((), 2, 3)


def test_gov_7_sealing_is_set_based(scene):
    counts = []
    for size in (60, 600):
        with tenancy.firm(scene.firm):
            services.audit_each(
                action=AuditAction.VIEWED, kind=SubjectKind.ACCOUNT, subject_ids=[f"A{i}" for i in range(size)], actor=None, now=NOW
            )
            with CaptureQueriesContext(connection) as captured:
                assert services.seal_audit(now=NOW) == size
            counts.append(len(captured))
    assert counts[0] == counts[1]


def test_gov_7_a_crash_while_sealing_loses_and_doubles_nothing(scene):
    write(scene, 5)

    def crash():
        with tenancy.firm(scene.firm):
            assert services.seal_audit(now=NOW) == 5
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash()
    assert (report(scene).sealed, report(scene).unsealed) == (0, 5)
    assert seal(scene) == 5 and report(scene).findings == ()


def test_gov_7_an_entry_of_the_queue_that_came_twice_is_sealed_once(scene):
    write(scene, 2)
    seal(scene)
    with tenancy.firm(scene.firm):
        AuditPending.objects.create(id=AuditEvent.objects.order_by("id").first().id)
    write(scene, 1, "B")
    assert seal(scene) == 1
    with tenancy.firm(scene.firm):
        assert not AuditPending.objects.exists()
    assert report(scene).findings == ()


def test_gov_7_two_sealers_at_once_and_writers_beside_them(kept):
    """Four threads write, three seal; in the end the chain is whole, sound, and holds each event once."""
    done = threading.Event()

    def sealer():
        try:
            total = 0
            while not done.is_set():
                total += seal(kept)
            return total
        finally:
            connections.close_all()

    def writer(name):
        try:
            for i in range(25):
                write(kept, 1, f"{name}-{i}-")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(7) as threads:
        sealers = [threads.submit(sealer) for _ in range(3)]
        writers = [threads.submit(writer, f"W{k}") for k in range(4)]
        for future in writers:
            future.result()
        done.set()
        sealed = sum(future.result() for future in sealers)
    sealed += committed(lambda: seal(kept))
    found = committed(lambda: report(kept))
    assert sealed == found.sealed == 100 and found.findings == ()


def test_gov_7_a_writer_never_waits_for_the_sealer_and_is_sealed_later(kept):
    """An older event that commits after a newer one was sealed takes its place at the end."""
    held, go_on = threading.Event(), threading.Event()

    def slow_writer():
        with tenancy.firm(kept.firm):
            write(kept, 1, "slow")
            held.set()
            go_on.wait(10)

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(committed, slow_writer)
        assert held.wait(10)
        committed(lambda: write(kept, 1, "fast"))
        assert committed(lambda: seal(kept)) == 1
        go_on.set()
        future.result()
    assert committed(lambda: seal(kept)) == 1
    found = committed(lambda: report(kept))
    assert (found.sealed, found.findings) == (2, ())

    def while_a_sealer_holds_its_lock():
        with tenancy.firm(kept.firm):
            assert sealing._alone()
            committed(lambda: write(kept, 1, "beside"))
            assert committed(lambda: seal(kept)) == 0

    committed(while_a_sealer_holds_its_lock)


def verify(*, out=None, **options):
    """Run the command on a connection of its own: the tables' owner must not wait for what this test has read."""
    committed(lambda: call_command("verify_audit", stdout=out or StringIO(), **options))


EVENT_CHANGES = {
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "actor_id": "actor_id + 1",
    "actor_role": "'COMPLIANCE'",
    "action": "'VIEWED'",
    "subject_kind": "'FIRM'",
    "subject_id": "subject_id || 'x'",
    "before": "'[]'::jsonb",
    "after": "jsonb_set(after, '{n}', '99')",
    "reason": "'other'",
    "rule": "'X'",
    "rule_version": "'2'",
    "journey_id": "id",
    "source_ip": "'192.0.2.1'",
    "api_key": "'k'",
    "approval_id": "id",
}
SEAL_CHANGES = {"hash": "repeat('0', 64)", "previous_hash": "repeat('0', 64)", "sequence": "sequence + 100"}


def as_owner(firm, *statements):
    """Run SQL as the tables' owner with their triggers off: what somebody with the database in hand could do."""

    def run():
        with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
            cursor.execute("SELECT set_config('app.firm', %s, true)", [str(firm)])
            for table in ("governance_auditevent", "governance_auditseal"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            for statement in statements:
                cursor.execute(statement)
            for table in ("governance_auditevent", "governance_auditseal"):
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

    committed(run)


EVENT = "(SELECT event_id FROM governance_auditseal WHERE sequence = 3)"
TAMPERINGS = {
    **{f"event {c}": [f"UPDATE governance_auditevent SET {c} = {v} WHERE id = {EVENT}"] for c, v in EVENT_CHANGES.items()},
    **{f"seal {c}": [f"UPDATE governance_auditseal SET {c} = {v} WHERE sequence = 3"] for c, v in SEAL_CHANGES.items()},
    "event deleted": [f"DELETE FROM governance_auditevent WHERE id = {EVENT}"],
    "seal deleted": ["DELETE FROM governance_auditseal WHERE sequence = 3"],
    "both deleted": [f"DELETE FROM governance_auditevent WHERE id = {EVENT}", "DELETE FROM governance_auditseal WHERE sequence = 3"],
    "reordered": [f"UPDATE governance_auditseal SET sequence = {to} WHERE sequence = {at}" for at, to in ((2, 99), (3, 2), (99, 3))],
    "cut off": ["DELETE FROM governance_auditseal WHERE sequence > 4"],
    "cut off with events": [
        "DELETE FROM governance_auditevent WHERE id IN (SELECT event_id FROM governance_auditseal WHERE sequence > 4)",
        "DELETE FROM governance_auditseal WHERE sequence > 4",
    ],
    "all deleted": ["DELETE FROM governance_auditevent", "DELETE FROM governance_auditseal"],
}


@pytest.mark.parametrize("statements", TAMPERINGS.values(), ids=TAMPERINGS)
def test_s12_every_change_of_a_sealed_row_is_found(kept, statements, tmp_path):
    committed(lambda: write(kept, 6))
    committed(lambda: seal(kept))
    heads = tmp_path / "heads.json"
    verify(firm=kept.firm, export_head=heads)
    as_owner(kept.firm, *statements)
    out = StringIO()
    with pytest.raises(CommandError) as stopped:
        verify(firm=kept.firm, head=heads, out=out)
    assert stopped.value.returncode == 1 and f"firm {kept.firm}: " in out.getvalue()


def test_s12_a_chain_rewritten_from_its_beginning_differs_from_the_exported_head(kept, tmp_path):
    committed(lambda: write(kept, 4))
    committed(lambda: seal(kept))
    heads = tmp_path / "heads.json"
    verify(firm=kept.firm, export_head=heads)
    queue = "INSERT INTO governance_auditpending (id, firm_id) SELECT id, firm_id FROM governance_auditevent"
    as_owner(kept.firm, "UPDATE governance_auditevent SET reason = 'nicer'", "DELETE FROM governance_auditseal", queue)
    assert committed(lambda: seal(kept)) == 4
    verify(firm=kept.firm)
    out = StringIO()
    with pytest.raises(CommandError):
        verify(firm=kept.firm, head=heads, out=out)
    assert "REWRITTEN at 4" in out.getvalue()


def test_s12_a_head_of_an_earlier_day_still_holds_and_an_unsound_chain_exports_none(kept, tmp_path):
    committed(lambda: write(kept, 2))
    committed(lambda: seal(kept))
    heads, later = tmp_path / "heads.json", tmp_path / "later.json"
    verify(firm=kept.firm, export_head=heads)
    committed(lambda: write(kept, 3, "B"))
    committed(lambda: seal(kept, NOW + MINUTE))
    verify(firm=kept.firm, head=heads, export_head=later)
    assert json.loads(later.read_text())["firms"][str(kept.firm)]["sequence"] == 5
    as_owner(kept.firm, "UPDATE governance_auditevent SET reason = 'nicer'")
    with pytest.raises(CommandError):
        verify(firm=kept.firm, export_head=tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "other", "firms": {}}', '{"format": "mamweb-audit-1", "firms": {"1": {}}}'])
def test_s12_a_file_that_is_no_head_is_refused(tmp_path, text):
    path = tmp_path / "heads.json"
    path.write_text(text)
    with pytest.raises(CommandError, match="no head file"):
        verify(head=path)


def test_gov_7_the_command_seals_every_firm(kept):
    other = committed(make_scene)
    for scene in (kept, other):
        committed(lambda scene=scene: write(scene, 2))
    call_command("seal_audit", stdout=StringIO())
    assert [report(scene).unsealed for scene in (kept, other)] == [0, 0]


def test_gov_7_watching_seals_within_a_second_or_two_until_told_to_stop(kept):
    stop = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(committed, lambda: keep_sealing(stop))
        try:
            committed(lambda: write(kept, 3))
            deadline = time.monotonic() + 10
            while committed(lambda: report(kept)).sealed < 3 and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            stop.set()
        assert future.result() >= 3
    assert committed(lambda: report(kept)).findings == ()
