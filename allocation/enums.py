"""The words of allocation: how quantities are found, rounded, limited, and why an account got what it got.

The arrays of `allocation.core` hold small codes: the code of a member is its position in its enum (`code`), so new members go to the end.
"""

from __future__ import annotations

from enum import StrEnum


class SizingMethod(StrEnum):
    """How an account's quantity is found (SIZ-4); the comment names the unit of `SizingRequest.amount`."""

    TARGET_WEIGHT = "target_weight"  # weight of equity, signed (SIZ-1)
    RISK = "risk"  # share of equity lost at the stop, signed by side (SIZ-3)
    EQUAL = "equal"  # block quantity, signed: equal orders
    EQUAL_ENDING = "equal_ending"  # block quantity, signed: equal positions afterwards, as far as the block reaches
    EQUITY = "equity"  # block quantity by equity: IB NetLiq, MAM "proportional by equity"
    AVAILABLE = "available"  # block quantity by available equity: IB AvailableEquity
    BALANCE = "balance"  # block quantity by balance: MAM "proportional by balance"
    RATIO = "ratio"  # block quantity by given ratios: IB Ratio, MAM "lot"
    PERCENT = "percent"  # block quantity by given percentages that make exactly 100%: IB Percent
    FIXED = "fixed"  # the same signed quantity for each account: IB ContractsOrShares
    PERCENT_CHANGE = "percent_change"  # share of the position to add (+) or take away (−): IB PctChange
    CLOSE = "close"  # share of the position to close (SIZ-8)
    CUSTOM = "custom"  # per account, in the unit of its CustomKind


class CustomKind(StrEnum):
    """What an account's custom number means; UNLISTED accounts get nothing."""

    UNLISTED = "unlisted"
    QUANTITY = "quantity"
    WEIGHT = "weight"
    RISK = "risk"


class SignalOrderType(StrEnum):
    """How an order is priced where the house does not price it; a signal without one gets RTE-2's marketable limit."""

    LIMIT = "LIMIT"


class SignalTimeInForce(StrEnum):
    """How long a signal's orders stand. None outlives its session: shares are booked once, when it ends (ALC-3)."""

    IOC = "IOC"
    DAY = "DAY"


class SignalRoute(StrEnum):
    """A wish about pace; a signal without one goes as RTE-1 says. Neither gets round RTE-1."""

    OVER_TIME = "OVER_TIME"
    AT_ONCE = "AT_ONCE"


class Rounding(StrEnum):
    """How opens and increases become whole lots (SIZ-5)."""

    FLOOR = "floor"
    LARGEST_REMAINDER = "largest_remainder"
    NEAREST = "nearest"


class CapBasis(StrEnum):
    """What the caps of SIZ-2 bind: the position's value, or the loss when its stop is hit."""

    NOTIONAL = "notional"
    LOSS_AT_STOP = "loss_at_stop"


class TradeState(StrEnum):
    """What may be traded: everything, closing orders only, nothing (CST-5; trading blocks: open, close-only, closed)."""

    NONE = "none"
    CLOSE_ONLY = "close_only"
    FROZEN = "frozen"


class Authority(StrEnum):
    """The finding of the authority check (GOV-2); everything but OK takes the account out of the block."""

    OK = "ok"
    AUTH_NONE = "auth_none"
    AUTH_EXPIRED = "auth_expired"
    AUTH_SCOPE = "auth_scope"
    AUTH_REVOKED = "auth_revoked"


class Rule(StrEnum):
    """The rule that binds; NONE where the account got its full size."""

    NONE = "none"
    DATA = "CON-5.data"
    CLASS_CAP = "SIZ-2.class"
    MANDATE_CAP = "SIZ-2.mandate"
    INSTRUMENT_CAP = "SIZ-2.instrument"
    AUTHORITY = "GOV-2.authority"
    TRADING_BLOCK = "RSK-11.trading_block"
    RESTRICTED = "CST-5.restricted"
    NEVER_FLIP = "SIZ-5.position"
    LONG_ONLY = "CST-3.long_only"
    LEGAL_LIMIT = "CST-6.legal"
    BUYING_POWER = "CST-4.buying_power"
    MANDATE = "CST-2.mandate_instrument"
    POSITION = "CST-2.position"
    ADV = "CST-2.adv"
    SECTOR = "CST-2.sector"
    FACTOR = "CST-2.factor"
    GROSS = "CST-2.gross"
    NET = "CST-2.net"
    CAPACITY = "GOV-6.capacity"
    SOFT = "CST-9.soft"
    MINIMUM = "SIZ-5.minimum"
    ROUNDING = "SIZ-5.rounding"


class Reason(StrEnum):
    """What became of the account's order, one word per account and instrument."""

    FULL = "full"
    CLIPPED = "clipped"
    BLOCKED = "blocked"
    DEFERRED = "deferred"
    NO_CHANGE = "no_change"
    BELOW_ONE_LOT = "below_one_lot"
    BELOW_MIN_LOT = "below_min_lot"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    BUMPED_TO_MIN = "bumped_to_min"
    UNLISTED = "unlisted"
    MISSING_PRICE = "missing_price"
    MISSING_STOP = "missing_stop"
    MISSING_FX = "missing_fx"
    MISSING_BASIS = "missing_basis"
    MISSING_LIMIT = "missing_limit"
    NO_EQUITY = "no_equity"
    BLOCK_INCOMPLETE = "block_incomplete"
    AUTH_NONE = "auth_none"
    AUTH_EXPIRED = "auth_expired"
    AUTH_SCOPE = "auth_scope"
    AUTH_REVOKED = "auth_revoked"


def code(member: StrEnum) -> int:
    """Return the member's code in arrays: its position in its enum.

    >>> code(Rule.NONE), code(TradeState.FROZEN), list(TradeState)[2]
    (0, 2, <TradeState.FROZEN: 'frozen'>)
    """
    return _CODES[type(member), member]


_CODES: dict[tuple[type[StrEnum], StrEnum], int] = {
    (legend, member): number
    for legend in (SizingMethod, CustomKind, Rounding, CapBasis, TradeState, Authority, Rule, Reason)
    for number, member in enumerate(legend)
}


class SignalState(StrEnum):
    """How far a signal has come."""

    RECEIVED = "received"
    RELEASED = "released"
    REFUSED = "refused"
