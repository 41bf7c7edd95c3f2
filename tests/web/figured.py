"""Accounts with figures, and how the dashboard of them is asked and read."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

from accounts.models import Account, CashBalance, EquitySnapshot
from base import tenancy
from governance.core.subjects import Viewer
from reporting.core.account_filter import AccountFilter
from reporting.queries.figures import Sight
from reporting.services import refresh_figures
from tests.api.scene import NOW, Scene, grant
from tests.factories import make_account
from tests.web.people import signed_in

HTMX = {"HX-Request": "true"}


def cash(account: Account, amount: str) -> None:
    CashBalance.objects.create(account=account, currency=account.base_currency, settle_date=NOW.date(), amount=D(amount))


def more(scene: Scene, count: int, *, for_owner: bool = True, **fields: Any) -> list[Account]:
    """Open accounts with 100.00 each, and let the owner see them."""
    made = []
    with tenancy.firm(scene.firm.id):
        for _ in range(count):
            account = make_account(connection=scene.account.connection, **fields)
            cash(account, "100")
            if for_owner:
                grant(scene.owner.user, account, "view")
            made.append(account)
    return made


def evenings(scene: Scene, account: Account, *equities: int) -> None:
    """Put the account's last evenings on record; it was opened with the first equity."""
    with tenancy.firm(scene.firm.id):
        for place, equity in enumerate(equities):
            amounts = {"cash": equity, "market_value": 0, "equity": equity, "external_flow": 0 if place else equity}
            EquitySnapshot.objects.create(account=account, as_of=NOW.date() - timedelta(days=len(equities) - place), **amounts)


def worked_out(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        refresh_figures(now=NOW)


def shown(text: str) -> list[str]:
    return re.findall(r'data-row="([^"]+)"', text)


def get(user: Any, query: str = "", **headers: str) -> Any:
    return signed_in(user).get(f"/accounts/{query}", headers=headers)


def looking(user: Any, oversight: bool, chosen: AccountFilter) -> Sight:
    """Return who looks through which filter."""
    return Sight(Viewer(user.id, oversight, NOW.date()), chosen)
