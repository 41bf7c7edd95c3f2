"""A person's home page: which widgets, in which order, how wide.

Entry points: `WIDGETS`, `Placed`, `default_for`, `filled`, `read_layout`.
Invariants: 1. a layout names each widget once, and only those the person's roles may have; 2. what is not a layout is refused with field,
value and rule; 3. as shown, every row of a page is full: what stands last in a row takes the rest of it, so order on the page is order in the layout.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from base.core.validation import InvalidInput
from governance.enums import Role

COLUMNS = 3
WIDTHS = (1, 2, 3)
_STAFF = frozenset(Role) - {Role.INVESTOR}


@dataclass(frozen=True, slots=True)
class Widget:
    """Something a home page can show. width: of three columns, until the person changes it.

    is_live: whether it is fetched anew as things happen; what is worked out from whole histories is fetched with the page.
    """

    name: str
    title: str
    what: str
    width: int = 1
    roles: frozenset[Role] = _STAFF
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """A widget on a page."""

    widget: Widget
    width: int


WIDGETS = {
    one.name: one
    for one in (
        Widget("firm", "Equity and result", "Equity, day and open result of all accounts you see", 3),
        Widget("positions", "Aggregate positions", "The largest positions over all accounts", 2),
        Widget("blotter", "Live blotter", "Orders that work, newest first", 2),
        Widget("exposure", "Exposure by sector", "Net exposure, short and long"),
        Widget("alerts", "Needs attention", "Open alerts, loudest first"),
        Widget("constrained", "Constrained accounts", "Accounts that are closed or may only reduce"),
        Widget("breaks", "Open breaks", "Differences with custodians, oldest first"),
        Widget("exceptions", "Exceptions today", "Orders that are unknown, denied or rejected", 2),
        Widget("approvals", "Approvals", "Requests that wait for a second person"),
        Widget("authorities", "Authorities that end", "Powers of attorney and agreements that end within 60 days"),
        Widget("limits", "Limits", "Firm limits that are near or passed"),
        Widget("wash", "Wash sales", "Losses of the last 61 days that a purchase within 30 days washed", is_live=False),
    )
}
_DEFAULTS: tuple[tuple[Role, tuple[str, ...]], ...] = (
    (Role.MANAGER, ("firm", "blotter", "alerts", "positions", "exposure")),
    (Role.TRADER, ("firm", "blotter", "alerts", "positions", "exposure")),
    (Role.OPERATIONS, ("constrained", "breaks", "alerts", "exceptions")),
    (Role.RISK, ("firm", "limits", "exposure", "alerts", "constrained", "exceptions")),
    (Role.COMPLIANCE, ("approvals", "authorities", "limits", "wash", "exceptions", "alerts")),
)


def default_for(roles: Collection[Role]) -> tuple[Placed, ...]:
    """Return what a person sees who has changed nothing: by the first of their roles that has a page of its own.

    >>> [placed.widget.name for placed in default_for({Role.COMPLIANCE})][:2]
    ['approvals', 'authorities']
    """
    names = next((names for role, names in _DEFAULTS if role in roles), ("alerts",))
    return tuple(Placed(WIDGETS[name], WIDGETS[name].width) for name in names)


def filled(widths: Sequence[int]) -> list[int]:
    """Return the widths as they are shown, so that no row has a hole: its last widget takes what is left of the three columns.

    >>> filled([1, 1, 2, 2, 1, 1]), filled([2, 2, 3]), filled([1])
    ([1, 2, 3, 2, 1, 3], [3, 3, 3], [3])
    """
    shown: list[int] = []
    used = 0
    for width in widths:
        if used + width > COLUMNS:
            shown[-1] += COLUMNS - used
            used = 0
        shown.append(width)
        used += width
    if shown:
        shown[-1] += COLUMNS - used
    return shown


def read_layout(stated: Any, *, roles: Collection[Role]) -> tuple[Placed, ...]:
    """Read a layout from a JSON list of {"name", "width"}. Raises InvalidInput naming field, value and rule."""
    if not isinstance(stated, list) or len(stated) > len(WIDGETS):
        raise InvalidInput("layout", str(stated)[:80], f"a list of at most {len(WIDGETS)} widgets")
    placed: dict[str, Placed] = {}
    for entry in stated:
        name, width = (entry.get("name"), entry.get("width")) if isinstance(entry, dict) else (None, None)
        widget = WIDGETS.get(name) if isinstance(name, str) else None
        if widget is None or widget.roles.isdisjoint(roles):
            raise InvalidInput("name", str(name)[:80], "one of the widgets of your role")
        if type(width) is not int or width not in WIDTHS:
            raise InvalidInput("width", str(width)[:80], "1, 2 or 3 columns")
        if widget.name in placed:
            raise InvalidInput("name", widget.name, "once on a page")
        placed[widget.name] = Placed(widget, width)
    return tuple(placed.values())
