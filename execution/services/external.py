"""Whose an execution may be that belongs to none of our orders: the account and instrument as far as we know them.

Entry point: `ExternalNames`.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from accounts.queries import accounts_by_number, connection_facts
from market.queries import instruments_at_venue

from ..gateways.reports import ExecutionReport


class ExternalNames:
    """Looks up what strangers' reports name, by the custodian's numbers and the venue's symbols. What nobody knows is None."""

    def __init__(self, connection_id: UUID, reports: Sequence[ExecutionReport]) -> None:
        facts = connection_facts(connection_id=connection_id)
        self._accounts = accounts_by_number(connection_id=connection_id, numbers={report.account for report in reports})
        self._instruments = instruments_at_venue(venue=facts.venue, symbols={report.symbol for report in reports})
        self._clearing = facts.clearing_account_id

    def account_id(self, number: str) -> UUID | None:
        """Return the account the custodian calls `number`, else the connection's clearing account."""
        return self._accounts.get(number, self._clearing)

    def instrument_id(self, symbol: str) -> int | None:
        """Return the instrument the venue calls `symbol`; our own symbol counts only where the venue has no other use for it."""
        return self._instruments.get(symbol)
