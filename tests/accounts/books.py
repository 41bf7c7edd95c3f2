"""Makers and readers of books for the tests of services: small worlds, and what is stored as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import numpy as np

from accounts.core import entries as e
from accounts.core.ledger import Holder, Transaction
from accounts.models import Account, CashBalance, LotClosure, Position, Sleeve, TaxLot
from base import bulk
from base.core.ids import new_ids
from market.models import FxRate, Instrument, Quote
from tests.factories import as_loader, make_account, make_instrument, make_sleeve

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


def make_accounts(like: Account, n: int) -> Any:
    """Make n more accounts like this one, in bulk; returns their ids, V16[n], ascending."""
    fields = [field.attname for field in Account._meta.local_concrete_fields if field.attname != "firm_id"]
    names = np.array([f"{like.code}-{i}".encode() for i in range(n)])
    columns = {name: getattr(like, name) for name in fields} | {"id": bulk.Uuids(new_ids(n)), "code": bulk.Texts(names)}
    bulk.insert(Account, n, columns | {"custodian_account": bulk.Texts(names)})
    return columns["id"].values


def load_quotes(quotes: dict[int, Any], *, at: datetime = NOW, source: str = "LIVE") -> None:
    """Load a last price an instrument, as the market's loader does."""
    rows = [Quote(instrument_id=i, source=source, as_of=at, last=D(str(price))) for i, price in quotes.items()]
    as_loader(lambda: Quote.objects.using("loader").bulk_create(rows, ignore_conflicts=True))


def load_rate(base: str, quote: str, rate: str, *, at: datetime = NOW, source: str = "ECB") -> None:
    row = FxRate(base=base, quote=quote, source=source, as_of=at, rate=D(rate))
    as_loader(lambda: FxRate.objects.using("loader").bulk_create([row], ignore_conflicts=True))
