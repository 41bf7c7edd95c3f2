"""The closed vocabularies of accounts (ACC-1, ACC-2, CON-3, TAX-1) and the books of the ledger (I6).

Defaults marked [D] in the rules stand here as data (`DEFAULT_POSITION_CAPS`, `REGISTRATIONS`); a profile may override them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType


class AccountClass(StrEnum):
    """ACC-1: what kind of account it is; sets the default position cap and the gate to be passed."""

    PERSONAL = "PERSONAL"
    SHELTERED = "SHELTERED"
    ENTITY = "ENTITY"
    MANAGED = "MANAGED"
    PROP = "PROP"


DEFAULT_POSITION_CAPS: Mapping[AccountClass, Decimal | None] = MappingProxyType(
    {
        AccountClass.PERSONAL: Decimal("0.10"),
        AccountClass.SHELTERED: Decimal("0.02"),
        AccountClass.ENTITY: Decimal("0.05"),
        AccountClass.MANAGED: Decimal("0.01"),
        AccountClass.PROP: None,
    }
)
"""ACC-1 [D]: position cap as a rate of equity; None = the contract states it, and without a contract there is no cap to trade under."""


class Registration(StrEnum):
    """ACC-1: in whose name, and under which law, the custodian holds the account."""

    INDIVIDUAL = "INDIVIDUAL"
    JOINT = "JOINT"
    SPOUSE = "SPOUSE"
    CUSTODIAL = "CUSTODIAL"
    TRADITIONAL_IRA = "TRADITIONAL_IRA"
    ROTH_IRA = "ROTH_IRA"
    SEP_IRA = "SEP_IRA"
    PLAN_401K = "PLAN_401K"
    HSA = "HSA"
    LLC = "LLC"
    CORPORATION = "CORPORATION"
    TRUST = "TRUST"
    PROP_DESK = "PROP_DESK"
    PROP_EVALUATION = "PROP_EVALUATION"


REGISTRATIONS: Mapping[AccountClass, frozenset[Registration]] = MappingProxyType(
    {
        AccountClass.PERSONAL: frozenset({Registration.INDIVIDUAL, Registration.JOINT, Registration.SPOUSE, Registration.CUSTODIAL}),
        AccountClass.SHELTERED: frozenset(
            {Registration.TRADITIONAL_IRA, Registration.ROTH_IRA, Registration.SEP_IRA, Registration.PLAN_401K, Registration.HSA}
        ),
        AccountClass.ENTITY: frozenset({Registration.LLC, Registration.CORPORATION, Registration.TRUST}),
        AccountClass.MANAGED: frozenset(Registration),
        AccountClass.PROP: frozenset({Registration.PROP_DESK, Registration.PROP_EVALUATION}),
    }
)
"""ACC-1: the registrations each class may have."""


class TaxClassification(StrEnum):
    """ACC-2: who is taxed, and how."""

    TAXABLE = "TAXABLE"
    TAX_DEFERRED = "TAX_DEFERRED"
    TAX_FREE = "TAX_FREE"
    DISREGARDED = "DISREGARDED"
    PARTNERSHIP = "PARTNERSHIP"
    S_CORPORATION = "S_CORPORATION"
    C_CORPORATION = "C_CORPORATION"
    GRANTOR_TRUST = "GRANTOR_TRUST"
    NON_GRANTOR_TRUST = "NON_GRANTOR_TRUST"
    FIRM = "FIRM"


class SettlementMode(StrEnum):
    """ACC-4, ACC-6: which cash may pay for a buy."""

    SETTLED_ONLY = "SETTLED_ONLY"
    UNSETTLED_PROCEEDS = "UNSETTLED_PROCEEDS"


class LotMethod(StrEnum):
    """TAX-1: which lots a sale closes."""

    FIFO = "FIFO"
    LIFO = "LIFO"
    HIFO = "HIFO"
    SPECIFIC = "SPECIFIC"
    AVERAGE = "AVERAGE"


class LeverageRegime(StrEnum):
    """ACC-2: how much the account may borrow. LIMITED_MARGIN = unsettled funds only, no borrowing (ACC-1, sheltered)."""

    CASH = "CASH"
    LIMITED_MARGIN = "LIMITED_MARGIN"
    REG_T = "REG_T"
    PORTFOLIO_MARGIN = "PORTFOLIO_MARGIN"
    LEVERAGED = "LEVERAGED"


class LeverageRule(StrEnum):
    """ACC-10: whose law limits a retail account's FX leverage."""

    US_RETAIL = "US_RETAIL"
    EU_UK_RETAIL = "EU_UK_RETAIL"


class PositionMode(StrEnum):
    """ACC-10: NETTING keeps one position an instrument, HEDGING one a leg, NETTING_FIFO offsets the oldest first (NFA 2-43(b))."""

    NETTING = "NETTING"
    NETTING_FIFO = "NETTING_FIFO"
    HEDGING = "HEDGING"


class RelationshipKind(StrEnum):
    """CON-3: the four graphs; they are never merged."""

    TAX_UNIT = "TAX_UNIT"
    RELATED_PARTY = "RELATED_PARTY"
    CONTROL_GROUP = "CONTROL_GROUP"
    OWNER = "OWNER"


class Meeting(StrEnum):
    """Why orders of some accounts may not meet orders of others (RTE-5). UNRECORDED: nobody has recorded who controls one of them (CON-5)."""

    SAME_OWNER = "SAME_OWNER"
    CONTROL_GROUP = "CONTROL_GROUP"
    UNRECORDED = "UNRECORDED"


class NodeKind(StrEnum):
    """What an edge of a relationship graph connects."""

    ACCOUNT = "ACCOUNT"
    PARTY = "PARTY"


class OrderSide(StrEnum):
    """FIX tag 54 as far as reservations need it: a sell of what is held and a sell short differ, and so do their covers."""

    BUY = "BUY"
    SELL = "SELL"
    SELL_SHORT = "SELL_SHORT"
    BUY_TO_COVER = "BUY_TO_COVER"


class EntryType(StrEnum):
    """What a ledger transaction records."""

    TRADE = "TRADE"
    FEE = "FEE"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    SWAP = "SWAP"
    FUNDING = "FUNDING"
    FLOW = "FLOW"
    TRANSFER = "TRANSFER"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    ADJUSTMENT = "ADJUSTMENT"
    CLEARING = "CLEARING"
    OPENING = "OPENING"


# The bulk of a ledger: entries that never come from or go to CAPITAL.
TRADING_ENTRIES = tuple(EntryType[name] for name in ("TRADE", "CLEARING", "FEE", "DIVIDEND", "INTEREST", "SWAP", "FUNDING"))


class AdjustmentKind(StrEnum):
    """REC-7: the type an adjustment must state; the words of REC-3."""

    QUANTITY = "QUANTITY"
    PRICE = "PRICE"
    CASH = "CASH"
    FEE = "FEE"
    DIVIDEND = "DIVIDEND"
    TAX = "TAX"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    FX_RATE = "FX_RATE"
    TRANSFER = "TRANSFER"
    TAX_BASIS = "TAX_BASIS"
    TRADE_ERROR = "TRADE_ERROR"


class Book(StrEnum):
    """The ledger's chart of books. Positive = debit: assets, costs; negative = credit: income, capital contributed.

    CASH, POSITION: what the account holds. TRADING: contra of every exchange of one unit for another (its money side is the cost).
    CLEARING: executions of a block not allocated yet, quantity and money. RECEIVABLE: accrued, not paid (negative = a payable).
    """

    CASH = "CASH"
    POSITION = "POSITION"
    CLEARING = "CLEARING"
    TRADING = "TRADING"
    FEES = "FEES"
    INCOME = "INCOME"
    RECEIVABLE = "RECEIVABLE"
    WITHHOLDING_TAX = "WITHHOLDING_TAX"
    CAPITAL = "CAPITAL"
    ADJUSTMENT = "ADJUSTMENT"


class LotEventKind(StrEnum):
    """What a ledger transaction does to tax lots: a SPLIT keeps their basis, a TRANSFER moves one of them without realising anything."""

    TRADE = "TRADE"
    SPLIT = "SPLIT"
    TRANSFER = "TRANSFER"


class WashFate(StrEnum):
    """What becomes of a loss that a purchase washes: DEFERRED into its basis (WASH-9), or PERMANENT, forfeited (WASH-10)."""

    DEFERRED = "DEFERRED"
    PERMANENT = "PERMANENT"


class BasisMode(StrEnum):
    """WASH-11: whether a spouse's or controlled entity's purchase carries the deferred loss, or forfeits it."""

    CARRY = "CARRY"
    PERMANENT = "PERMANENT"


class WashState(StrEnum):
    """WASH-15: whether a later purchase can still change what a sale lost."""

    PROVISIONAL = "PROVISIONAL"
    FINAL = "FINAL"


class UnitKind(StrEnum):
    """What a posting counts."""

    CURRENCY = "CURRENCY"
    INSTRUMENT = "INSTRUMENT"


class CashViolationKind(StrEnum):
    """ACC-6: what a sale in a cash account can break."""

    GOOD_FAITH = "GOOD_FAITH"
    FREE_RIDING = "FREE_RIDING"


class BlockMode(StrEnum):
    """REC-6: what a trading block still lets through."""

    CLOSE_ONLY = "CLOSE_ONLY"
    CLOSED = "CLOSED"
