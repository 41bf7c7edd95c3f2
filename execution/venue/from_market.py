"""Market reference as the venue wants it: the same bars and rules, in the venue's own values.

Entry points: `venue_bars`, `venue_instrument`.
"""

from __future__ import annotations

from market.core.bars import Bars as MarketBars
from market.queries import InstrumentFacts

from .bars import Bars
from .setup import Instrument


def venue_bars(bars: MarketBars) -> Bars:
    """Return the same minutes; prices stay in 10⁻⁸."""
    return Bars(bars.start, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.regular, 8, bars.volume_exponent)


def venue_instrument(facts: InstrumentFacts, *, settlement_days: int, symbol: str = "") -> Instrument:
    """Return the venue's order rules for an instrument. symbol: what the venue calls it, ours unless given."""
    return Instrument(
        symbol=symbol or facts.symbol,
        currency=facts.currency,
        tick=facts.tick,
        lot_step=facts.lot_step,
        min_quantity=max(facts.min_quantity, facts.lot_step),
        min_notional=facts.min_notional,
        multiplier=facts.multiplier,
        settlement_days=settlement_days,
    )
