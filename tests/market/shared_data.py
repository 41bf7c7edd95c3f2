"""Where the real market files lie, and the mark that skips a test with a reason where they are absent."""

from pathlib import Path

import pytest

MARKET_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"
if not MARKET_DATA.is_dir():
    MARKET_DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"

needs_market_data = pytest.mark.skipif(not MARKET_DATA.is_dir(), reason=f"no real market data at {MARKET_DATA}")
