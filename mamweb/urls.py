"""Addresses."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import include, path

from accounts import admin as _accounts
from execution import admin as _execution
from governance import admin as _governance
from governance.adminsite import site
from reporting import admin as _reporting
from risk import admin as _risk

from . import fragments

ADMINS = (_accounts, _governance, _risk, _execution, _reporting)  # importing them fills the site


def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process is up."""
    return JsonResponse({"status": "ok"})


def problem(request: HttpRequest, status: int, title: str) -> HttpResponse:
    """Answer what never reached a view, or broke inside one: the API in its own form, pages with a page that needs no database."""
    if not request.path.startswith("/api/"):
        return HttpResponse(render_to_string(f"{status}.html", {"status": status}), status=status)
    code = title.lower().replace(" ", "_")
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "errors": []}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that is none: an unknown host, a malformed header."""
    return problem(request, 400, "bad request")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer somebody whose role may not be here."""
    return problem(request, 403, "forbidden")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for what is not there, or not in sight: the two look the same."""
    return problem(request, 404, "not found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a defect of ours, without a word about it."""
    return problem(request, 500, "server error")


handler400, handler403, handler404, handler500 = bad_request, forbidden, not_found, server_error
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("api/v1/", include(("mamweb.api_urls", "api"), namespace="api")),
    path("admin/", site.urls),
    path("auth/", include("governance.auth_urls")),
    path("frame/banner", fragments.banner, name="frame-banner"),
    path("frame/bell", fragments.bell, name="frame-bell"),
    path("frame/counts", fragments.counts, name="frame-counts"),
    path("frame/switch", fragments.switch, name="frame-switch"),
    path("frame/past", fragments.past, name="frame-past"),
    path("portal/past", fragments.portal_past, name="portal-past"),
    path("", include("governance.urls")),
    path("", include("accounts.urls")),
    path("", include("risk.urls")),
    path("", include("allocation.urls")),
    path("", include("execution.urls")),
    path("", include("reconciliation.urls")),
    path("", include("reporting.urls")),
]
