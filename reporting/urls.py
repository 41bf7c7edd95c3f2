"""Addresses of the pages of reporting."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "reporting"
urlpatterns: list[URLPattern] = []
