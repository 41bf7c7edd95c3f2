"""What a trial firm is made of: people, custodians, accounts, strategies. Data alone.

Entry points: `FirmPlan` with `AccountPlan`, `LanePlan`, `PersonPlan`, `StrategyPlan`; `HARBOUR_LANE`, `TESSELLATE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accounts.enums import AccountClass, Registration, TaxClassification
from governance.enums import Power, Role

C, R, T = AccountClass, Registration, TaxClassification
EQUITY, FX, CRYPTO = "GLOBAL-EQUITY", "FX-MOMENTUM", "CRYPTO-CARRY"


@dataclass(frozen=True, slots=True)
class LanePlan:
    """A custodian and the one connection to it; `pools`: it takes block orders."""

    code: str
    name: str
    pools: bool


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """An account. cash: currency → amount it opens with. cap: its own position cap as a rate of equity. mandate, powers: for managed ones.
    multiplier: of its strategy's weights.
    """

    code: str
    name: str
    account_class: AccountClass
    registration: Registration
    tax: TaxClassification
    currency: str
    cash: Mapping[str, str]
    lane: str
    strategy: str
    cap: str | None = None
    mandate: str = ""
    powers: tuple[Power, ...] = (Power.TRADE,)
    investor: str = ""
    multiplier: str = "1"


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """A strategy, each in a sleeve of its own."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """Somebody who signs in. key: what the plan calls them, and the beginning of their address. elsewhere: role in other firms, by key."""

    key: str
    name: str
    role: Role
    elsewhere: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FirmPlan:
    """A firm. groups: code → (name, beginnings of the codes of its accounts). domain: where its people have their addresses.

    looks_after: what its accounts hold, in its reporting currency and round; its limits go by it.
    """

    key: str
    name: str
    lanes: tuple[LanePlan, ...]
    strategies: tuple[StrategyPlan, ...]
    accounts: tuple[AccountPlan, ...]
    people: tuple[PersonPlan, ...]
    groups: Mapping[str, tuple[str, tuple[str, ...]]]
    domain: str
    looks_after: int


HARBOUR_LANE = FirmPlan(
    key="harbourlane",
    name="Harbour Lane Advisers",
    lanes=(LanePlan("QUAY", "Quay Custody (simulated)", pools=True),),
    strategies=(StrategyPlan(EQUITY, "Balanced Equity"),),
    accounts=(
        AccountPlan("HL-01", "P. Vance, joint", C.PERSONAL, R.JOINT, T.TAXABLE, "USD", {"USD": "640000"}, "QUAY", EQUITY),
        AccountPlan("HL-02", "Vance Trust", C.ENTITY, R.TRUST, T.GRANTOR_TRUST, "USD", {"USD": "1250000"}, "QUAY", EQUITY),
        AccountPlan("HL-03", "S. Moreau, IRA", C.SHELTERED, R.TRADITIONAL_IRA, T.TAX_DEFERRED, "USD", {"USD": "310000"}, "QUAY", EQUITY),
    ),
    people=(PersonPlan("manager", "I. Vance", Role.MANAGER), PersonPlan("risk", "B. Oduya", Role.RISK)),
    groups={"ALL": ("Everybody", ("",))},
    domain="harbourlane.example",
    looks_after=2_000_000,
)
TESSELLATE = FirmPlan(
    key="tessellate",
    name="Tessellate Prop",
    lanes=(LanePlan("MOSAIC", "Mosaic Clearing (simulated)", pools=False),),
    strategies=(StrategyPlan(FX, "FX Desk"),),
    accounts=(
        AccountPlan("TP-01", "Desk One", C.PROP, R.PROP_DESK, T.FIRM, "USD", {"USD": "500000"}, "MOSAIC", FX, cap="0.40"),
        AccountPlan("TP-02", "Evaluation 3", C.PROP, R.PROP_EVALUATION, T.FIRM, "USD", {"USD": "100000"}, "MOSAIC", FX, cap="0.25"),
    ),
    people=(PersonPlan("manager", "J. Tan", Role.MANAGER), PersonPlan("risk", "E. Sorin", Role.RISK)),
    groups={"ALL": ("Everybody", ("",))},
    domain="tessellate.example",
    looks_after=1_000_000,
)
