"""Set a trial firm up through the product's own services, as a newcomer would; and read it back.

Entry points: `build_firm`, `load_firm`, `Built`, `Login`, `let_people_trade`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from accounts import services as accounts
from accounts.enums import AccountClass, LeverageRegime
from accounts.services import NewAccount, Opening
from allocation import services as allocation
from base import tenancy
from governance import services as governance
from governance.core.subjects import Actor
from governance.enums import AccountGate, Role
from mamweb.tour.facts import rows
from risk import services as risk
from risk.enums import FirmLimitKind

from .papers import Papers
from .plans import AccountPlan, FirmPlan

BEGAN = timedelta(days=400)
DESK = "desk"
_GATES: Mapping[AccountClass, tuple[AccountGate, ...]] = {
    AccountClass.PERSONAL: (AccountGate.OWNER_CONFIRMED,),
    AccountClass.ENTITY: (AccountGate.RESOLUTION, AccountGate.SIGNER),
    AccountClass.SHELTERED: (AccountGate.OWNER_CONFIRMED, AccountGate.NO_BORROWING),
    AccountClass.PROP: (AccountGate.CONTRACT_COPYING, AccountGate.CONTRACT_HEDGING),
}
_DESK = "SELECT u.id FROM governance_membership m JOIN governance_user u ON u.id = m.user_id WHERE m.firm_id = %s AND u.email LIKE %s"
_LIMITS = {  # of what the firm looks after, but for the rate of a day's volume
    FirmLimitKind.ORDER_NOTIONAL: "0.2",
    FirmLimitKind.GROSS: "2",
    FirmLimitKind.NET: "1.5",
    FirmLimitKind.SINGLE_NAME: "0.15",
    FirmLimitKind.DAILY_LOSS: "0.075",
}
_ADV_RATE = "0.5"


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can sign in."""

    key: str
    user_id: int
    email: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Built:
    """Ids of a firm, by the plan's codes. opened_on: the day its accounts were opened. desk: who decides in its history; risk: who sees to its alerts."""

    firm_id: int
    plan: FirmPlan
    opened_on: date
    desk: Actor
    risk: Actor
    accounts: Mapping[str, UUID]
    custodians: Mapping[str, UUID]
    connections: Mapping[str, UUID]
    strategies: Mapping[str, UUID]
    groups: Mapping[str, UUID]


def build_firm(
    *, plan: FirmPlan, now: datetime, until: date, password: str, addresses: Mapping[str, str], may_trade: bool
) -> tuple[int, list[Login]]:
    """Set the firm up as of `now` and return its id and who can sign in.

    until: the last day of its history, by which papers end. addresses: the socket of each lane's venue. may_trade: people may trade from
    the start; else only see, until `let_people_trade`.
    """
    firm_id = governance.create_firm(name=plan.name, reporting_currency="USD", now=now)
    with tenancy.firm(firm_id):
        logins = [_login(plan, person.key, person.name, person.role, password, now) for person in plan.people]
        desk = _login(plan, DESK, "L. Marsh", Role.MANAGER, None, now)
        offices = {login.role: Actor(str(login.user_id), login.role) for login in logins}
        office = offices.get(Role.COMPLIANCE) or offices[Role.RISK]
        ids, sleeves = _open_accounts(plan, office, now, until, addresses, {login.key: login.user_id for login in logins})
        _strategies(plan, ids, sleeves, Actor(str(desk.user_id), desk.role), now)
        groups = {
            code: accounts.open_group(
                code=code, name=name, account_ids=[one for key, one in ids.items() if key.startswith(begins)], now=now
            )
            for code, (name, begins) in plan.groups.items()
        }
        accounts.grant_group(group_id=groups["ALL"], user_id=desk.user_id, can_trade=True, now=now)
        for login in logins:
            if login.role in {Role.MANAGER, Role.TRADER}:
                accounts.grant_group(group_id=groups["ALL"], user_id=login.user_id, can_trade=may_trade, now=now)
        for plan_account in plan.accounts:
            owner = next((login for login in logins if login.key == plan_account.investor), None)
            if owner is not None:
                accounts.grant_account(account_id=ids[plan_account.code], user_id=owner.user_id, now=now)
        limits = {kind: Decimal(rate) * plan.looks_after for kind, rate in _LIMITS.items()} | {FirmLimitKind.ADV_RATE: Decimal(_ADV_RATE)}
        for kind, limit in limits.items():
            risk.set_firm_limit(kind=kind, limit=limit, actor=offices[Role.RISK], now=now)
    return firm_id, logins


def join(*, firm_id: int, user_id: int, role: Role, now: datetime) -> None:
    """Let somebody of another firm work here too; a trader or manager may trade every account."""
    with tenancy.firm(firm_id):
        governance.add_member(user_id=user_id, role=role, actor=None, now=now)
        if role in {Role.MANAGER, Role.TRADER}:
            group = rows(firm_id, "SELECT id FROM accounts_accountgroup WHERE code = 'ALL'")[0]["id"]
            accounts.grant_group(group_id=group, user_id=user_id, can_trade=True, now=now)


def let_people_trade(*, firm_id: int, now: datetime) -> None:
    """Give managers and traders the power to trade that they were to wait for. Safe to repeat."""
    sql = "SELECT DISTINCT user_id FROM governance_membership WHERE is_active AND role = ANY(%s) AND firm_id = %s ORDER BY 1"
    people = [row["user_id"] for row in rows(firm_id, sql, [Role.MANAGER.value, Role.TRADER.value], firm_id)]
    with tenancy.firm(firm_id):
        group = rows(firm_id, "SELECT id FROM accounts_accountgroup WHERE code = 'ALL'")[0]["id"]
        for user_id in people:
            accounts.grant_group(group_id=group, user_id=user_id, can_trade=True, now=now)


def load_firm(*, firm_id: int, plan: FirmPlan) -> Built:
    """Return the ids of a firm that was built. Raises LookupError if it is not the plan's."""

    def by_code(table: str) -> dict[str, UUID]:
        return {row["code"]: row["id"] for row in rows(firm_id, f"SELECT code, id FROM {table} ORDER BY code")}

    known = by_code("accounts_account")
    if not {account.code for account in plan.accounts} <= known.keys():
        raise LookupError(f"firm {firm_id} is not {plan.name}")
    opened = rows(firm_id, "SELECT min(opened_on) AS day FROM accounts_account WHERE NOT is_clearing")[0]["day"]
    desk = rows(firm_id, _DESK, firm_id, f"{DESK}@%")[0]["id"]
    sql = "SELECT min(user_id) AS id FROM governance_membership WHERE is_active AND firm_id = %s AND role = %s"
    risk_office = rows(firm_id, sql, firm_id, Role.RISK.value)[0]["id"]
    return Built(
        firm_id=firm_id,
        plan=plan,
        opened_on=opened,
        desk=Actor(str(desk), Role.MANAGER),
        risk=Actor(str(risk_office), Role.RISK),
        accounts={account.code: known[account.code] for account in plan.accounts},
        custodians=by_code("accounts_custodian"),
        connections=by_code("accounts_brokerconnection"),
        strategies=by_code("allocation_strategy"),
        groups=by_code("accounts_accountgroup"),
    )


def _login(plan: FirmPlan, key: str, name: str, role: Role, password: str | None, now: datetime) -> Login:
    email = f"{key}@{plan.domain}"
    user_id = governance.create_user(email=email, name=name, password=password)
    governance.add_member(user_id=user_id, role=role, actor=None, now=now)
    return Login(key, user_id, email, name, role)


def _open_accounts(
    plan: FirmPlan, office: Actor, now: datetime, until: date, addresses: Mapping[str, str], users: Mapping[str, int]
) -> tuple[dict[str, UUID], dict[str, UUID]]:
    custodians, connections = {}, {}
    for lane in plan.lanes:
        contact = f"{lane.code.lower()}@custody.example"
        custodians[lane.code] = accounts.open_custodian(code=lane.code, name=lane.name, contact=contact, now=now)
        settings = {"address": addresses[lane.code]} if lane.code in addresses else {}
        connections[lane.code], _ = accounts.open_connection(
            code=lane.code, gateway="paper", custodian_id=custodians[lane.code], pools_blocks=lane.pools, settings=settings, now=now
        )
    sleeves = {strategy.code: accounts.open_sleeve(code=strategy.code, name=strategy.name, now=now) for strategy in plan.strategies}
    papers = Papers(plan, office, now, until, users)
    new = [
        NewAccount(
            code=p.code,
            name=p.name,
            account_class=p.account_class,
            registration=p.registration,
            tax_classification=p.tax,
            leverage_regime=LeverageRegime.CASH,
            base_currency=p.currency,
            custodian_id=custodians[p.lane],
            custodian_account=f"{p.lane[:2]}{10_000_000 + 7919 * number}",
            connection_id=connections[p.lane],
            owner_id=papers.owner(p),
            mandate_id=papers.mandate(p),
            position_cap_rate=Decimal(p.cap) if p.cap else None,
            opened_on=now.date(),
        )
        for number, p in enumerate(plan.accounts, start=1)
    ]
    ids = dict(zip((p.code for p in plan.accounts), accounts.open_accounts(new=new, actor=office, now=now), strict=True))
    accounts.record_openings(
        openings=[Opening(account_id=ids[p.code], sleeve_id=sleeves[p.strategy], cash=_cash(p), positions={}) for p in plan.accounts],
        as_of=now.date(),
        now=now,
    )
    for account_class, gates in _GATES.items():
        covered = [ids[p.code] for p in plan.accounts if p.account_class is account_class]
        for gate in gates if covered else ():
            governance.record_gates(
                account_ids=covered, gate=gate, evidence="file of the account", valid_from=now - BEGAN, actor=office, now=now
            )
    papers.authorities(ids)
    return ids, sleeves


def _cash(p: AccountPlan) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in p.cash.items()}


def _strategies(plan: FirmPlan, ids: Mapping[str, UUID], sleeves: Mapping[str, UUID], boss: Actor, now: datetime) -> None:
    followers: dict[tuple[str, str], list[UUID]] = defaultdict(list)
    for p in plan.accounts:
        followers[p.strategy, p.multiplier].append(ids[p.code])
    for strategy in plan.strategies:
        strategy_id = allocation.create_strategy(
            code=strategy.code, name=strategy.name, sleeve_id=sleeves[strategy.code], actor=boss, now=now
        )
        for (code, multiplier), ones in followers.items():
            if code == strategy.code:
                allocation.subscribe(strategy_id=strategy_id, account_ids=ones, multiplier=Decimal(multiplier), actor=boss, now=now)
