"""Addresses of the pages of execution."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import connections

app_name = "execution"
urlpatterns: list[URLPattern] = [
    path("connections/", connections.connections, name="connections"),
    path("connections/lamps", connections.lamps, name="lamps"),
]
