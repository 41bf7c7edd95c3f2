"""Bars, one-minute volume and previous closes as of an instant.

Entry points: `bars`, `minute_volume`, `previous_closes`, `CloseFacts`.
Invariant: a bar counts from its end on, never earlier; one answer never mixes sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from market.core.bars import MINUTES_OF_VOLUME, Bars
from market.enums import BarInterval, QuoteSource

from .instruments import instrument
from .rows import array, fetch

_SECONDS = {interval: interval.microseconds // 1_000_000 for interval in BarInterval}
# Unless a source is named, the one whose bar is the newest; of two, the first by name: a real one before SIMULATED and SYNTHETIC.
_SOURCE = """
SELECT source FROM market_bar
WHERE instrument_id = %(id)s AND interval_seconds = %(seconds)s AND starts_at >= %(since)s
    AND starts_at <= %(until)s - make_interval(secs => %(seconds)s) {regular}
ORDER BY starts_at DESC, source LIMIT 1
"""
_VOLUMES = """
SELECT array_agg(volume) FROM (
    SELECT volume FROM market_bar
    WHERE instrument_id = %(id)s AND interval_seconds = 60 AND is_regular AND starts_at <= %(until)s - interval '60 seconds'
        AND source = COALESCE(%(source)s, ({newest}))
    ORDER BY starts_at DESC LIMIT %(window)s
) v
"""
_BARS = """
SELECT (extract(epoch FROM starts_at) * 1000000)::bigint, (open * 1e8)::bigint, (high * 1e8)::bigint, (low * 1e8)::bigint,
    (close * 1e8)::bigint, trunc(volume)::bigint, ((volume - trunc(volume)) * 1e8)::bigint, is_regular, source
FROM market_bar
WHERE instrument_id = %(id)s AND interval_seconds = %(seconds)s AND starts_at >= %(since)s
    AND starts_at <= %(until)s - make_interval(secs => %(seconds)s) AND source = COALESCE(%(source)s, ({newest}))
ORDER BY starts_at
"""
_CLOSES = """
SELECT b.instrument_id, trim_scale(b.close), b.starts_at, b.source
FROM unnest(%(ids)s::bigint[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT instrument_id, close, starts_at, source FROM market_bar
    WHERE instrument_id = wanted.id AND interval_seconds = 86400 AND starts_at <= %(now)s - interval '1 day' {source}
    ORDER BY starts_at DESC, source LIMIT 1
) b
"""
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CloseFacts:
    """The last completed daily close of an instrument and the trade date it belongs to; prices are not adjusted."""

    instrument_id: int
    close: Decimal
    trade_date: date
    source: str


def bars(
    *, instrument_id: int, since: datetime, until: datetime, interval: BarInterval = BarInterval.MINUTE, source: str | None = None
) -> Bars:
    """Return the bars that start at `since` or later and have ended by `until`, of one source: the one named, or the one with the newest.

    Raises NotFound for an unknown instrument. `until` must not be later than now: that is what keeps the future out.
    """
    params = _params(instrument_id, since, until, interval, source)
    rows = fetch(_BARS.format(newest=_SOURCE.format(regular="")), params)
    symbol = instrument(instrument_id).symbol
    start, opens, highs, lows, closes, whole, fraction = np.array([row[:7] for row in rows], np.int64).reshape(-1, 7).T.copy()
    regular = np.array([row[7] for row in rows], np.bool_)
    exponent = 8 if fraction.any() else 0
    volume = whole * 10**8 + fraction if exponent else whole
    label = QuoteSource(rows[0][8]) if rows else QuoteSource(source or QuoteSource.FILE)
    return Bars(symbol, interval, start, opens, highs, lows, closes, volume, regular, exponent, label)


def minute_volume(*, instrument_id: int, now: datetime, source: str | None = None) -> Decimal | None:
    """Return V1: the exact median volume of the last 20 regular-hours minute bars that have ended by `now` (RTE-1); one statement.

    None when fewer have: no volume data, so the router takes minimum participation or asks.
    """
    params = _params(instrument_id, _EARLIEST, now, BarInterval.MINUTE, source) | {"window": MINUTES_OF_VOLUME}
    ((found,),) = fetch(_VOLUMES.format(newest=_SOURCE.format(regular="AND is_regular")), params)
    volumes = sorted(found or [])
    if len(volumes) < MINUTES_OF_VOLUME:
        return None
    middle = (volumes[(MINUTES_OF_VOLUME - 1) // 2] + volumes[MINUTES_OF_VOLUME // 2]) / 2
    return Decimal(f"{middle.normalize():f}")


def previous_closes(*, instrument_ids: Sequence[int], now: datetime, source: str | None = None) -> dict[int, CloseFacts]:
    """Return the last daily close of each instrument that is complete at `now`; an instrument without one is left out.

    A daily bar is complete 24 hours after 00:00 UTC of its trade date. One statement.
    """
    sql = _CLOSES.format(source="" if source is None else "AND source = %(source)s")
    rows = fetch(sql, {"ids": array(instrument_ids), "now": now, "source": source})
    return {row[0]: CloseFacts(row[0], row[1], row[2].astimezone(UTC).date(), row[3]) for row in rows}


def _params(instrument_id: int, since: datetime, until: datetime, interval: BarInterval, source: str | None) -> dict[str, object]:
    return {
        "id": instrument_id,
        "seconds": _SECONDS[interval],
        "since": since,
        "until": until,
        "source": None if source is None else str(source),
    }
