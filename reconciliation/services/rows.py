"""Breaks as rows and as values.

Entry points: `key_of`, `to_value`, `to_row`, `figures`.
Invariant: `to_value(to_row(found))` equals `found`, so that a waiver bound to a break's content still fits tomorrow.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from base.core.money import round_money

from ..core.breaks import Break as Found
from ..core.fixed import from_fixed, to_fixed
from ..enums import BreakType, ItemKind
from ..models import Break

FIGURES = (
    "ours",
    "theirs",
    "our_date",
    "their_date",
    "difference",
    "value_difference",
    "value_currency",
    "price",
    "cash_difference",
    "self_matches_on",
    "settles_on",
    "is_material",
    "rule",
)


def key_of(found: Found) -> str:
    """Return what a break is about within its account, as one text."""
    return "|".join(found.key[1:])


def figures(found: Found) -> dict[str, Any]:
    """Return the columns that may change from run to run."""
    ours, our_date = _either(found.ours)
    theirs, their_date = _either(found.theirs)
    return {
        "ours": ours,
        "theirs": theirs,
        "our_date": our_date,
        "their_date": their_date,
        "difference": found.difference,
        "value_difference": found.value_difference,
        "value_currency": found.value_currency,
        "price": found.price,
        "cash_difference": found.cash_difference,
        "self_matches_on": found.self_matches_on,
        "settles_on": found.settles_on,
        "is_material": found.material,
        "rule": found.rule,
    }


def to_row(found: Found, *, key: str, account_id: UUID, instrument_id: int | None, **more: Any) -> Break:
    """Return the unsaved row of a break."""
    return Break(
        account_id=account_id,
        key=key,
        break_type=found.type,
        item_kind=found.item,
        symbol=found.symbol,
        their_symbol=found.their_symbol,
        instrument_id=instrument_id,
        currency=found.currency,
        kind=found.kind,
        booked_on=found.booked_on,
        exec_id=found.exec_id,
        **figures(found),
        **more,
    )


def to_value(row: Break, account: str) -> Found:
    """Return the value of a row. account: the custodian's number of its account."""
    worth = row.value_difference
    return Found(
        item=ItemKind(row.item_kind),
        type=BreakType(row.break_type),
        account=account,
        symbol=row.symbol,
        currency=row.currency,
        kind=row.kind,
        booked_on=row.booked_on,
        exec_id=row.exec_id,
        ours=row.our_date or _number(row.ours),
        theirs=row.their_date or _number(row.theirs),
        difference=_number(row.difference),
        value_difference=None if worth is None else round_money(worth, row.value_currency),
        value_currency=row.value_currency,
        material=row.is_material,
        rule=row.rule,
        price=_number(row.price),
        cash_difference=_number(row.cash_difference),
        self_matches_on=row.self_matches_on,
        settles_on=row.settles_on,
        their_symbol=row.their_symbol,
    )


def _either(value: Decimal | date | None) -> tuple[Decimal | None, date | None]:
    return (None, value) if isinstance(value, date) else (value, None)


def _number(value: Decimal | None) -> Decimal | None:
    return None if value is None else from_fixed(to_fixed(value))
