"""Prices, fixings and bookings for the tests of statements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from accounts.core import entries
from accounts.core.ledger import Holder, Transaction
from accounts.models import Account
from accounts.services import post
from market.models import FxRate, Quote
from tests.factories import as_loader, number

RECORDED = datetime(2026, 11, 2, 6, tzinfo=UTC)


def stamp(day: date, settle: date | None = None, *, kind: str = "test", **more: Any) -> entries.Stamp:
    return entries.Stamp(day, settle or day, f"{kind}-{number()}", **more)


def write(transactions: Sequence[Transaction], now: datetime = RECORDED) -> None:
    post(transactions=transactions, now=now)


def holder(account: Account, sleeve: Any) -> Holder:
    return Holder(account.id, sleeve.id)


def quote(instrument_id: int, day: date, price: str) -> None:
    """Record a last price a little before the day's end."""
    at = datetime.combine(day, time(20), UTC)
    value = Decimal(price)
    as_loader(
        lambda: Quote.objects.using("loader").create(instrument_id=instrument_id, source="TEST", as_of=at, bid=value, ask=value, last=value)
    )


def fixing(day: date, quotes: dict[str, str]) -> None:
    """Record ECB fixings: units of each currency for one euro. They outlive the test, so tests share dates only with equal rates."""
    at = datetime.combine(day, time(14, 15), UTC)

    def save() -> None:
        for code, rate in quotes.items():
            FxRate.objects.using("loader").get_or_create(
                base="EUR", quote=code, source="ECB_REFERENCE", as_of=at, defaults={"rate": Decimal(rate)}
            )

    as_loader(save)


def next_day(day: date) -> date:
    return day + timedelta(days=1)
