"""The look of the admin: the house's accent and greys in unfold's scales. Values are those of static/base/tokens.css."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static

_STEPS = ("50", "100", "200", "300", "400", "500", "600", "700", "800", "900", "950")
_ACCENT = ("#eef4fe", "#dbe7fd", "#bdd3fb", "#91b5f8", "#5e8ff2", "#3a72ea", "#1d5bd6", "#1a4fbb", "#1b4599", "#1c3d79", "#152649")
_GREYS = ("#f6f7f9", "#eceef1", "#dfe2e7", "#c6cbd3", "#959daa", "#67707e", "#505967", "#3c4450", "#262c35", "#161b22", "#0d1117")


def _stylesheet(request: object) -> str:
    return static("governance/admin.css")


def _icon(request: object) -> str:
    return static("base/icon.svg")


ADMIN_LOOK: dict[str, Any] = {
    "SITE_TITLE": "mamweb",
    "SITE_HEADER": "mamweb",
    "SITE_SUBHEADER": "Oversight",
    "SITE_SYMBOL": "balance",
    "BORDER_RADIUS": "5px",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_stylesheet],
    "COLORS": {"primary": dict(zip(_STEPS, _ACCENT, strict=True)), "base": dict(zip(_STEPS, _GREYS, strict=True))},
    "ACCOUNT": {"navigation": [{"title": "Back to the console", "link": "/home/"}, {"title": "You", "link": "/auth/"}]},
    "SIDEBAR": {"show_search": False, "command_search": False, "show_all_applications": False, "navigation": []},
}
