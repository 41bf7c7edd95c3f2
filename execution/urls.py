"""Addresses of the pages of execution."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import kill_switch

app_name = "execution"
urlpatterns: list[URLPattern] = [
    path("kill-switch/", kill_switch.kill_switch, name="kill-switch"),
    path("kill-switch/confirm", kill_switch.confirm, name="kill-confirm"),
    path("kill-switch/trip", kill_switch.trip, name="kill-trip"),
    path("kill-switch/flatten", kill_switch.flatten, name="kill-flatten"),
    path("kill-switch/rearm", kill_switch.rearm, name="kill-rearm"),
]
