"""Reads of accounts. Each runs inside the caller's tenancy block and takes `now` where it matters.

Arrays for sizing and routing: `account_arrays`, `routing_facts`. What a person may see: `visible_to`, `tradable_by`. Books of one account:
`positions_of`, `cash_of`, `lots_of`, `journal_of`, `equity_of`.
"""

from .arrays import AccountArrays, account_arrays
from .books import (
    CashFacts,
    ClosureFacts,
    EquityPoint,
    JournalLine,
    LotFacts,
    PositionFacts,
    cash_of,
    closures_of,
    equity_of,
    journal_of,
    lots_of,
    positions_of,
)
from .custody import custody_books
from .groups import group_names, groups_of
from .relationships import control_groups, edges, meeting
from .routing import ConnectionFacts, RoutingFacts, accounts_by_number, connection, connection_facts, connections, routing_facts
from .settlement import settlement_date
from .valuation import MISSING
from .visibility import accounts_with, sight_marks, tradable_by, visible_to

__all__ = [
    "MISSING",
    "AccountArrays",
    "CashFacts",
    "ClosureFacts",
    "ConnectionFacts",
    "EquityPoint",
    "JournalLine",
    "LotFacts",
    "PositionFacts",
    "RoutingFacts",
    "account_arrays",
    "accounts_by_number",
    "accounts_with",
    "cash_of",
    "closures_of",
    "connection",
    "connection_facts",
    "connections",
    "control_groups",
    "custody_books",
    "edges",
    "equity_of",
    "group_names",
    "groups_of",
    "journal_of",
    "lots_of",
    "meeting",
    "positions_of",
    "routing_facts",
    "settlement_date",
    "sight_marks",
    "tradable_by",
    "visible_to",
]
