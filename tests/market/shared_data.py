"""Where the real market files lie, and the mark that skips a test with a reason where they are absent."""

import os
from pathlib import Path

import pytest


def _data() -> Path:
    """Return MAMWEB_DATA, or the nearest `shared/data` beside the project or above it."""
    if given := os.environ.get("MAMWEB_DATA"):
        return Path(given)
    beside = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[3:]]
    return next((folder for folder in beside if folder.is_dir()), beside[0])


MARKET_DATA = _data() / "market"

needs_market_data = pytest.mark.skipif(not MARKET_DATA.is_dir(), reason=f"no real market data at {MARKET_DATA}")
