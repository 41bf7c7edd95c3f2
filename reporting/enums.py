"""Words of reporting."""

from enum import StrEnum


class TransactionKind(StrEnum):
    """What happened in the account. The part of the statement it belongs to follows from the kind (`reporting.core.statement`)."""

    BUY = "BUY"
    SELL = "SELL"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    FUNDING = "FUNDING"
    WITHHOLDING_TAX = "WITHHOLDING_TAX"
    MANAGEMENT_FEE = "MANAGEMENT_FEE"
    PERFORMANCE_FEE = "PERFORMANCE_FEE"
    OTHER_FEE = "OTHER_FEE"
    DEPOSIT = "DEPOSIT"
    WITHDRAWAL = "WITHDRAWAL"
    TRANSFER_IN = "TRANSFER_IN"
    TRANSFER_OUT = "TRANSFER_OUT"
    FX = "FX"
    ADJUSTMENT = "ADJUSTMENT"


class AccrualKind(StrEnum):
    """What is earned or owed but not yet paid."""

    INCOME = "INCOME"
    FEE = "FEE"


class HoldingTerm(StrEnum):
    """How long a lot was held for tax (TAX-2)."""

    SHORT = "SHORT"
    LONG = "LONG"
