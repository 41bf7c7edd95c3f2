"""How often something may be done: a rate as text and as a value.

Entry points: `Rate`, `parse_rate`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PERIODS = {"s": 1, "min": 60, "h": 3600}
_RATE = re.compile(r"([1-9][0-9]{0,5})/(s|min|h)")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a period of so many seconds: all at once if need be, afterwards evenly as they come back."""

    count: int
    seconds: int

    def __str__(self) -> str:
        return f"{self.count}/{next(name for name, seconds in _PERIODS.items() if seconds == self.seconds)}"


def parse_rate(text: object) -> Rate | None:
    """Return the rate, None for "off". Raises ValueError for anything but "off", "N/s", "N/min" or "N/h".

    >>> parse_rate("600/min"), parse_rate("off"), str(parse_rate("5/s"))
    (Rate(count=600, seconds=60), None, '5/s')
    """
    if isinstance(text, Rate) or text is None or text == "off":
        return text if isinstance(text, Rate) else None
    match = _RATE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError('a rate is written like "600/min", "5/s", "1000/h" or "off"')
    return Rate(int(match[1]), _PERIODS[match[2]])
