"""The firm of a tour: people, custodians, connections, accounts of all five classes in three currencies, their mandates and authorities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from accounts import services as accounts
from accounts.enums import AccountClass, LeverageRegime, Registration, TaxClassification
from accounts.services import NewAccount, Opening
from allocation import services as allocation
from base import tenancy
from base.core.ids import digest
from governance import services as governance
from governance.core.authority import Signature
from governance.core.subjects import Actor
from governance.enums import AccountGate, AuthorityKind, MandateRuleKind, Power, Role
from governance.services import MandateRuleSpec
from risk import services as risk
from risk.enums import FirmLimitKind

C, R, T = AccountClass, Registration, TaxClassification


@dataclass(frozen=True, slots=True)
class Person:
    """An account as the script knows it. cash: currency → amount. valid_days: how long its authority still holds, < 0 = expired."""

    code: str
    name: str
    account_class: AccountClass
    registration: Registration
    tax: TaxClassification
    currency: str
    cash: Mapping[str, str]
    lane: str
    cap: str | None = None
    valid_days: int = 400


# The five of the rulebook's SIZ-7, a desk with a contract, and one whose power of attorney has run out.
FIXED = (
    Person("A1", "Anna Berg", C.PERSONAL, R.INDIVIDUAL, T.TAXABLE, "USD", {"USD": "250000"}, "HARBOR"),
    Person("A2", "Anna Berg IRA", C.SHELTERED, R.TRADITIONAL_IRA, T.TAX_DEFERRED, "USD", {"USD": "120000"}, "ALPINE"),
    Person("A3", "Berg Holdings LLC", C.ENTITY, R.LLC, T.DISREGARDED, "USD", {"USD": "400000"}, "HARBOR"),
    Person("A4", "Familie Weiss", C.MANAGED, R.JOINT, T.TAXABLE, "EUR", {"EUR": "400000", "USD": "108500"}, "ALPINE"),
    Person("A5", "Carl Ito", C.MANAGED, R.INDIVIDUAL, T.TAXABLE, "USD", {"USD": "80000"}, "HARBOR"),
    Person("A6", "Desk One", C.PROP, R.PROP_DESK, T.FIRM, "GBP", {"GBP": "150000", "USD": "254000"}, "ALPINE", cap="0.08"),
    Person("A7", "Doris Lang", C.MANAGED, R.INDIVIDUAL, T.TAXABLE, "USD", {"USD": "310000"}, "HARBOR", valid_days=-3),
)
LANES = {"HARBOR": True, "ALPINE": False}


@dataclass(slots=True)
class TourFirm:
    """Ids of what was set up."""

    firm_id: int
    actors: dict[str, Actor]
    custodians: dict[str, UUID]
    connections: dict[str, UUID]
    clearing: dict[str, str]
    sleeve_id: UUID
    strategies: dict[str, UUID]
    accounts: dict[str, UUID]
    people: tuple[Person, ...]


def generated_people(count: int, seed: int) -> tuple[Person, ...]:
    """Return `count` more accounts drawn from the seed: every class, three currencies, both custodians.

    Very many are smaller: together they are not to ask for more than the market trades in a day (CST-2).
    """
    share = max(1, -(-count // 5_000))
    draw = Random(seed)  # noqa: S311 - a reproducible cast, not a secret
    kinds = [
        (C.PERSONAL, R.INDIVIDUAL, T.TAXABLE),
        (C.SHELTERED, R.ROTH_IRA, T.TAX_FREE),
        (C.ENTITY, R.TRUST, T.GRANTOR_TRUST),
        (C.MANAGED, R.JOINT, T.TAXABLE),
    ]
    people = []
    for number in range(count):
        account_class, registration, tax = draw.choice(kinds)
        currency = draw.choice(["USD", "USD", "EUR", "GBP"])
        amount = draw.randrange(20_000, 900_000) // share
        cash = {"USD": str(amount)} if currency == "USD" else {currency: str(amount // 2), "USD": str(amount // 2)}
        code = f"G{number + 1:05}"
        people.append(Person(code, f"Client {number + 1:05}", account_class, registration, tax, currency, cash, draw.choice([*LANES])))
    return tuple(people)


def build_firm(
    *,
    name: str,
    people: tuple[Person, ...],
    now: datetime,
    opened: date | None = None,
    settings: Mapping[str, dict[str, str]] | None = None,
) -> TourFirm:
    """Set a firm up through the product's own services, as a newcomer would.

    opened: the day its accounts were opened with their cash, today unless given; from then on custodians owe reports. settings: of each
    connection, by its code.
    """
    firm_id = governance.create_firm(name=name, reporting_currency="USD")
    with tenancy.firm(firm_id):
        actors = {role.value: _member(role, firm_id, now) for role in Role}  # the first member of a firm is nobody's appointment
        boss = actors["MANAGER"]
        custodians, connections, clearing = {}, {}, {}
        for code, pools in LANES.items():
            contact = f"{code.lower()}@custody.example"
            custodians[code] = accounts.open_custodian(code=code, name=f"{code.title()} Custody", contact=contact, now=now)
            connections[code], clearing[code] = accounts.open_connection(
                code=code, gateway="paper", custodian_id=custodians[code], pools_blocks=pools, settings=(settings or {}).get(code), now=now
            )
        sleeve = accounts.open_sleeve(code="CORE", name="Core", now=now)
        ids = _open_accounts(people, custodians, connections, sleeve, actors["COMPLIANCE"], now, opened or now.date())
        strategies = {"CORE": allocation.create_strategy(code="CORE", name="Core equity", sleeve_id=sleeve, actor=boss, now=now)}
        allocation.subscribe(strategy_id=strategies["CORE"], account_ids=list(ids.values()), actor=boss, now=now)
        group = accounts.open_group(code="ALL", name="Everybody", account_ids=list(ids.values()), now=now)
        for role in ("MANAGER", "TRADER"):
            accounts.grant_group(group_id=group, user_id=int(actors[role].user_id), can_trade=True, now=now)
        _limits(actors["RISK"], now)
    return TourFirm(firm_id, actors, custodians, connections, clearing, sleeve, strategies, ids, people)


def _member(role: Role, firm_id: int, now: datetime) -> Actor:
    user_id = governance.create_user(email=f"{role.value.lower()}.{firm_id}@tour.example", name=role.value.title())
    governance.add_member(user_id=user_id, role=role, actor=None, now=now)
    return Actor(str(user_id), role)


def _open_accounts(
    people: tuple[Person, ...],
    custodians: Mapping[str, UUID],
    connections: Mapping[str, UUID],
    sleeve: UUID,
    office: Actor,
    now: datetime,
    opened: date,
) -> dict[str, UUID]:
    began = now - timedelta(days=400)
    manager = governance.record_party(code="MANAGER", name="The manager", is_entity=True, actor=office, now=now)
    clients = governance.record_party(code="CLIENTS", name="The clients", statement_address="by post", actor=office, now=now)
    long_only = MandateRuleSpec(MandateRuleKind.LONG_ONLY, clause="§2: no short positions")
    mandate = governance.record_mandate(
        code="BALANCED", name="Balanced mandate", rules=[long_only], valid_from=began, actor=office, now=now
    )
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
            custodian_account=f"{p.lane}-{p.code}",
            connection_id=connections[p.lane],
            owner_id=clients,
            mandate_id=mandate if p.account_class is C.MANAGED else None,
            position_cap_rate=Decimal(p.cap) if p.cap else None,
            opened_on=opened,
        )
        for p in people
    ]
    ids = dict(zip((p.code for p in people), accounts.open_accounts(new=new, actor=office, now=now), strict=True))
    cash = {p.code: {currency: Decimal(amount) for currency, amount in p.cash.items()} for p in people}
    openings = [Opening(account_id=ids[p.code], sleeve_id=sleeve, cash=cash[p.code], positions={}) for p in people]
    accounts.record_openings(openings=openings, as_of=opened, now=now)
    _authorities(people, ids, manager, clients, mandate, office, now)
    return ids


def _authorities(
    people: tuple[Person, ...], ids: Mapping[str, UUID], manager: UUID, clients: UUID, mandate: UUID, office: Actor, now: datetime
) -> None:
    """GOV-1 for accounts of others, the gates of ACC-1 for the rest; accounts of one expiry share a document."""
    began = now - timedelta(days=400)
    gates = {
        C.PERSONAL: [AccountGate.OWNER_CONFIRMED],
        C.ENTITY: [AccountGate.RESOLUTION, AccountGate.SIGNER],
        C.SHELTERED: [AccountGate.OWNER_CONFIRMED, AccountGate.NO_BORROWING],
        C.PROP: [AccountGate.CONTRACT_COPYING, AccountGate.CONTRACT_HEDGING],
    }
    for account_class, needed in gates.items():
        covered = [ids[p.code] for p in people if p.account_class is account_class]
        for gate in needed if covered else []:
            governance.record_gates(account_ids=covered, gate=gate, evidence="file of the account", valid_from=began, actor=office, now=now)
    for days in sorted({p.valid_days for p in people if p.account_class is C.MANAGED}):
        covered = [ids[p.code] for p in people if p.account_class is C.MANAGED and p.valid_days == days]
        governance.record_authority(
            code=f"IMA-{days}" if days > 0 else f"IMA-ENDED{days}",
            kind=AuthorityKind.IMA,
            grantor_id=clients,
            grantee_id=manager,
            account_ids=covered,
            powers=[Power.TRADE],
            effective_from=began,
            expires_at=now + timedelta(days=days),
            signatures=[Signature("MANAGER", began), Signature("CLIENTS", began)],
            document_sha256=digest(f"investment management agreement {days}"),
            fee_schedule="1% a year",
            mandate_id=mandate,
            clauses={"TRADE": "§1: the manager may trade"},
            actor=office,
            now=now,
        )


def _limits(actor: Actor, now: datetime) -> None:
    amounts = {
        FirmLimitKind.ORDER_NOTIONAL: "500000000",
        FirmLimitKind.ADV_RATE: "0.9",
        FirmLimitKind.GROSS: "5000000000",
        FirmLimitKind.NET: "5000000000",
        FirmLimitKind.SINGLE_NAME: "2000000000",
        FirmLimitKind.DAILY_LOSS: "100000000",
    }
    for kind, limit in amounts.items():
        risk.set_firm_limit(kind=kind, limit=Decimal(limit), actor=actor, now=now - timedelta(days=1))
