"""Which pages are pictured, and as whom. A path may name ids of the firm's rows: {account}, {journey}, {statement}."""

from __future__ import annotations

PAGES: dict[str, tuple[str, ...]] = {
    "MANAGER": (
        "/home/",
        "/accounts/",
        "/accounts/{account}/",
        "/ticket/",
        "/blotter/",
        "/positions/",
        "/exposure/",
        "/journeys/",
        "/journeys/{journey}/",
        "/alerts/",
        "/connections/",
        "/statements/",
        "/kill-switch/",
        "/nothing-here",
    ),
    "OPERATIONS": ("/home/", "/reconciliation/", "/alerts/"),
    "COMPLIANCE": ("/home/", "/approvals/", "/authorities/", "/admin/"),
    "INVESTOR": ("/portal/", "/portal/{account}/holdings", "/portal/{account}/activity", "/portal/{account}/documents"),
    "": ("/auth/login/",),
}
