"""A page, or the part of it that htmx asks for: the same context, another template.

Entry point: `render_part`. Invariant: no cache keeps a part in the place of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def render_part(request: HttpRequest, whole: str, parts: Mapping[str, str], context: Mapping[str, Any]) -> HttpResponse:
    """Render the part whose element htmx wants to replace (id → template), the whole page for everybody else."""
    htmx = getattr(request, "htmx", None)
    target = htmx.target if htmx and not htmx.history_restore_request else None
    answer = render(request, parts.get(target or "", whole), context)
    patch_vary_headers(answer, ("HX-Request", "HX-Target"))
    return answer
