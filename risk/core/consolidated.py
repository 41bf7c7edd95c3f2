"""Exposure over many accounts, net and gross, along any dimension (RSK-3).

Entry points: `Piece`, `Bar`, `consolidate`.
Invariants: 1. gross = long − short and net = long + short of each bar; 2. the bars of a dimension that splits the pieces add up to the
total; 3. a bar with an unpriced piece has no figures and says which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Piece:
    """Something held, valued. long ≥ 0, short ≤ 0: exact, in the reporting currency, None without a price or rate."""

    name: str
    long: Fraction | None
    short: Fraction | None
    labels: tuple[tuple[str, str], ...] = ()

    def label(self, dimension: str) -> str:
        """Return the piece's place in a dimension."""
        return dict(self.labels).get(dimension) or "Other"


@dataclass(frozen=True, slots=True)
class Bar:
    """One place of a dimension. unpriced: names of pieces that have no value; then there are no figures."""

    label: str
    long: Fraction | None
    short: Fraction | None
    unpriced: tuple[str, ...] = ()

    @property
    def net(self) -> Fraction | None:
        """Return long and short together."""
        return None if self.long is None or self.short is None else self.long + self.short

    @property
    def gross(self) -> Fraction | None:
        """Return long and short, each by its size."""
        return None if self.long is None or self.short is None else self.long - self.short


def consolidate(pieces: Iterable[Piece], label: Callable[[Piece], str]) -> list[Bar]:
    """Return a bar for each label, largest gross first, those without figures at the top.

    >>> pieces = [Piece("XYZ", Fraction(300), Fraction(-100)), Piece("ABC", Fraction(50), Fraction(0))]
    >>> [(bar.label, int(bar.net), int(bar.gross)) for bar in consolidate(pieces, lambda piece: piece.name)]
    [('XYZ', 200, 400), ('ABC', 50, 50)]
    """
    sums: dict[str, list[Piece]] = defaultdict(list)
    for piece in pieces:
        sums[label(piece)].append(piece)
    bars = [_bar(name, parts) for name, parts in sums.items()]
    return sorted(bars, key=lambda bar: (bar.gross is not None, -(bar.gross or 0), bar.label))


def _bar(label: str, parts: list[Piece]) -> Bar:
    unpriced = tuple(sorted({part.name for part in parts if part.long is None or part.short is None}))
    if unpriced:
        return Bar(label, None, None, unpriced)
    longs = sum((part.long for part in parts if part.long is not None), Fraction(0))
    shorts = sum((part.short for part in parts if part.short is not None), Fraction(0))
    return Bar(label, longs, shorts)
