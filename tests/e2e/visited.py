"""Which pages are visited as whom: those that are pictured, and the pages of single objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import Resolver404, resolve, reverse

import mamweb.urls  # noqa: F401  # fills the site
from base import tenancy
from governance.adminsite import site
from tests.chaos.stage import Stage
from tests.screens.pages import PAGES

OBJECTS = {
    "MANAGER": ("/ticket/released/{journey}/", "/alerts/?alert={alert}"),
    "COMPLIANCE": ("/authorities/{authority}/", "/authorities/mandates/{mandate}/"),
}
ROLES = tuple(PAGES)


def pages_of(role: str, ids: Mapping[str, str]) -> list[str]:
    """Return the addresses the role visits, ids filled in; what has no address is not a page."""
    paths = [path.format(**ids) for path in (*PAGES[role], *OBJECTS.get(role, ()))]
    return [path for path in paths if is_address(path)]


def is_address(path: str) -> bool:
    """Tell whether something answers there."""
    try:
        resolve(path.partition("?")[0])
    except Resolver404:
        return False
    return True


def admin_pages(here: Stage) -> list[str]:
    """Return every table of the admin, its further pages, the page of its newest row, and its acts, those that do not fit that row among them."""
    found = ["/admin/", "/admin/governance/", "/admin/governance/auditevent/verify"]
    for model, admin in site._registry.items():
        info = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = newest_row(here, model)
        found += [reverse(f"{info}_changelist"), *(reverse(f"{info}_{name}") for _, name in admin.links)]
        found += [reverse(f"{info}_change", args=[row])] if row and admin.list_display_links is not None else []
        found += [reverse(f"{info}_do_{act.name}", args=[row] if act.about_row else []) for act in admin.acts if row or not act.about_row]
    return [path for path in found if is_address(path)]


def newest_row(here: Stage, model: Any) -> str:
    """Return the id of the newest row of the firm, "" where there is none."""
    with tenancy.firm(here.firm.firm_id):
        rows = model._default_manager.filter(firm_id=here.firm.firm_id)
        return str(rows.values_list("pk", flat=True).order_by("-pk").first() or "")
