"""Makers of rows for tests: each fills in what a test does not care about. Tenant rows need an open tenancy block."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.db import connections

from accounts.enums import AccountClass, LeverageRegime, Registration, TaxClassification
from accounts.models import Account, BrokerConnection, Custodian, Sleeve
from base import tenancy
from governance.enums import Role
from governance.models import Firm, FirmSettings, Membership, User
from market.enums import InstrumentKind
from market.models import Instrument

T = TypeVar("T")
_numbers = itertools.count(1)


def number() -> int:
    """Return a number no other row of this process has."""
    return next(_numbers)


def make_firm(name: str = "") -> Firm:
    firm = Firm.objects.create(name=name or f"Firm {number()} {id(_numbers)}")
    with tenancy.firm(firm.id):
        FirmSettings.objects.create()
    return firm


def make_user(*roles: Role, email: str = "", password: str | None = None) -> User:
    """Make a person; inside a tenancy block, with these roles in its firm."""
    user = User.objects.create_user(email or f"person{number()}@example.com", password)
    for role in roles:
        Membership.objects.create(user=user, role=role)
    return user


def make_custodian(**fields: Any) -> Custodian:
    return Custodian.objects.create(**{"code": f"CUST{number()}", "name": "A custodian", **fields})


def make_connection(**fields: Any) -> BrokerConnection:
    custodian = fields.pop("custodian", None) or make_custodian()
    return BrokerConnection.objects.create(**{"code": f"CONN{number()}", "gateway": "paper", "custodian": custodian, **fields})


def make_sleeve(**fields: Any) -> Sleeve:
    code = f"SLEEVE{number()}"
    return Sleeve.objects.create(**{"code": code, "name": code, **fields})


def make_account(**fields: Any) -> Account:
    connection = fields.pop("connection", None) or make_connection()
    code = f"A{number()}"
    defaults = {
        "code": code,
        "name": f"Account {code}",
        "account_class": AccountClass.PERSONAL,
        "registration": Registration.INDIVIDUAL,
        "tax_classification": TaxClassification.TAXABLE,
        "leverage_regime": LeverageRegime.CASH,
        "base_currency": "USD",
        "custodian": connection.custodian,
        "custodian_account": f"U{number()}",
        "connection": connection,
        "opened_on": date(2020, 1, 1),
    }
    return Account.objects.create(**{**defaults, **fields})


def make_instrument(**fields: Any) -> Instrument:
    """Make an instrument as the loader does; it outlives the test, so its symbol is its own."""
    symbol = f"T{number()}X{id(_numbers) % 100000}"
    defaults = {
        "symbol": symbol,
        "kind": InstrumentKind.EQUITY,
        "currency": "USD",
        "calendar": "XNYS",
        "settlement_market": "US",
        "tick": Decimal("0.01"),
    }
    return as_loader(lambda: Instrument.objects.using("loader").create(**{**defaults, **fields}))


def as_loader(write: Callable[[], T]) -> T:
    """Run a write of market reference on a connection of its own, committed: a test's own transactions would hide it from the others."""

    def run() -> T:
        try:
            return write()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()
