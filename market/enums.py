"""The closed vocabularies of market data (names of FIX and IB where they have one)."""

from __future__ import annotations

from enum import StrEnum


class InstrumentKind(StrEnum):
    """What an instrument is; the last four are named for what is to come and take the same specification."""

    EQUITY = "EQUITY"
    ETF = "ETF"
    FX = "FX"
    CRYPTO_SPOT = "CRYPTO_SPOT"
    FUTURE = "FUTURE"
    OPTION = "OPTION"
    CFD = "CFD"
    BOND = "BOND"


class BarInterval(StrEnum):
    """How long one bar lasts."""

    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"

    @property
    def microseconds(self) -> int:
        """Return the length in microseconds."""
        return {"MINUTE": 60, "HOUR": 3600, "DAY": 86400}[self.value] * 1_000_000


class QuoteSource(StrEnum):
    """Where a quote or a bar comes from; anything but LIVE is labelled wherever it is shown."""

    LIVE = "LIVE"
    DELAYED = "DELAYED"
    FILE = "FILE"
    SYNTHETIC = "SYNTHETIC"
    SIMULATED = "SIMULATED"


class Side(StrEnum):
    """The side of an order (FIX tag 54)."""

    BUY = "BUY"
    SELL = "SELL"
    SELL_SHORT = "SELL_SHORT"

    @property
    def is_buy(self) -> bool:
        """Return True for the side that pays the ask."""
        return self is Side.BUY

    @property
    def sign(self) -> int:
        """Return +1 for buys, −1 for sells."""
        return 1 if self.is_buy else -1


class TickRounding(StrEnum):
    """Which way a price goes to reach a tick: away from the market (passive) or into it (aggressive)."""

    PASSIVE = "PASSIVE"
    AGGRESSIVE = "AGGRESSIVE"


class FxSource(StrEnum):
    """Where a conversion rate comes from."""

    IDENTITY = "IDENTITY"
    QUOTE = "QUOTE"
    FILE = "FILE"
    ECB_REFERENCE = "ECB_REFERENCE"
    SIMULATED = "SIMULATED"


class FxMissingReason(StrEnum):
    """Why there is no rate; a missing rate blocks what would add risk (CON-5)."""

    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    NO_RATE_YET = "NO_RATE_YET"
    TOO_OLD = "TOO_OLD"
    AFTER_NOW = "AFTER_NOW"
    OUT_OF_RANGE = "OUT_OF_RANGE"
