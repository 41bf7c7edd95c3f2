"""What happens in a history beside its decisions: money in and out, fees, the custodian's errors, restrictions, an authority revoked.

Entry points: `happen`, `see_to_alerts`. Invariant: each is done once, however often its day is begun: by its source key, its note, or what stands already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from accounts import services as accounts
from accounts.core import entries
from accounts.core.entries import Stamp
from accounts.core.ledger import Holder
from accounts.enums import AccountClass
from base import tenancy
from base.core.ids import plain_decimal
from base.core.money import round_money
from governance import services as governance
from governance.enums import RestrictionState
from mamweb.tour.facts import rows

from .build import Built
from .lanes import Lane
from .plans import AccountPlan
from .story import Event, What

FEE_RATE = Decimal("0.0025")


def happen(event: Event, firm: Built, lanes: Mapping[str, Lane], now: datetime) -> None:
    """Let the event happen at `now`."""
    _DOES[event.what](event, firm, lanes, now)


def _flow(event: Event, firm: Built, lanes: Mapping[str, Lane], now: datetime) -> None:
    """Money comes in or goes out: at the custodian and in our books."""
    p = _account(firm, event.account)
    amount = event.amount if event.what is What.DEPOSIT else -event.amount
    name = f"{event.what.value}|{event.day}|{p.code}"
    with tenancy.firm(firm.firm_id):
        stamp = Stamp(event.day, event.day, name)
        made = entries.flow(Holder(firm.accounts[p.code]), stamp, amount=amount, currency_code=p.currency)
        accounts.post(transactions=[made], now=now)
    books = {_number(firm, p.code): {"cash": {p.currency: plain_decimal(amount)}, "positions": {}}}
    lanes[p.lane].steer(name, {"op": "open", "accounts": books})


def _fees(event: Event, firm: Built, lanes: Mapping[str, Lane], now: datetime) -> None:
    """Managed accounts are charged a quarter's fee on what they were worth the evening before."""
    sql = "SELECT DISTINCT ON (account_id) account_id, equity FROM accounts_equitysnapshot WHERE as_of < %s ORDER BY account_id, as_of DESC"
    worth: dict[UUID, Decimal] = {row["account_id"]: row["equity"] for row in rows(firm.firm_id, sql, event.day)}
    for p in firm.plan.accounts:
        if p.account_class is not AccountClass.MANAGED:
            continue
        amount = round_money(worth[firm.accounts[p.code]] * FEE_RATE, p.currency)
        name = f"management-fee|{event.day}|{p.code}"
        with tenancy.firm(firm.firm_id):
            stamp = Stamp(event.day, event.day, name)
            made = entries.fee(Holder(firm.accounts[p.code]), stamp, amount=amount, currency_code=p.currency)
            accounts.post(transactions=[made], now=now)
        charge = {"account": _number(firm, p.code), "currency": p.currency, "amount": plain_decimal(amount), "text": "management fee"}
        lanes[p.lane].steer(name, {"op": "charge_fee", **charge})


def _misstate(event: Event, firm: Built, lanes: Mapping[str, Lane], now: datetime) -> None:
    """The custodian's books go wrong, or are put right again."""
    p = _account(firm, event.account)
    what = "position" if event.what is What.MISSTATE_POSITION else "cash"
    command = {"op": "plant", "what": what, "account": _number(firm, p.code), "key": event.item, "delta": plain_decimal(event.amount)}
    lanes[p.lane].steer(f"{event.what.value}|{event.day}", command)


def _restrict(event: Event, firm: Built, lanes: Mapping[str, Lane], now: datetime) -> None:
    """Compliance puts an issuer on the restricted list: close only."""
    sql = "SELECT issuer_id FROM market_instrument WHERE symbol = %s"
    issuer = rows(firm.firm_id, sql, event.item)[0]["issuer_id"]
    if rows(firm.firm_id, "SELECT 1 AS one FROM governance_restriction WHERE issuer_id = %s", issuer):
        return
    with tenancy.firm(firm.firm_id):
        governance.restrict(
            state=RestrictionState.CLOSE_ONLY,
            reason=f"{event.item}: a client sits on the issuer's board",
            issuer_id=issuer,
            actor=None,
            now=now,
        )


def _revoke(event: Event, firm: Built, lanes: Mapping[str, Lane], now: datetime) -> None:
    """A client takes the manager's authority back."""
    sql = "SELECT id FROM governance_authority WHERE code = %s AND revoked_at IS NULL"
    for row in rows(firm.firm_id, sql, f"IMA-{event.account}"):
        with tenancy.firm(firm.firm_id):
            governance.revoke_authority(
                authority_id=row["id"], actor=None, now=now, reason="the client's letter: transition to a new manager"
            )


def see_to_alerts(firm: Built, now: datetime) -> None:
    """Let risk put a name to what was refused, and end it: whoever decided has seen why; and a name to what is critical and over by itself."""
    refused = "ended_at IS NULL AND rule IN ('RSK-1', 'CON-5')"
    over = "ended_at IS NOT NULL AND acknowledged_at IS NULL AND tier = 'CRITICAL'"
    for row in rows(firm.firm_id, f"SELECT id, ended_at FROM governance_alert WHERE {refused} OR {over} ORDER BY id"):
        with tenancy.firm(firm.firm_id):
            governance.acknowledge_alert(alert_id=row["id"], actor=firm.risk, now=now)
            if row["ended_at"] is None:
                governance.end_alert(alert_id=row["id"], actor=firm.risk, now=now, reason="looked at; the intent stands smaller")


_DOES: Mapping[What, Callable[[Event, Built, Mapping[str, Lane], datetime], None]] = {
    What.DEPOSIT: _flow,
    What.WITHDRAWAL: _flow,
    What.FEES: _fees,
    What.MISSTATE_CASH: _misstate,
    What.CORRECT_CASH: _misstate,
    What.MISSTATE_POSITION: _misstate,
    What.RESTRICT: _restrict,
    What.REVOKE: _revoke,
}


def _account(firm: Built, code: str) -> AccountPlan:
    return next(p for p in firm.plan.accounts if p.code == code)


def _number(firm: Built, code: str) -> str:
    found = rows(firm.firm_id, "SELECT custodian_account FROM accounts_account WHERE code = %s", code)
    return str(found[0]["custodian_account"])
