"""Names of risk: what a gate found, how loud an alert is, how fast a price ages."""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum


class GateCode(StrEnum):
    """Why a gate refuses."""

    KILL_SWITCH = "KILL_SWITCH"
    AUTHORITY = "AUTHORITY"
    FROZEN = "FROZEN"
    CLOSE_ONLY = "CLOSE_ONLY"
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    ACCOUNT_CLOSE_ONLY = "ACCOUNT_CLOSE_ONLY"
    MISSING_DATA = "MISSING_DATA"
    STALE_PRICE = "STALE_PRICE"
    PRICE_MOVED = "PRICE_MOVED"
    BUYING_POWER = "BUYING_POWER"
    POSITION_CAP = "POSITION_CAP"
    MANDATE = "MANDATE"
    ORDER_NOTIONAL = "ORDER_NOTIONAL"
    ADV = "ADV"
    GROSS = "GROSS"
    NET = "NET"
    SINGLE_NAME = "SINGLE_NAME"
    DAILY_LOSS = "DAILY_LOSS"


class Unit(StrEnum):
    """What a finding's number and limit are measured in. RATE: 0.02 = 2%."""

    NONE = "NONE"
    RATE = "RATE"
    MONEY = "MONEY"
    SECONDS = "SECONDS"


class Missing(IntFlag):
    """Data a lot was to be checked against and that is not there (CON-5)."""

    NOTHING = 0
    PRICE = 1
    FX = 2
    LIMIT = 4
    EQUITY = 8
    CUSTODIAN = 16


class Restriction(IntEnum):
    """State of an instrument on the restricted list (CST-5), or of a trading block on account or instrument; higher is stricter."""

    NONE = 0
    CLOSE_ONLY = 1
    FROZEN = 2


class LiquidityClass(StrEnum):
    """How fast a price ages (RSK-2)."""

    LIQUID = "LIQUID"
    FX_CRYPTO = "FX_CRYPTO"
    ILLIQUID = "ILLIQUID"


class AlertTier(IntEnum):
    """How loud (RSK-10); higher is louder."""

    NONE = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3


class MarginState(StrEnum):
    """Margin level against its thresholds (RSK-8)."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class FirmLimitKind(StrEnum):
    """RSK-1: the firm limits gate 1 checks a parent against."""

    ORDER_NOTIONAL = "ORDER_NOTIONAL"
    ADV_RATE = "ADV_RATE"
    GROSS = "GROSS"
    NET = "NET"
    SINGLE_NAME = "SINGLE_NAME"
    DAILY_LOSS = "DAILY_LOSS"


class GateOutcome(StrEnum):
    """What a gate made of a batch or an order."""

    PASSED = "PASSED"
    RESIZED = "RESIZED"
    BLOCKED = "BLOCKED"
