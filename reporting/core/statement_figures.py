"""A statement's figures as plain JSON: what is kept beside the PDF, and what tells a new version from a repeat.

Entry point: `figures_of`. Invariant: equal statements give equal figures whatever the day they are prepared on; no number is a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from base.core.ids import plain_decimal
from reporting.core.statement import Statement

_NOT_FIGURES = frozenset({"prepared_date"})


def figures_of(statement: Statement) -> dict[str, Any]:
    """Return every fact and total of the statement: decimals as text, exact ratios as "n/d", dates as ISO."""
    return dict(_plain(statement))


def _plain(value: object) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _NOT_FIGURES}
    raise TypeError(f"{type(value).__name__} is no figure")
