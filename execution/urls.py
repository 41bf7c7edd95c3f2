"""Addresses of the pages of execution."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import blotter, cancels, connections, kill_switch, levels, positions, released, replaces, resolves, ticket

app_name = "execution"
urlpatterns: list[URLPattern] = [
    path("positions/", positions.positions, name="positions"),
    path("positions/close", positions.close_preview, name="close-preview"),
    path("positions/close/release", positions.close_release, name="close-release"),
    path("positions/levels", levels.holders, name="levels"),
    path("positions/levels/preview", levels.preview, name="levels-preview"),
    path("positions/levels/apply", levels.apply, name="levels-apply"),
    path("blotter/", blotter.blotter, name="blotter"),
    path("blotter/rows", blotter.rows, name="blotter-rows"),
    path("blotter/parents/<uuid:parent_id>/", blotter.inside, name="blotter-parent"),
    path("blotter/parents/<uuid:parent_id>/cancel", cancels.parent, name="cancel-parent"),
    path("blotter/parents/<uuid:parent_id>/replace", replaces.parent, name="replace-parent"),
    path("blotter/orders/<uuid:order_id>/cancel", cancels.order, name="cancel-order"),
    path("blotter/orders/<uuid:order_id>/resolve", resolves.order, name="resolve-order"),
    path("connections/", connections.connections, name="connections"),
    path("connections/lamps", connections.lamps, name="lamps"),
    path("ticket/", ticket.ticket, name="ticket"),
    path("ticket/accounts", ticket.accounts, name="ticket-accounts"),
    path("ticket/instruments", ticket.instruments, name="ticket-instruments"),
    path("ticket/preview", ticket.preview, name="ticket-preview"),
    path("ticket/release", ticket.release, name="ticket-release"),
    path("ticket/approval", ticket.approval, name="ticket-approval"),
    path("ticket/released/<uuid:journey_id>/", released.released, name="released"),
    path("ticket/released/<uuid:journey_id>/outcomes", released.outcomes, name="released-outcomes"),
    path("ticket/released/<uuid:journey_id>/cancel", released.cancel, name="released-cancel"),
    path("kill-switch/", kill_switch.kill_switch, name="kill-switch"),
    path("kill-switch/confirm", kill_switch.confirm, name="kill-confirm"),
    path("kill-switch/trip", kill_switch.trip, name="kill-trip"),
    path("kill-switch/flatten", kill_switch.flatten, name="kill-flatten"),
    path("kill-switch/rearm", kill_switch.rearm, name="kill-rearm"),
]
