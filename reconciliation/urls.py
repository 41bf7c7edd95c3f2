"""Addresses of the pages of reconciliation."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import desk, resolving

app_name = "reconciliation"
urlpatterns: list[URLPattern] = [
    path("reconciliation/", desk.desk, name="desk"),
    path("reconciliation/files", resolving.load, name="load"),
    path("reconciliation/run", resolving.run, name="run"),
    path("reconciliation/documents/<uuid:document_id>", desk.document, name="document"),
    path("reconciliation/breaks/<uuid:break_id>/sides", desk.sides, name="sides"),
    path("reconciliation/breaks/<uuid:break_id>/adjustment", resolving.adjust, name="adjust"),
    path("reconciliation/breaks/<uuid:break_id>/waiver", resolving.waive, name="waive"),
    path("reconciliation/breaks/<uuid:break_id>/owner", resolving.assign, name="assign"),
]
