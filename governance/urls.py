"""Addresses of the pages of governance."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import firms

app_name = "governance"
urlpatterns: list[URLPattern] = [
    path("firms/", firms.firms, name="firms"),
    path("firms/choose", firms.choose, name="choose-firm"),
]
