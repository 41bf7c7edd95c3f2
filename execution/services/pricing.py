"""Fresh quotes from the broker, asked for before a batch is claimed (RSK-2), and kept for everybody else to see.

Entry points: `fetch_quotes`, `FreshQuotes`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from market.enums import QuoteSource
from market.queries import QuoteFacts
from market.services import QuoteRow, record_quotes

from ..gateways.reports import QuoteReport
from .claim import Candidate
from .line import Line

# How long a batch may take from its quotes to the write (RSK-2); the paper venue's minute bars are not in such a hurry.
LIVE_SECONDS, PAPER_SECONDS = 2.0, 30.0


@dataclass(frozen=True, slots=True)
class FreshQuotes:
    """Quotes by instrument. asked_at: seconds of the machine's monotonic clock."""

    by_instrument: dict[int, QuoteFacts]
    asked_at: float
    seconds: float

    def is_old(self, at: float) -> bool:
        """Return whether too much time has gone by since they were asked for."""
        return at - self.asked_at > self.seconds


def fetch_quotes(line: Line, batch: Sequence[Candidate]) -> FreshQuotes:
    """Ask the broker for a quote of every instrument of the batch, by its own names. Raises GatewayError.

    A halted instrument counts as unquoted: nothing may be priced off it (RTE-2). So does one the venue has no name for.
    """
    symbols = {candidate.venue_symbol: candidate.instrument_id for candidate in batch if candidate.venue_symbol}
    asked_at = time.monotonic()
    found = line.gateway.quotes(sorted(symbols)).items if symbols else ()
    source = QuoteSource.SIMULATED if line.connection.is_paper else QuoteSource.LIVE
    usable = [quote for quote in found if quote.symbol in symbols and not quote.halted]
    quotes = {symbols[quote.symbol]: _facts(symbols[quote.symbol], quote, source) for quote in usable}
    if quotes and not line.connection.is_paper:  # a paper venue quotes from bars that are stored already
        record_quotes([QuoteRow(q.instrument_id, source, q.as_of, q.bid, q.ask, q.last) for q in quotes.values()], replace=True)
    return FreshQuotes(quotes, asked_at, PAPER_SECONDS if line.connection.is_paper else LIVE_SECONDS)


def _facts(instrument_id: int, quote: QuoteReport, source: QuoteSource) -> QuoteFacts:
    return QuoteFacts(instrument_id, _price(quote.bid), _price(quote.ask), _price(quote.last), quote.at, source)


def _price(price: Decimal) -> Decimal | None:
    return price if price > 0 else None
