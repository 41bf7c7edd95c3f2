"""Brings up what a process needs before it touches the database."""

from __future__ import annotations

from django.conf import settings

from . import embedded


def attach_services() -> None:
    """Attach the private servers unless the environment names others."""
    if settings.EMBEDDED:
        embedded.attach(settings.VAR_DIR, settings.MODE.value)
