"""Addresses of the pages of execution."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import blotter, cancels, connections

app_name = "execution"
urlpatterns: list[URLPattern] = [
    path("blotter/", blotter.blotter, name="blotter"),
    path("blotter/rows", blotter.rows, name="blotter-rows"),
    path("blotter/parents/<uuid:parent_id>/", blotter.inside, name="blotter-parent"),
    path("blotter/parents/<uuid:parent_id>/cancel", cancels.parent, name="cancel-parent"),
    path("blotter/orders/<uuid:order_id>/cancel", cancels.order, name="cancel-order"),
    path("connections/", connections.connections, name="connections"),
    path("connections/lamps", connections.lamps, name="lamps"),
]
