"""Instruments by what somebody types: symbol first, then name.

Entry point: `search_instruments`.
"""

from __future__ import annotations

from .instruments import InstrumentFacts, instruments
from .rows import fetch

_SEARCH = """
SELECT id FROM market_instrument
WHERE symbol ILIKE %(start)s ESCAPE '\\' OR name ILIKE %(within)s ESCAPE '\\'
ORDER BY upper(symbol) <> upper(%(text)s), symbol NOT ILIKE %(start)s ESCAPE '\\', length(symbol), symbol LIMIT %(most)s
"""


def search_instruments(*, text: str, most: int = 12) -> list[InstrumentFacts]:
    """Return the instruments whose symbol begins with the text or whose name holds it, the nearest first; nothing for an empty text.

    Two statements.
    """
    wanted = text.strip()[:60]
    if not wanted or "\x00" in wanted:
        return []
    plain = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = fetch(_SEARCH, {"text": wanted, "start": f"{plain}%", "within": f"%{plain}%", "most": most})
    found = instruments([row[0] for row in rows])
    return [found[row[0]] for row in rows if row[0] in found]
