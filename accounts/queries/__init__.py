"""Reads of accounts, inside the caller's tenancy block. What a person sees starts from `visible_to`."""

from .arrays import AccountArrays, account_arrays
from .books import (
    CashRow,
    JournalRow,
    LotRow,
    PositionRow,
    cash_of,
    closures_of,
    equity_of,
    journal_of,
    lots_of,
    positions_of,
)
from .routing import ConnectionFacts, RoutingFacts, connection, connections, routing_facts
from .settlement import settlement_date
from .visibility import tradable_by, visible_to

__all__ = [
    "AccountArrays",
    "CashRow",
    "ConnectionFacts",
    "JournalRow",
    "LotRow",
    "PositionRow",
    "RoutingFacts",
    "account_arrays",
    "cash_of",
    "closures_of",
    "connection",
    "connections",
    "equity_of",
    "journal_of",
    "lots_of",
    "positions_of",
    "routing_facts",
    "settlement_date",
    "tradable_by",
    "visible_to",
]
