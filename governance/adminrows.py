"""Rows that stand on another row's page of the admin, to read, and figures as people write them. Entry points: `RowsToRead`, `exact`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin import display
from django.http import HttpRequest
from unfold.admin import TabularInline

from base.core.figures import number


def exact(name: str) -> Callable[..., str]:
    """Return a column of an exact number: grouped, with the decimals it has and no zeros behind them."""

    @display(description=name.replace("_", " "), ordering=name)
    def shown(_: Any, obj: Any) -> str:
        return number(getattr(obj, name))

    shown.exact_of = name  # type: ignore[attr-defined]  # a download has the figure itself
    return shown


class RowsToRead(TabularInline):
    """Rows that belong to the one on the page. Nothing is added, changed or deleted there: see the acts."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the request came through the door."""
        return hasattr(request, "visit")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False
