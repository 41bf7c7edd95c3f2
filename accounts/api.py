"""Accounts and their books, of the accounts a person may see.

`GET accounts`, `accounts/{id}`, `accounts/{id}/positions|lots|cash`, `positions`, `lots`, `cash`.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from base.api import parameters
from base.api.views import DetailView, ListView, now
from base.errors import NotFound
from governance.permissions import EVERYBODY

from .enums import AccountClass
from .models import Account, CashBalance, Position, TaxLot
from .queries import visible_to

READ = {"GET": EVERYBODY}
ACCOUNT = {
    "id": "id",
    "code": "code",
    "name": "name",
    "account_class": "account_class",
    "registration": "registration",
    "tax_classification": "tax_classification",
    "leverage_regime": "leverage_regime",
    "base_currency": "base_currency",
    "custodian": "custodian__code",
    "connection": "connection__code",
    "is_paper": "connection__is_paper",
    "opened_on": "opened_on",
    "closed_on": "closed_on",
}


class AccountList(ListView):
    """The accounts a person may see."""

    summary = "Accounts"
    roles: ClassVar = READ
    model = Account
    columns = ACCOUNT
    filters: ClassVar = {
        "code": parameters.code("code"),
        "account_class": parameters.word(AccountClass, "account_class"),
        "base_currency": parameters.currency("base_currency"),
        "connection": parameters.code("connection__code"),
        "custodian": parameters.code("custodian__code"),
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the accounts this person may see."""
        return visible_to(self.user_id, on=now().date())


class AccountDetail(DetailView):
    """One account."""

    summary = "An account"
    what = "account"
    roles: ClassVar = READ
    model = Account
    columns = ACCOUNT

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the accounts this person may see."""
        return visible_to(self.user_id, on=now().date())


class OfAccounts(ListView):
    """Rows that belong to an account: of one (its id in the address) or of all that a person may see."""

    roles: ClassVar = READ

    def rows(self, *, account_id: UUID | None = None, **path: Any) -> models.QuerySet[Any]:
        """Return the rows. Raises NotFound for an account this person may not see."""
        seen = visible_to(self.user_id, on=now().date())
        if account_id is not None:
            seen = seen.filter(pk=account_id)
            if not seen.exists():
                raise NotFound("account")
        return self.model._default_manager.filter(account_id__in=seen.values("id"))


class PositionList(OfAccounts):
    """Quantities held."""

    summary = "Positions"
    model = Position
    columns: ClassVar = {
        "id": "id",
        "account_id": "account_id",
        "account": "account__code",
        "sleeve": "sleeve__code",
        "instrument_id": "instrument_id",
        "symbol": "instrument__symbol",
        "leg_id": "leg_id",
        "quantity": "quantity",
    }
    filters: ClassVar = {
        "account": parameters.uuid("account_id"),
        "sleeve": parameters.code("sleeve__code"),
        "instrument": parameters.number("instrument_id"),
        "symbol": parameters.symbol("instrument__symbol"),
    }


class LotList(OfAccounts):
    """Tax lots; a negative quantity is a short lot, quantity 0 a closed one."""

    summary = "Tax lots"
    model = TaxLot
    columns: ClassVar = {
        "id": "id",
        "account_id": "account_id",
        "account": "account__code",
        "sleeve": "sleeve__code",
        "instrument_id": "instrument_id",
        "symbol": "instrument__symbol",
        "leg_id": "leg_id",
        "acquired_on": "acquired_on",
        "original_quantity": "original_quantity",
        "quantity": "quantity",
        "currency": "currency",
        "basis": "basis",
    }
    filters: ClassVar = {
        "account": parameters.uuid("account_id"),
        "instrument": parameters.number("instrument_id"),
        "symbol": parameters.symbol("instrument__symbol"),
        "acquired_from": parameters.day("acquired_on__gte"),
        "acquired_to": parameters.day("acquired_on__lte"),
        "is_open": parameters.flag("", "true: lots with something left"),
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the lots, open or closed ones alone when asked."""
        found = super().rows(**path)
        if "is_open" not in self.asked:
            return found
        return found.exclude(quantity=0) if self.asked["is_open"] else found.filter(quantity=0)


class CashList(OfAccounts):
    """Cash by settlement date: all rows together are the trade-date balance."""

    summary = "Cash balances by settlement date"
    model = CashBalance
    columns: ClassVar = {
        "id": "id",
        "account_id": "account_id",
        "account": "account__code",
        "currency": "currency",
        "settle_date": "settle_date",
        "amount": "amount",
    }
    filters: ClassVar = {"account": parameters.uuid("account_id"), "currency": parameters.currency("currency")}
