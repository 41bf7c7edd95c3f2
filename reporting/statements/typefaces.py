"""What a statement is printed with: the bundled typeface, and those a firm adds for other scripts.

Entry points: `typefaces`, `Typefaces`, `BUNDLED`.
Invariants: 1. only files named here are ever embedded, so equal statements give equal bytes on every machine; 2. a character that none of
them has is found before anything is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

FONTS = Path(__file__).resolve().parents[2] / "static" / "reporting" / "fonts"
BUNDLED = (FONTS / "Inter-Regular.otf", FONTS / "Inter-SemiBold.otf")
_SUFFIXES = frozenset({".otf", ".ttf"})
_INVISIBLE = frozenset(
    "\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
)


@dataclass(frozen=True, slots=True)
class Typefaces:
    """assets: address → file, the only ones a document may read. families: how CSS names them, in the order they are tried. faces: their
    @font-face rules. characters: all they can print."""

    assets: Mapping[str, Path]
    families: str
    faces: str
    characters: frozenset[str]

    def missing(self, text: str) -> list[str]:
        """Return the characters of a text that cannot be printed, sorted."""
        return sorted(c for c in set(text) - self.characters if not c.isspace() and c not in _INVISIBLE)


@cache
def typefaces(folder: Path | None = None) -> Typefaces:
    """Return the bundled typeface, and after it every .otf and .ttf of `folder` by name. Raises OSError for a folder that is none."""
    more = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES) if folder else []
    names = [f"Further {n}" for n in range(len(more))]
    faces = [
        f'@font-face {{ font-family: "{name}"; src: url("asset:further-{n}{path.suffix.lower()}"); }}'
        for n, (name, path) in enumerate(zip(names, more, strict=True))
    ]
    assets = {f"asset:{path.name}": path for path in BUNDLED}
    assets |= {f"asset:further-{n}{path.suffix.lower()}": path for n, path in enumerate(more)}
    known = frozenset(chr(code) for path in (BUNDLED[0], *more) for code in TTFont(path).getBestCmap())
    return Typefaces(assets, ", ".join(["Inter", *(f'"{name}"' for name in names)]), "\n".join(faces), known)
