"""Vocabulary of reconciliation (REC-1, REC-3, REC-6, REC-7, REC-9)."""

from __future__ import annotations

from enum import StrEnum


class ItemKind(StrEnum):
    """What is compared (REC-1); also the sections of a custodian's file."""

    POSITION = "POSITION"
    CASH_TD = "CASH_TD"
    CASH_SD = "CASH_SD"
    TRADE = "TRADE"
    FEE = "FEE"
    MARGIN = "MARGIN"


class BreakType(StrEnum):
    """Why ours and theirs differ (REC-3).

    MISSING_FILL: we booked it, the custodian does not show it. EXTRA_FILL: the custodian shows it, we never booked it.
    """

    MISSING_FILL = "MISSING_FILL"
    EXTRA_FILL = "EXTRA_FILL"
    QUANTITY = "QUANTITY"
    PRICE = "PRICE"
    CASH = "CASH"
    FEE = "FEE"
    COMMISSION = "COMMISSION"
    DIVIDEND_TAX = "DIVIDEND_TAX"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    FX_RATE = "FX_RATE"
    SYMBOL_MAP = "SYMBOL_MAP"
    SETTLE_DATE_TIMING = "SETTLE_DATE_TIMING"
    TRANSFER = "TRANSFER"
    TAX_BASIS = "TAX_BASIS"
    MARGIN = "MARGIN"
    DUPLICATE = "DUPLICATE"


class BreakState(StrEnum):
    """Life of a break: WAITING only for timing breaks until their settle date (REC-4)."""

    OPEN = "OPEN"
    WAITING = "WAITING"
    WAIVED = "WAIVED"
    SELF_MATCHED = "SELF_MATCHED"
    RESOLVED = "RESOLVED"


class RunState(StrEnum):
    """State of one custodian's run for one business date; a missing or late file is INCOMPLETE, never COMPLETE (REC-1)."""

    PENDING = "PENDING"
    COMPLETE = "COMPLETE"
    INCOMPLETE = "INCOMPLETE"


class AccountState(StrEnum):
    """What a run says of one account; INCOMPLETE wins over everything, so an account nobody reported is never OK."""

    OK = "OK"
    BREAKS = "BREAKS"
    MATERIAL = "MATERIAL"
    INCOMPLETE = "INCOMPLETE"


class Severity(StrEnum):
    """Aging of a break (REC-6): Info on the day, Warning after 1 business day, Critical after 2."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class MovementKind(StrEnum):
    """Cash movements that are not trades: the `kind` of a FEE row. Amounts are cash effects, so a charge is negative."""

    COMMISSION = "COMMISSION"
    EXCHANGE_FEE = "EXCHANGE_FEE"
    FINANCING = "FINANCING"
    FUNDING = "FUNDING"
    BORROW_FEE = "BORROW_FEE"
    CUSTODY_FEE = "CUSTODY_FEE"
    MANAGEMENT_FEE = "MANAGEMENT_FEE"
    OTHER_FEE = "OTHER_FEE"
    INTEREST = "INTEREST"
    DIVIDEND = "DIVIDEND"
    TAX = "TAX"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    TRANSFER = "TRANSFER"


class MarginKind(StrEnum):
    """Margin figures a custodian reports: the `kind` of a MARGIN row."""

    INITIAL = "INITIAL"
    MAINTENANCE = "MAINTENANCE"


class CutOff(StrEnum):
    """When a business date ends (REC-1)."""

    EXCHANGE_CLOSE = "EXCHANGE_CLOSE"
    FX_NEW_YORK = "FX_NEW_YORK"
    CRYPTO_UTC = "CRYPTO_UTC"


class AdjustmentKind(StrEnum):
    """How a break is resolved (REC-7). The last group posts nothing: it corrects reference data or claims from the custodian."""

    BOOK_FILL = "BOOK_FILL"
    BUST_FILL = "BUST_FILL"
    CORRECT_FILL = "CORRECT_FILL"
    CASH = "CASH"
    FEE = "FEE"
    COMMISSION = "COMMISSION"
    DIVIDEND = "DIVIDEND"
    TAX = "TAX"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    FX_DIFFERENCE = "FX_DIFFERENCE"
    TRANSFER = "TRANSFER"
    TAX_BASIS = "TAX_BASIS"

    SYMBOL_REMAP = "SYMBOL_REMAP"
    PRICE_SOURCE = "PRICE_SOURCE"
    SETTLE_DATE = "SETTLE_DATE"
    MARGIN_MODEL = "MARGIN_MODEL"
    CUSTODIAN_CORRECTION = "CUSTODIAN_CORRECTION"


class SyncCause(StrEnum):
    """Why a strategy's state and the account differ (REC-9)."""

    UNFILLED = "UNFILLED"
    REJECTED = "REJECTED"
    STOP_HIT = "STOP_HIT"
    MANUAL_TRADE = "MANUAL_TRADE"
    UNKNOWN = "UNKNOWN"


class SyncAction(StrEnum):
    """What a person may do about it (REC-9); nothing is chased automatically."""

    REALIGN = "REALIGN"
    ACCEPT = "ACCEPT"
    DETACH = "DETACH"
