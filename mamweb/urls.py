"""Addresses."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process is up."""
    return JsonResponse({"status": "ok"})


def problem(request: HttpRequest, status: int, title: str) -> HttpResponse:
    """Answer what never reached a view, or broke inside one, in the API's own form; other pages keep Django's."""
    if not request.path.startswith("/api/"):
        return HttpResponse(title, status=status, content_type="text/plain")
    code = title.lower().replace(" ", "_")
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "errors": []}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that is none: an unknown host, a malformed header."""
    return problem(request, 400, "bad request")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a defect of ours, without a word about it."""
    return problem(request, 500, "server error")


handler400, handler500 = bad_request, server_error
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/v1/", include(("mamweb.api_urls", "api"), namespace="api")),
]
