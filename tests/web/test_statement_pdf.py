"""A statement's PDF: read piece by piece, in the trail once and before its first byte, and nobody else's."""

from __future__ import annotations

import tracemalloc
import urllib.request
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

import pytest

from accounts.models import Account
from base import tenancy
from governance.enums import AuditAction
from governance.models import AuditEvent
from reporting.models import StatementDocument
from reporting.services.download import PIECE, download_statement
from tests.api.scene import NOW, Scene, make_scene
from tests.factories import as_loader
from tests.web.listening import cookie_of, serving
from tests.web.people import signed_in


def store(scene: Scene, pdf: bytes) -> str:
    """Store a statement of the scene's account; return its address in the portal."""
    with tenancy.firm(scene.firm.id):
        terms: dict[str, Any] = {"period_start": "2025-12-01", "period_end": "2025-12-31", "figures": {}, "created_at": NOW}
        row = StatementDocument.objects.create(account_id=scene.account.pk, pdf=pdf, sha256=sha256(pdf).hexdigest(), **terms)
    return f"/portal/documents/{row.pk}.pdf"


def large(pieces: float) -> bytes:
    return b"%PDF-1.7\n" + Random(7).randbytes(int(pieces * PIECE))


def taken(scene: Scene) -> int:
    """Return how often a document was handed out."""
    with tenancy.firm(scene.firm.id):
        return AuditEvent.objects.filter(action=AuditAction.EXPORTED).count()


@pytest.mark.django_db
def test_a_large_document_comes_in_pieces_that_make_the_stored_one(scene: Scene) -> None:
    pdf = large(2.5)
    answer = signed_in(scene.investor.user).get(store(scene, pdf))
    assert answer.streaming and taken(scene) == 1, "in the trail before a byte is read"
    pieces = list(answer.streaming_content)
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, len(pdf) - 2 * PIECE] and b"".join(pieces) == pdf
    assert answer["Content-Length"] == str(len(pdf)) and answer["ETag"] == f'"{sha256(pdf).hexdigest()}"'
    assert answer["Content-Type"] == "application/pdf" and answer["Cache-Control"] == "private, no-store"
    assert taken(scene) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("query", "kind"), [("", "attachment"), ("?read", "inline")])
def test_it_is_read_or_kept_and_either_is_in_the_trail(scene: Scene, query: str, kind: str) -> None:
    answer = signed_in(scene.investor.user).get(f"/portal/documents/{scene.ids['statement']}.pdf{query}")
    assert answer["Content-Disposition"].startswith(f'{kind}; filename="statement-') and answer.getvalue() == b"%PDF-1.7 test"
    with tenancy.firm(scene.firm.id):
        (event,) = AuditEvent.objects.filter(action=AuditAction.EXPORTED)
    assert (event.actor_id, event.subject_id) == (scene.investor.user.id, scene.ids["statement"])


@pytest.mark.django_db
def test_head_tells_the_size_and_hands_nothing_out(scene: Scene) -> None:
    answer = signed_in(scene.investor.user).head(f"/portal/documents/{scene.ids['statement']}.pdf")
    assert (answer.status_code, answer["Content-Length"], answer.content) == (200, "13", b"") and taken(scene) == 0


@pytest.mark.django_db
def test_head_in_the_admin_hands_nothing_out_either(scene: Scene) -> None:
    client = signed_in(scene.risk.user, scene.firm.id, ("password", "mfa"))
    path = f"/admin/reporting/statementdocument/{scene.ids['statement']}/pdf"
    answer = client.head(path)
    assert (answer.status_code, answer["Content-Length"], answer.content, taken(scene)) == (200, "13", b"", 0)
    assert client.get(path).getvalue() == b"%PDF-1.7 test" and taken(scene) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "named"),
    [
        ('A"; filename="x.exe', 'filename="activity-A\\"; filename=\\"x.exe.csv"'),
        ("Zürich", "filename*=utf-8''activity-Z%C3%BCrich.csv"),
        ("A\n1", "filename*=utf-8''activity-A%0A1.csv"),
    ],
)
def test_a_downloads_name_is_the_accounts_whatever_characters_it_has(scene: Scene, code: str, named: str) -> None:
    client = signed_in(scene.investor.user)
    with tenancy.firm(scene.firm.id):
        Account.objects.filter(pk=scene.account.pk).update(code=code)
    told = client.get(f"/portal/{scene.account.pk}/activity?format=csv")["Content-Disposition"]
    assert told == f"attachment; {named}"
    told = client.head(f"/portal/documents/{scene.ids['statement']}.pdf?read")["Content-Disposition"]
    assert told.startswith("inline; " + named.replace("activity", "statement").partition(".csv")[0])


@pytest.mark.django_db
def test_a_range_is_answered_with_the_whole(scene: Scene) -> None:
    answer = signed_in(scene.investor.user).get(f"/portal/documents/{scene.ids['statement']}.pdf", headers={"Range": "bytes=0-3"})
    assert (answer.status_code, answer["Accept-Ranges"], answer.getvalue()) == (200, "none", b"%PDF-1.7 test") and taken(scene) == 1


@pytest.mark.django_db
def test_a_foreign_document_and_an_unknown_one_are_404_and_in_no_trail(scene: Scene) -> None:
    path, stranger = f"/portal/documents/{scene.ids['statement']}.pdf", make_scene()
    unknown = "/portal/documents/00000000-0000-7000-8000-000000000000.pdf"
    for user, where in ((stranger.investor.user, path), (scene.colleague.user, path), (scene.investor.user, unknown)):
        for ask in (signed_in(user).get, signed_in(user).head):
            assert ask(where).status_code == 404
    assert taken(scene) == taken(stranger) == 0


@pytest.mark.django_db
def test_i9_pieces_are_the_firms_own_and_never_fewer_than_were_promised(scene: Scene) -> None:
    stranger = make_scene()
    with tenancy.firm(scene.firm.id):
        file = download_statement(document_id=scene.ids["statement"], user=scene.investor.user, now=NOW, is_taken=False)  # type: ignore[arg-type]
    assert list(file.pieces(4)) == [b"%PDF", b"-1.7", b" tes", b"t"]
    for wrong in (replace(file, firm_id=stranger.firm.id), replace(file, size=file.size + 1)):
        with pytest.raises(RuntimeError, match="ended at byte"):
            list(wrong.pieces(4))


@pytest.mark.django_db
def test_a_process_holds_a_piece_and_not_the_document(scene: Scene) -> None:
    pieces = 40
    with tenancy.firm(scene.firm.id):
        path = store(scene, large(pieces))
    answer = signed_in(scene.investor.user).get(path)
    tracemalloc.start()
    length = sum(len(piece) for piece in answer.streaming_content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > pieces * PIECE and peak < 8 * PIECE


@pytest.mark.xdist_group("embedded")
def test_the_web_server_sends_it_whole(django_db_setup: None, django_db_blocker: Any, settings: Any) -> None:
    settings.REHEARSAL_CLOCK = ""
    with django_db_blocker.unblock(), serving() as port:
        scene = as_loader(make_scene)
        pdf = large(3.2)
        path = as_loader(lambda: store(scene, pdf))
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", headers={"Cookie": f"sessionid={cookie_of(scene.investor.user, scene.firm.id)}"}
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.headers["Content-Length"] == str(len(pdf)) and answer.read() == pdf
        asked.method = "HEAD"
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.headers["Content-Length"] == str(len(pdf)) and answer.read() == b""
        assert taken(scene) == 1
