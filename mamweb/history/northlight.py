"""Northlight Capital: the firm people meet first. Eighteen accounts of all five classes, three strategies, three custodians."""

from __future__ import annotations

from governance.enums import Power, Role

from .plans import CRYPTO, EQUITY, FX, AccountPlan, C, FirmPlan, LanePlan, PersonPlan, R, StrategyPlan, T

HARBOR, ALPINE, SUMMIT = "HARBOR", "ALPINE", "SUMMIT"
_FX, _CRYPTO = (Power.TRADE, Power.FX), (Power.TRADE, Power.CRYPTO)
CLOSED_BY_A_BREAK, HELD_BY_A_CORRECTION = "GE-07", "GE-08"
WITHOUT_AUTHORITY, ENDING_SOON = "GE-06", "GE-09"

_ACCOUNTS = (
    AccountPlan("GE-01", "Whitcombe, personal", C.PERSONAL, R.INDIVIDUAL, T.TAXABLE, "USD", {"USD": "1180000"}, HARBOR, EQUITY),
    AccountPlan(
        "GE-02", "Whitcombe, Roth IRA", C.SHELTERED, R.ROTH_IRA, T.TAX_FREE, "USD", {"USD": "1720000"}, HARBOR, EQUITY, cap="0.065"
    ),
    AccountPlan("GE-03", "Lane Street LLC", C.ENTITY, R.LLC, T.DISREGARDED, "USD", {"USD": "3650000"}, HARBOR, EQUITY, cap="0.065"),
    AccountPlan(
        "GE-04",
        "Fjordland Family Office",
        C.MANAGED,
        R.CORPORATION,
        T.C_CORPORATION,
        "EUR",
        {"EUR": "2400000", "USD": "4300000"},
        ALPINE,
        EQUITY,
        cap="0.065",
        mandate="FAMILY",
        investor="fjordland",
    ),
    AccountPlan("GE-05", "Okafor Trust", C.ENTITY, R.TRUST, T.GRANTOR_TRUST, "USD", {"USD": "5400000"}, ALPINE, EQUITY, cap="0.065"),
    AccountPlan(
        "GE-06",
        "Meridian Pension",
        C.MANAGED,
        R.PLAN_401K,
        T.TAX_DEFERRED,
        "GBP",
        {"GBP": "900000", "USD": "2600000"},
        ALPINE,
        EQUITY,
        cap="0.065",
        mandate="PENSION",
    ),
    AccountPlan(
        "GE-07",
        "Castellanos, joint",
        C.MANAGED,
        R.JOINT,
        T.TAXABLE,
        "USD",
        {"USD": "2450000"},
        ALPINE,
        EQUITY,
        cap="0.065",
        mandate="BALANCED",
        investor="investor",
    ),
    AccountPlan(
        "GE-08",
        "Brightwater Foundation",
        C.MANAGED,
        R.CORPORATION,
        T.TAX_FREE,
        "USD",
        {"USD": "3550000"},
        SUMMIT,
        EQUITY,
        cap="0.065",
        mandate="FOUNDATION",
    ),
    AccountPlan(
        "GE-09",
        "R. Halloran",
        C.MANAGED,
        R.INDIVIDUAL,
        T.TAXABLE,
        "USD",
        {"USD": "1120000"},
        SUMMIT,
        EQUITY,
        cap="0.065",
        mandate="BALANCED",
    ),
    AccountPlan(
        "GE-10", "Dunmore Holdings Ltd", C.ENTITY, R.CORPORATION, T.C_CORPORATION, "USD", {"USD": "1480000"}, SUMMIT, EQUITY, cap="0.065"
    ),
    AccountPlan("GE-11", "A. and B. Halvorsen", C.PERSONAL, R.JOINT, T.TAXABLE, "USD", {"USD": "860000"}, HARBOR, EQUITY),
    AccountPlan(
        "GE-12", "Halvorsen, SEP IRA", C.SHELTERED, R.SEP_IRA, T.TAX_DEFERRED, "USD", {"USD": "430000"}, HARBOR, EQUITY, multiplier="0.4"
    ),
    AccountPlan(
        "FX-01",
        "Dunmore Trading Ltd",
        C.ENTITY,
        R.CORPORATION,
        T.C_CORPORATION,
        "GBP",
        {"GBP": "240000", "USD": "760000"},
        SUMMIT,
        FX,
        cap="0.45",
    ),
    AccountPlan(
        "FX-02",
        "H. Lindqvist",
        C.MANAGED,
        R.INDIVIDUAL,
        T.TAXABLE,
        "EUR",
        {"EUR": "150000", "USD": "480000"},
        SUMMIT,
        FX,
        cap="0.40",
        mandate="CURRENCY",
        powers=_FX,
    ),
    AccountPlan("FX-03", "FX Evaluation 7", C.PROP, R.PROP_EVALUATION, T.FIRM, "USD", {"USD": "200000"}, SUMMIT, FX, cap="0.30"),
    AccountPlan("CC-01", "Kestrel Digital LLC", C.ENTITY, R.LLC, T.PARTNERSHIP, "USD", {"USD": "1650000"}, HARBOR, CRYPTO, cap="0.35"),
    AccountPlan(
        "CC-02",
        "T. Nakamura",
        C.MANAGED,
        R.INDIVIDUAL,
        T.TAXABLE,
        "USD",
        {"USD": "720000"},
        HARBOR,
        CRYPTO,
        cap="0.30",
        mandate="DIGITAL",
        powers=_CRYPTO,
    ),
    AccountPlan("CC-03", "House desk, digital", C.PROP, R.PROP_DESK, T.FIRM, "USD", {"USD": "900000"}, HARBOR, CRYPTO, cap="0.35"),
)

NORTHLIGHT = FirmPlan(
    key="northlight",
    name="Northlight Capital",
    lanes=(
        LanePlan(HARBOR, "Harbor Prime (simulated)", pools=True),
        LanePlan(ALPINE, "Alpine Custody (simulated)", pools=True),
        LanePlan(SUMMIT, "Summit Bank (simulated)", pools=False),
    ),
    strategies=(
        StrategyPlan(EQUITY, "Global Equity Core"),
        StrategyPlan(FX, "FX Momentum"),
        StrategyPlan(CRYPTO, "Crypto Carry"),
    ),
    accounts=_ACCOUNTS,
    people=(
        PersonPlan("manager", "M. Whitcombe", Role.MANAGER),
        PersonPlan("trader", "D. Achterberg", Role.TRADER),
        PersonPlan("operations", "S. Imran", Role.OPERATIONS),
        PersonPlan("risk", "K. Lindholm", Role.RISK),
        PersonPlan("compliance", "R. Adeyemi", Role.COMPLIANCE),
        PersonPlan("investor", "C. Castellanos", Role.INVESTOR),
        PersonPlan("fjordland", "E. Fjordland", Role.INVESTOR),
        PersonPlan("colleague", "N. Okonkwo", Role.TRADER, {"harbourlane": Role.MANAGER, "tessellate": Role.OPERATIONS}),
    ),
    groups={
        "ALL": ("All accounts", ("",)),
        "EQUITY": ("Global Equity Core", ("GE-",)),
        "CURRENCY": ("FX Momentum", ("FX-",)),
        "DIGITAL": ("Crypto Carry", ("CC-",)),
        "HOUSEHOLD-W": ("Whitcombe household", ("GE-01", "GE-02", "GE-03")),
    },
    domain="northlight.example",
    looks_after=40_000_000,
)
