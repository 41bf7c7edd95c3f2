"""Makers and readers of books for the tests of services: small worlds, and what is stored as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

from accounts.core import entries as e
from accounts.core.ledger import Holder, Transaction
from accounts.models import Account, CashBalance, LotClosure, Position, Sleeve, TaxLot
from market.models import Instrument
from tests.factories import make_account, make_instrument, make_sleeve

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


@dataclass
class World:
    """One account with a sleeve, and an instrument."""

    account: Account
    sleeve: Sleeve
    instrument: Instrument

    @property
    def holder(self) -> Holder:
        return Holder(self.account.id, self.sleeve.id)

    def trade(self, key: Any, quantity: Any, price: Any, *, day: date = DAY, fee: Any = 1, holder: Holder | None = None) -> Transaction:
        terms = {"instrument_id": self.instrument.id, "quantity": D(quantity), "price": D(price), "currency_code": "USD", "fee": D(fee)}
        return e.trade(holder or self.holder, stamp(key, day), **terms)


def stamp(key: Any, day: date = DAY) -> e.Stamp:
    return e.Stamp(day, day + timedelta(days=1), str(key))


def make_world(**fields: Any) -> World:
    return World(make_account(**fields), make_sleeve(), make_instrument())


def positions() -> dict[Any, D]:
    return {(p.account_id, p.sleeve_id, p.leg_id, p.instrument_id): p.quantity for p in Position.objects.all() if p.quantity}


def cash() -> dict[Any, tuple[D, D, D]]:
    return {(c.account_id, c.currency, c.settle_date): (c.amount, c.outflow, c.receivable) for c in CashBalance.objects.all()}


def lots(**which: Any) -> list[tuple[Any, ...]]:
    rows = TaxLot.objects.filter(**which).exclude(quantity=0).order_by("acquired_on", "transaction__trade_date", "transaction_id")
    return list(rows.values_list("transaction__source_key", "acquired_on", "quantity", "basis", "original_quantity"))


def closures() -> list[tuple[Any, ...]]:
    fields = ("lot__transaction__source_key", "transaction__source_key", "quantity", "proceeds", "basis", "recognised_on", "is_long_term")
    return sorted(LotClosure.objects.values_list(*fields))
