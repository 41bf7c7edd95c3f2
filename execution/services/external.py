"""Whose an execution may be that belongs to none of our orders: the account and instrument as far as we know them.

Entry point: `ExternalNames`.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from accounts.queries import accounts_by_number, connection_facts
from base.errors import NotFound
from market import queries as market

from ..gateways.reports import ExecutionReport


class ExternalNames:
    """Looks up what strangers' reports name, by number and symbol. What nobody knows is None."""

    def __init__(self, connection_id: UUID, reports: Sequence[ExecutionReport]) -> None:
        self._accounts = accounts_by_number(connection_id=connection_id, numbers={report.account for report in reports})
        self._clearing = connection_facts(connection_id=connection_id).clearing_account_id

    def account_id(self, number: str) -> UUID | None:
        """Return the account the custodian calls `number`, else the connection's clearing account."""
        return self._accounts.get(number, self._clearing)

    def instrument_id(self, symbol: str) -> int | None:
        """Return the instrument of a symbol."""
        try:
            return market.instrument_by_symbol(symbol).id
        except NotFound:
            return None
