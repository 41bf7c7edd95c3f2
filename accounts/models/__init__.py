"""Accounts and their books.

Invariants: the ledger only grows, and each transaction sums to zero per currency and instrument (I6, enforced by the database);
positions, cash and lots are projections that `manage.py rebuild_books --check` proves from it.
"""

from .account import (
    Account,
    AccountGroup,
    AccountGroupMember,
    AccountGroupUserObjectPermission,
    AccountUserObjectPermission,
    BrokerConnection,
    Custodian,
    Relationship,
    Sleeve,
)
from .holdings import CashBalance, EquitySnapshot, LotClosure, Position, Reservation, TaxLot, TradingBlock
from .ledger import LedgerEntry, LedgerTransaction

__all__ = [
    "Account",
    "AccountGroup",
    "AccountGroupMember",
    "AccountGroupUserObjectPermission",
    "AccountUserObjectPermission",
    "BrokerConnection",
    "CashBalance",
    "Custodian",
    "EquitySnapshot",
    "LedgerEntry",
    "LedgerTransaction",
    "LotClosure",
    "Position",
    "Relationship",
    "Reservation",
    "Sleeve",
    "TaxLot",
    "TradingBlock",
]
