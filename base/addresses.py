"""Addresses of pages by name, for those that another app may or may not have.

Entry points: `address`, `back_to`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme


def address(name: str, *args: Any) -> str:
    """Return the address of a page, "" where no app has it."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


def back_to(request: HttpRequest, otherwise: str) -> str:
    """Return the path of the page the request came from, if it is one of ours, else `otherwise`."""
    came_from = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        return otherwise
    parts = urlsplit(came_from)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if path and url_has_allowed_host_and_scheme(path, None) else otherwise  # "http://us//them" leads to "//them"
