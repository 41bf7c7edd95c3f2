"""Addresses of the pages of execution."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "execution"
urlpatterns: list[URLPattern] = []
