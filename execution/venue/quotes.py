"""What the venue shows of the market: quotes and one-minute volumes, from completed bars only.

Entry points: `quote`, `minute_volumes`.
Invariant: nothing depends on a bar that has not ended.
"""

from __future__ import annotations

import numpy as np

from base.core.ids import plain_decimal
from execution.venue.matching import Spread, ask_of, bid_of
from execution.venue.orders import Market


def quote(
    market: Market, now_us: int, *, spread: Spread, participation_bps: int, age_us: int, as_of_us: int | None = None
) -> dict[str, object] | None:
    """Return the quote at `now_us`, or None before the first bar has ended.

    The venue vouches for it at its own now while the bar beneath is at most `age_us` old; an older one carries that bar's end and looks
    as stale as it is.
    as_of_us: the market data stopped there.
    """
    seen_us = now_us if as_of_us is None else min(as_of_us, now_us)
    index = market.last_completed(seen_us)
    if index < 0:
        return None
    last, ended = int(market.bars.close[index]), int(market.ends[index])
    size = plain_decimal(market.quantity(max(int(market.lots[index]) * participation_bps // 10_000, 1)))
    return {
        "symbol": market.instrument.symbol,
        "bid": plain_decimal(market.price(bid_of(last, spread))),
        "ask": plain_decimal(market.price(ask_of(last, spread))),
        "bid_size": size,
        "ask_size": size,
        "last": plain_decimal(market.price(last)),
        "at": seen_us if seen_us - ended <= age_us else ended,
    }


def minute_volumes(market: Market, now_us: int, count: int) -> list[str]:
    """Return the volumes of the last `count` completed regular-hours bars, oldest first (RTE-1)."""
    if count <= 0:
        return []
    regular = np.flatnonzero(market.bars.regular[: market.last_completed(now_us) + 1])[-count:]
    return [plain_decimal(market.quantity(int(market.lots[index]))) for index in regular]
