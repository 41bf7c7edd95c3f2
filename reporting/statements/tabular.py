"""Columns inside one table cell: figures set with spaces as wide as the digits they stand for.

A table cell costs WeasyPrint far more than the text in it, so a row's figures share one cell. Inter's tabular digits are exactly as wide as
its figure space (U+2007), its comma and full stop as wide as its punctuation space (U+2008): a line padded with them is aligned to the
hundredth of a point, reads from left to right for a screen reader, and is still text when it is copied.

Entry points: `figure_columns`, `date_column`, `is_tabular`.
Invariants:
1. Every column of the result is equally wide in each row; what is printed is what was given, blanks aside.
2. Text that holds anything but digits, signs, commas and full stops is refused: it would not align.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from reporting.statements.figures import MINUS

FIGURE_SPACE, PUNCTUATION_SPACE, HAIR_SPACE = "\N{FIGURE SPACE}", "\N{PUNCTUATION SPACE}", "\N{HAIR SPACE}"
GAP = 2  # figure spaces between columns
_PUNCTUATION = frozenset(",.")
_FIGURES = frozenset("0123456789+" + MINUS)
_FONT = Path(__file__).resolve().parents[2] / "static" / "reporting" / "fonts" / "Inter-Regular.otf"


@dataclass(frozen=True, slots=True)
class Columns:
    """Aligned cells, row by row, and each column's width in em, its gap to the left included."""

    rows: tuple[tuple[str, ...], ...]
    widths: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """Return each row as one text; set it flush right."""
        return tuple("".join(row).lstrip(FIGURE_SPACE + PUNCTUATION_SPACE) for row in self.rows)


def is_tabular(text: str) -> bool:
    """Return whether every character has a place in a column of figures; an empty text has."""
    return _FIGURES.union(_PUNCTUATION).issuperset(text)


def figure_columns(rows: Sequence[Sequence[str]], *, least: Sequence[int]) -> Columns:
    """Pad figures so that each column is flush right.

    least: figures each column is wide at least, so that its heading fits. Raises ValueError for text that is not figures (invariant 2).

    >>> columns = figure_columns([["12", "1,234.50"], ["9", "7.25"]], least=[1, 1])
    >>> [line.replace(FIGURE_SPACE, "_").replace(PUNCTUATION_SPACE, "'") for line in columns.lines]
    ['12__1,234.50', "9_____'7.25"]
    """
    if bad := next((text for row in rows for text in row if not is_tabular(text)), None):
        raise ValueError(f"{bad!r} is not a figure")
    padded, widths = [], []
    for k, fewest in enumerate(least):
        column = [row[k] for row in rows]
        points = [sum(map(text.count, _PUNCTUATION)) for text in column]
        figures = max([fewest, *(len(text) - n for text, n in zip(column, points, strict=True))]) + GAP
        most = max(points, default=0)
        padded.append(
            [
                FIGURE_SPACE * (figures - len(text) + n) + PUNCTUATION_SPACE * (most - n) + text
                for text, n in zip(column, points, strict=True)
            ]
        )
        widths.append(f"{figures * _em(FIGURE_SPACE) + most * _em(PUNCTUATION_SPACE):.4f}em")
    return Columns(tuple(zip(*padded, strict=True)), tuple(widths))


def figures_of(text: str) -> int:
    """Return how many digits and signs a figure has.

    >>> figures_of("−1,234.50")
    7
    """
    return sum(map(_FIGURES.__contains__, text))


def date_column(dates: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the dates, padded to one width and followed by a gap, and that width in em: the row's hanging indent.

    Months are not equally wide: their rest is hair spaces, so words start in line to within half of one.
    """
    widths = [sum(map(_em, text)) for text in dates]
    width = max(widths, default=0.0)
    rests = [HAIR_SPACE * round((width - own) / _em(HAIR_SPACE)) for own in widths]
    gap = FIGURE_SPACE * GAP
    return tuple(text + rest + gap for text, rest in zip(dates, rests, strict=True)), f"{width + GAP * _em(FIGURE_SPACE):.4f}em"


def _em(character: str) -> float:
    units, advances = _advances()
    return advances.get("\N{FIGURE SPACE}" if character.isdigit() else character, 0) / units


@cache
def _advances() -> tuple[int, dict[str, int]]:
    font = TTFont(_FONT)
    metrics = font["hmtx"]
    return font["head"].unitsPerEm, {chr(code): metrics[name][0] for code, name in font.getBestCmap().items()}
