"""Somebody of another firm: nothing of this one is there for them, whatever they name and in whichever role they sit."""

from __future__ import annotations

import re

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import Page

from base import tenancy
from base.clock import process_clock
from governance.enums import Role
from governance.services import add_member, create_firm, create_user
from tests.e2e.conftest import Running

pytestmark = pytest.mark.xdist_group("e2e")

OTHER_DOORS = ("api/", "auth/", "admin/")
FORM = {"answer": "approve", "reason": "mine now"}
NOT_THE_MANAGERS = ("/portal/", "/reconciliation/documents/", "/blotter/orders/<uuid:order_id>/resolve")


def object_addresses() -> dict[str, tuple[str, ...]]:
    """Return every address of a page that names an object, with the methods it takes."""
    found: dict[str, tuple[str, ...]] = {}

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for entry in patterns:
            address = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                walk(entry.url_patterns, address)
            elif "<uuid:" in address and not address.startswith(OTHER_DOORS):
                found[f"/{address}"] = entry.callback.methods  # type: ignore[attr-defined]

    walk(get_resolver().url_patterns, "")
    return found


def _ask(page: Page, path: str, method: str, token: str) -> int:
    if method == "GET":
        return page.request.get(path).status
    return page.request.post(path, headers={"X-CSRFToken": token}, form=FORM, max_redirects=0).status


def _path(address: str, filed: dict[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda part: filed[part[1].removesuffix("_id")], address)


def test_nothing_of_another_firm_is_there(running: Running, filed: dict[str, str]) -> None:
    now = process_clock().now()
    firm_id = create_firm(name="Elsewhere", reporting_currency="USD")
    with tenancy.firm(firm_id):
        user_id = create_user(email="stranger@elsewhere.example", name="A Stranger")
        for role in Role:
            add_member(user_id=user_id, role=role, actor=None, now=now)
    page = running.visit(running.cookie_of(user_id, firm_id))
    assert page.goto("/ticket/").ok  # type: ignore[union-attr]  # everything of their own firm is open to them
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    answers = {}
    for address, methods in object_addresses().items():
        path = _path(address, filed)
        answers[path] = _ask(page, path, methods[0], token)
    assert len(answers) >= 20
    assert {path: status for path, status in answers.items() if status != 404} == {}


def test_whoever_it_belongs_to_sees_it(running: Running, filed: dict[str, str]) -> None:
    page, statuses = running.open("MANAGER"), {}
    for address, methods in object_addresses().items():
        if "GET" in methods and not address.startswith(NOT_THE_MANAGERS):
            path = _path(address, filed)
            statuses[path] = page.request.get(path).status
    assert {path: status for path, status in statuses.items() if status != 200} == {}
