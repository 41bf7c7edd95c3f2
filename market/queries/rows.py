"""Rows of market reference as plain tuples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection


def array(ids: Iterable[int]) -> str:
    """Return ids, each once, as the text of an array: a list of parameters would cost more than the query."""
    return "{" + ",".join(str(int(each)) for each in dict.fromkeys(ids)) + "}"


def fetch(sql: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one statement as the runtime role and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()
