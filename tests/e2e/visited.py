"""Which pages are visited as whom: those that are pictured, and the pages of single objects."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import Resolver404, resolve

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
