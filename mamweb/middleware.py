"""What every request passes before any view."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import add_never_cache_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from base.origin import acting_from
from governance.sign_in import BEGAN, SEEN, keep_track

from .bodies import TYPE, larger_limit, too_large


class SaysWhereFrom:
    """Give what a request does its origin (GOV-7). The address is the peer's: behind a proxy the server in front of Django puts it right."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_from(source_ip=request.META.get("REMOTE_ADDR") or ""):
            return self.get_response(request)


class BodyLimit:
    """Refuse a body that declares more than it may have; `CountedBodies` in front of the application counts what arrives, and asks whose session it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = self._limit(request)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > limit:
            return JsonResponse(too_large(length[:20], limit), status=413, content_type=TYPE)
        return self.get_response(request)

    @staticmethod
    def _limit(request: HttpRequest) -> int:
        larger = larger_limit(request.method, request.path) if settings.SESSION_COOKIE_NAME in request.COOKIES else 0
        return larger or int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class SessionLife:
    """End a session that is too old, and note every few minutes that one is in use: its idle time counts from there.

    No answer is kept anywhere, page, JSON or redirect, unless it says so itself.

    The wall's clock, never the rehearsal's: a stopped clock must not keep a session alive.
    """

    NOTED_EVERY = 300

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and (began := request.session.get(BEGAN)) is not None:
            now = time.time()
            if now - began > settings.SESSION_LONGEST.total_seconds():
                logout(request)
            elif now - request.session.get(SEEN, 0) > self.NOTED_EVERY and request.user.is_authenticated:
                request.session[SEEN] = now
                keep_track(request)
        answer = self.get_response(request)
        if not answer.has_header("Cache-Control"):
            add_never_cache_headers(answer)
        return answer


class StaticFiles(WhiteNoiseMiddleware):
    """WhiteNoise, but each file in one piece: a sync stream under ASGI is read whole anyway, with a warning for every file."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answer a file."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file as file:
                body = file.read()
        answer = HttpResponse(body, status=found.status)
        for name, value in found.headers:
            answer[name] = value
        return answer
