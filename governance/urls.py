"""Addresses of the pages of governance."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import alerts, approvals, authorities, firms

app_name = "governance"
urlpatterns: list[URLPattern] = [
    path("firms/", firms.firms, name="firms"),
    path("firms/choose", firms.choose, name="choose-firm"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/acknowledge", alerts.acknowledge, name="acknowledge"),
    path("alerts/<uuid:alert_id>/end", alerts.end, name="end-alert"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<uuid:approval_id>/answer", approvals.answer, name="answer"),
    path("authorities/", authorities.authorities, name="authorities"),
    path("authorities/<uuid:authority_id>/", authorities.authority, name="authority"),
    path("authorities/mandates/<uuid:mandate_id>/", authorities.mandate, name="mandate"),
]
