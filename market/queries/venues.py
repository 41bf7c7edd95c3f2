"""What a venue calls our instruments, both ways. Whatever names an instrument to a broker or custodian, or is named by one, asks here.

Entry points: `venue_symbols`, `instruments_at_venue`.
Invariants: 1 a venue's own symbol takes the place of ours; 2 an instrument whose symbol the venue uses for another one has no name there;
3 so at one venue a name means one instrument, in both directions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .rows import array, fetch

_NAMES = """
SELECT i.id, COALESCE(v.symbol, i.symbol)
FROM market_instrument i LEFT JOIN market_venuesymbol v ON v.venue = %(venue)s AND v.instrument_id = i.id
WHERE (v.id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM market_venuesymbol o WHERE o.venue = %(venue)s AND o.symbol = i.symbol))
"""


def venue_symbols(*, venue: str, instrument_ids: Iterable[int] | None = None) -> dict[int, str]:
    """Return what a venue (a custodian, by its code) calls these instruments, or all; one it has no name for is left out.

    Source: ACC-2, REC-3 (symbol map).
    """
    which = "" if instrument_ids is None else "AND i.id = ANY(%(ids)s::bigint[])"
    return dict(fetch(_NAMES + which, {"venue": venue, "ids": array(instrument_ids or ())}))


def instruments_at_venue(*, venue: str, symbols: Collection[str]) -> dict[str, int]:
    """Return the ids of the instruments a venue means by these symbols; what means none is left out."""
    rows = fetch(_NAMES + "AND COALESCE(v.symbol, i.symbol) = ANY(%(symbols)s::text[])", {"venue": venue, "symbols": list(symbols)})
    return {symbol: instrument_id for instrument_id, symbol in rows}
