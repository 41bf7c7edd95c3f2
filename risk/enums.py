"""Words of risk."""

from enum import StrEnum


class FirmLimitKind(StrEnum):
    """RSK-1: the firm limits gate 1 checks a parent against."""

    ORDER_NOTIONAL = "ORDER_NOTIONAL"
    ADV_RATE = "ADV_RATE"
    GROSS = "GROSS"
    NET = "NET"
    SINGLE_NAME = "SINGLE_NAME"
    DAILY_LOSS = "DAILY_LOSS"


class GateOutcome(StrEnum):
    PASSED = "PASSED"
    RESIZED = "RESIZED"
    BLOCKED = "BLOCKED"
