"""Who may open which page: the list that the addresses are held against. A page that is not in it, or opens to others, fails."""

from __future__ import annotations

from collections.abc import Mapping

from governance.enums import Role
from governance.permissions import DEALERS, EVERYBODY, OVERSIGHT, RESOLVERS, STAFF

WHO_MAY: Mapping[frozenset[Role], frozenset[str]] = {
    STAFF: frozenset(
        {
            "accounts/",
            "accounts/<uuid:account_id>/",
            "accounts/below",
            "accounts/filters",
            "accounts/views",
            "accounts/views/<uuid:view_id>",
            "alerts/",
            "alerts/<uuid:alert_id>/acknowledge",
            "approvals/",
            "approvals/<uuid:approval_id>/answer",
            "authorities/",
            "authorities/<uuid:authority_id>/",
            "authorities/mandates/<uuid:mandate_id>/",
            "blotter/",
            "blotter/parents/<uuid:parent_id>/",
            "blotter/rows",
            "connections/",
            "connections/lamps",
            "exposure/",
            "exposure/<int:instrument_id>/holders",
            "frame/banner",
            "frame/bell",
            "frame/counts",
            "frame/past",
            "frame/switch",
            "home/",
            "home/arrange",
            "home/widgets/<slug:name>",
            "journeys/",
            "journeys/<uuid:journey_id>/",
            "journeys/<uuid:journey_id>/<slug:part>",
            "kill-switch/",
            "kill-switch/confirm",
            "kill-switch/flatten",
            "kill-switch/trip",
            "positions/",
            "positions/levels",
            "reconciliation/",
            "reconciliation/breaks/<uuid:break_id>/adjustment",
            "reconciliation/breaks/<uuid:break_id>/owner",
            "reconciliation/breaks/<uuid:break_id>/sides",
            "reconciliation/breaks/<uuid:break_id>/waiver",
            "reconciliation/documents/<uuid:document_id>",
            "search",
            "statements/",
            "ticket/released/<uuid:journey_id>/",
            "ticket/released/<uuid:journey_id>/outcomes",
            "wash-sales/",
        }
    ),
    DEALERS: frozenset(
        {
            "accounts/views/<uuid:view_id>/accounts",
            "accounts/views/for-a-ticket",
            "blotter/orders/<uuid:order_id>/cancel",
            "blotter/parents/<uuid:parent_id>/cancel",
            "blotter/parents/<uuid:parent_id>/replace",
            "positions/close",
            "positions/close/release",
            "positions/levels/apply",
            "positions/levels/preview",
            "ticket/",
            "ticket/accounts",
            "ticket/approval",
            "ticket/instruments",
            "ticket/preview",
            "ticket/release",
            "ticket/released/<uuid:journey_id>/cancel",
        }
    ),
    EVERYBODY: frozenset(
        {
            "",
            "portal/",
            "portal/<uuid:account_id>/",
            "portal/<uuid:account_id>/activity",
            "portal/<uuid:account_id>/documents",
            "portal/<uuid:account_id>/holdings",
            "portal/documents/<uuid:document_id>.pdf",
            "portal/past",
        }
    ),
    OVERSIGHT: frozenset(
        {
            "alerts/<uuid:alert_id>/end",
            "reconciliation/files",
            "reconciliation/run",
        }
    ),
    RESOLVERS: frozenset({"blotter/orders/<uuid:order_id>/resolve"}),
    frozenset({Role.COMPLIANCE, Role.MANAGER, Role.RISK, Role.TRADER}): frozenset(
        {
            "kill-switch/rearm",
        }
    ),
}
