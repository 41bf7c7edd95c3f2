"""Chart definitions as SVG, for paper and e-mail.

Entry point: `svg`. Needs about 270 MB and 2 s on its first call, so it belongs in a worker, not in the web process.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import vl_convert

from reporting.charts.theme import Spec

_CLIP = re.compile(r"\bclip\d+\b")
FONTS = Path(__file__).resolve().parents[2] / "static" / "reporting" / "fonts"


def svg(spec: Spec) -> str:
    """Return the chart as an SVG document, text as text, in the bundled face; nothing is fetched from other hosts."""
    _register_fonts()
    drawn = str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))
    order: dict[str, str] = {}  # the drawer numbers its clips on from chart to chart; equal charts shall be equal text
    return _CLIP.sub(lambda clip: order.setdefault(clip.group(), f"clip{len(order)}"), drawn)


@cache
def _register_fonts() -> None:
    vl_convert.register_font_directory(str(FONTS))
