"""How much a request may send, counted while it arrives.

Entry points: `CountedBodies` around the HTTP application; `larger_limit`, `too_large` for who refuses by the length that is declared.
Invariants: 1. Django's handler keeps a whole body, on disk from 2.5 MB on, before any middleware runs: nothing beyond the limit reaches it,
whatever the headers say. 2. the larger limits of `settings.UPLOAD_LIMITS` are for a session in which somebody has signed in; that is asked
once a request, and only of one that sends more than everybody may.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import connections
from django.http import parse_cookie
from django.template.loader import render_to_string

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
TYPE = "application/problem+json"


def larger_limit(method: str | None, path: str) -> int:
    """Return how many bytes a form that takes files may have at this address, 0 where there is none."""
    found = (int(limit) for pattern, limit in settings.UPLOAD_LIMITS if method == "POST" and re.fullmatch(pattern, path))
    return next(found, 0)


def too_large(length: str, limit: int) -> dict[str, Any]:
    """Return the problem of a body that is too large, as the API words it."""
    error = {"field": "body", "value": length, "rule": f"at most {limit} bytes"}
    return {"type": "about:blank", "title": "The body is too large", "status": 413, "errors": [error]}


def is_signed_in(key: str) -> bool:
    """Tell whether somebody has signed in, in the session of this key. One statement."""
    if not (key.isascii() and key.isalnum()):
        return False
    return SESSION_KEY in import_module(settings.SESSION_ENGINE).SessionStore(key)


async def _asked(key: str) -> bool:
    """Ask in a thread of its own, whose connection goes back."""

    def ask() -> bool:
        try:
            return is_signed_in(key)
        finally:
            connections.close_all()

    async with ThreadSensitiveContext():
        return await sync_to_async(ask)()


class CountedBodies:
    """Answer 413 as soon as more arrives than the request may send. asked: tells by a session's key whether somebody has signed in."""

    def __init__(self, app: App, asked: Callable[[str], Awaitable[bool]] = _asked) -> None:
        self._app, self._asked = app, asked

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Count one request."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0").decode("latin-1")
        cookie = parse_cookie(headers.get(b"cookie", b"").decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")
        body = _Body(receive, larger_limit(scope["method"], scope["path"]), cookie, self._asked)
        is_read = b"text/html" in headers.get(b"accept", b"")
        if not declared.isdecimal() or not await body.takes(int(declared[:20])):
            await _refuse(send, declared[:20], await body.allowed(), is_read=is_read)
            return
        await self._app(scope, body.receive, send)
        if body.is_refused:
            limit = await body.allowed()
            await _refuse(send, f"more than {limit}", limit, is_read=is_read)


class _Body:
    """A body on its way. To the application one that is refused looks like a client that has gone: it stops without an answer."""

    def __init__(self, receive: Receive, larger: int, cookie: str, asked: Callable[[str], Awaitable[bool]]) -> None:
        self.limit, self.is_refused = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE), False
        self._receive, self._larger, self._cookie, self._asked, self._count = receive, larger, cookie, asked, 0

    async def takes(self, size: int) -> bool:
        """Tell whether so many bytes are within the limit, which grows with the first that need it."""
        if self.limit < size <= self._larger and self._cookie:
            cookie, self._cookie = self._cookie, ""
            if await self._asked(cookie):
                self.limit = self._larger
        return size <= self.limit

    async def allowed(self) -> int:
        """Return what this request may have, for who sent more: the form's own limit to somebody who has signed in."""
        await self.takes(self._larger)
        return self.limit

    async def receive(self) -> Message:
        """Return what comes next, or that the client has gone."""
        if not self.is_refused:
            message = await self._receive()
            self._count += len(message.get("body", b""))
            if await self.takes(self._count):
                return message
            self.is_refused = True
        return {"type": "http.disconnect"}


def too_large_page(limit: int) -> str:
    """Return the same for somebody in front of a browser."""
    most = f"{limit // 2**20} MB" if limit >= 2**20 else f"{limit} bytes"
    return render_to_string("413.html", {"status": 413, "most": most})


async def _refuse(send: Send, length: str, limit: int, *, is_read: bool) -> None:
    content = (too_large_page(limit) if is_read else json.dumps(too_large(length, limit))).encode()
    kind = "text/html; charset=utf-8" if is_read else TYPE
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": content})
