"""Make the static files that are bundled from packages."""

from __future__ import annotations

from typing import Any

from base.commands import HouseCommand
from mamweb.assets import make_assets


class Command(HouseCommand):
    help = "Bundle the chart code into var/static; run it before collectstatic."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"assets are in {make_assets()}")
