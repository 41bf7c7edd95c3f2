"""What a request may send: counted while it arrives, whatever its headers say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from mamweb.bodies import CountedBodies, is_signed_in
from tests.api.scene import make_scene
from tests.web.people import signed_in

KB = 1024
MB = KB * KB
FILES = "/reconciliation/files"


class Line:
    """A client that sends pieces, and an application that keeps them as Django does."""

    def __init__(self, *, known: str = "") -> None:
        self.known, self.asked, self.taken, self.sent, self.kept = known, 0, 0, [], None

    async def _is_known(self, key: str) -> bool:
        self.asked += 1
        return key == self.known

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        kept = 0
        while (message := await receive())["type"] == "http.request":
            kept += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.kept = kept
                await send({"type": "http.response.start", "status": 200, "headers": []})
                return

    def post(
        self,
        size: int,
        path: str = "/healthz",
        *,
        declared: int | str | None = None,
        session: str = "",
        method: str = "POST",
        accept: str = "*/*",
    ) -> Any:
        """Send so many bytes in pieces of 64 kB; returns the status."""
        headers = [] if declared is None else [(b"content-length", str(declared).encode())]
        headers.append((b"accept", accept.encode()))
        headers += [(b"cookie", f"a=b; {settings.SESSION_COOKIE_NAME}={session}".encode())] if session else []

        async def receive() -> dict[str, Any]:
            piece = min(64 * KB, size - self.taken)
            self.taken += piece
            return {"type": "http.request", "body": b"x" * piece, "more_body": self.taken < size}

        async def send(message: Any) -> None:
            self.sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        asyncio.run(CountedBodies(self._app, self._is_known)(scope, receive, send))
        assert len([one for one in self.sent if one["type"] == "http.response.start"]) == 1
        return self.sent[0]["status"]


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
def test_a_body_without_a_length_is_cut_off_at_the_limit(method: str) -> None:
    line = Line()
    assert line.post(40 * MB, method=method) == 413
    assert line.kept is None and line.taken <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 64 * KB and not line.asked
    error = json.loads(line.sent[1]["body"])
    assert error["status"] == 413 and error["errors"][0]["rule"] == f"at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes"


def test_a_declared_length_is_refused_before_anything_is_read_and_a_false_one_helps_nobody() -> None:
    line = Line()
    assert line.post(40 * MB, declared=40 * MB) == 413 and line.taken == 0
    for declared in ("x", "-1", "9" * 5000):
        assert Line().post(10, declared=declared) == 413
    assert Line().post(40 * MB, declared=10) == 413


@pytest.mark.parametrize("size", [0, 1, 64 * KB, MB])
def test_what_is_within_the_limit_arrives_whole(size: int) -> None:
    line = Line()
    assert (line.post(size), line.kept) == (200, size)


def test_a_file_may_be_larger_in_a_session_that_is_somebodys() -> None:
    line = Line(known="abc")
    assert (line.post(20 * MB, FILES, session="abc"), line.kept, line.asked) == (200, 20 * MB, 1)
    assert Line(known="abc").post(66 * MB, FILES, session="abc") == 413
    assert Line(known="abc").post(66 * MB, FILES, session="abc", declared=66 * MB) == 413
    assert Line(known="abc").post(20 * MB, "/blotter/", session="abc") == 413
    assert Line(known="abc").post(20 * MB, FILES, session="abc", method="PUT") == 413


def test_a_cookie_that_anybody_can_make_up_is_no_session() -> None:
    stranger = Line(known="abc")
    assert (stranger.post(20 * MB, FILES, session="made-up"), stranger.asked) == (413, 1)
    assert stranger.taken <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 64 * KB
    assert Line(known="abc").post(20 * MB, FILES) == 413
    small = Line(known="abc")
    assert (small.post(100, FILES, session="made-up"), small.asked) == (200, 0)


def test_who_sends_too_large_a_file_reads_the_limit_of_files_and_a_browser_a_page() -> None:
    program, browser = Line(known="abc"), Line(known="abc")
    assert program.post(66 * MB, FILES, session="abc", declared=66 * MB) == 413
    assert json.loads(program.sent[1]["body"])["errors"][0]["rule"] == f"at most {65 * MB} bytes"
    assert browser.post(66 * MB, FILES, session="abc", accept="text/html,*/*;q=0.8") == 413
    page = browser.sent[1]["body"].decode()
    assert (
        "This is too large" in page
        and "at most 65 MB" in page
        and (b"content-type", b"text/html; charset=utf-8") in browser.sent[0]["headers"]
    )


@pytest.mark.django_db
def test_a_session_is_somebodys_when_they_have_signed_in() -> None:
    client, nobody = signed_in(make_scene().owner.user), Client()
    nobody.session.save()
    assert is_signed_in(client.session.session_key)
    for key in (nobody.session.session_key or "", "", "a" * 32, "\0", "x" * 5000, "ß" * 32):
        assert not is_signed_in(key)


@pytest.mark.django_db(transaction=False)
def test_the_application_itself_counts() -> None:
    from mamweb.asgi import application

    sent: list[Any] = []
    pieces = iter(range(40))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"a" * MB, "more_body": next(pieces) < 39}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"host", b"testserver"),
        (b"transfer-encoding", b"chunked"),
        (b"cookie", f"{settings.SESSION_COOKIE_NAME}={'a' * 32}".encode()),
    ]
    scope = {"type": "http", "method": "POST", "path": FILES, "raw_path": FILES.encode(), "query_string": b"", "headers": headers}
    asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 413 and next(pieces) < 5
