"""Addresses of the pages of reconciliation."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "reconciliation"
urlpatterns: list[URLPattern] = []
