"""Static files that are made, not written: the chart code, bundled from the packages that draw the charts of the PDFs.

Entry point: `make_assets`. Served locally from var/static; made once for each version of the package.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings


def make_assets() -> Path:
    """Make what is missing and return its folder (about 2 s the first time)."""
    folder = settings.VAR_DIR / "static"
    target = folder / "vega" / "embed.js"
    stamp = f"// vl-convert {version('vl-convert-python')}\n"
    if not target.exists() or not target.read_text(encoding="utf-8").startswith(stamp):
        import vl_convert

        target.parent.mkdir(parents=True, exist_ok=True)
        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        with NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8") as fresh:
            fresh.write(stamp + bundle)
        os.chmod(fresh.name, 0o644)
        os.replace(fresh.name, target)
    return Path(folder)
