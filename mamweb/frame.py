"""What stands around every page: the rail, the top bar, the banner. A context processor; read only when a template asks for it.

Entry point: `frame`. Invariant: outside a page (`governance.web.page`) there is no frame, so error and sign-in pages need no database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from accounts.queries import connections
from execution.queries.switches import switches_in_sight
from governance import queries as governance
from governance.enums import AlertTier, Role
from governance.permissions import CONTROL, DEALERS, STAFF
from governance.queries import AlertFacts, FirmName
from governance.queries.names import SubjectName
from governance.web import Visit
from market.core import calendars

from .history_progress import LivedPast, lived_past

_ROLE_NAMES = {
    Role.MANAGER: "Portfolio manager",
    Role.TRADER: "Trader",
    Role.OPERATIONS: "Operations",
    Role.RISK: "Risk",
    Role.COMPLIANCE: "Compliance",
    Role.INVESTOR: "Investor",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the rail. keys: its shortcut, g and a letter."""

    title: str
    icon: str
    where: str
    roles: frozenset[Role]
    keys: str = ""
    count: str = ""


RAIL: tuple[tuple[str, tuple[Link, ...]], ...] = (
    (
        "Trade",
        (
            Link("Home", "home", "reporting:home", STAFF, "h"),
            Link("Accounts", "accounts", "reporting:accounts", STAFF, "a"),
            Link("Ticket", "ticket", "execution:ticket", DEALERS, "t"),
            Link("Blotter", "blotter", "execution:blotter", STAFF, "b"),
            Link("Positions", "positions", "execution:positions", STAFF, "p"),
            Link("Exposure", "exposure", "reporting:exposure", STAFF, "e"),
        ),
    ),
    (
        "Operate",
        (
            Link("Reconciliation", "recon", "reconciliation:desk", STAFF, "r", "breaks"),
            Link("Alerts", "alert", "governance:alerts", STAFF, "l", "alerts"),
            Link("Journeys", "audit", "reporting:journeys", STAFF, "j"),
        ),
    ),
    (
        "Oversee",
        (
            Link("Approvals", "approve", "governance:approvals", STAFF, "v", "approvals"),
            Link("Authorities", "key", "governance:authorities", STAFF, "u", "authorities"),
            Link("Wash sales", "balance", "reporting:wash-sales", STAFF, "w"),
            Link("Statements", "report", "reporting:statements", STAFF, "s"),
            Link("Admin", "passkey", "admin:index", CONTROL | {Role.OPERATIONS}, "m"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the rail as it is drawn. counts: what its count is of, "" without one."""

    title: str
    icon: str
    url: str
    keys: str
    counts: str
    count: int
    tone: str
    is_current: bool


class Frame:
    """The frame of one visit; every part is read once, when it is first asked for."""

    def __init__(self, request: HttpRequest, visit: Visit) -> None:
        self.request, self.visit = request, visit

    @property
    def name(self) -> str:
        """Return the visitor's name."""
        return self.visit.user.name or self.visit.user.email

    @property
    def initials(self) -> str:
        """Return up to two letters of the visitor's name."""
        return "".join(word[0] for word in self.name.replace(".", " ").split()[:2]).upper()

    @property
    def role(self) -> str:
        """Return the visitor's roles in words."""
        return ", ".join(_ROLE_NAMES[role] for role in Role if role in self.visit.roles)

    @property
    def is_investor(self) -> bool:
        """Tell whether the visitor is nothing but an investor: the portal is their home."""
        return self.visit.roles == {Role.INVESTOR}

    @property
    def deals(self) -> bool:
        """Tell whether the visitor may state signals."""
        return self.visit.holds(DEALERS)

    @cached_property
    def firms(self) -> list[FirmName]:
        """Return the visitor's firms."""
        return governance.firms_of(self.visit.user_id)

    @cached_property
    def firm(self) -> str:
        """Return the name of the firm at work."""
        return next((firm.name for firm in self.firms if firm.id == self.visit.firm_id), "")

    @cached_property
    def lanes(self) -> dict[str, int]:
        """Return how many enabled connections trade live and on paper."""
        enabled = [one for one in connections() if one.is_enabled]
        paper = sum(one.is_paper for one in enabled)
        return {"live": len(enabled) - paper, "paper": paper}

    @cached_property
    def alerts(self) -> list[AlertFacts]:
        """Return the open alerts the visitor's roles are told."""
        return governance.open_alerts(roles=self.visit.roles, viewer=self.visit.viewer)

    @property
    def critical(self) -> list[AlertFacts]:
        """Return the critical alerts nobody has acknowledged: the banner."""
        return [alert for alert in self.alerts if alert.tier is AlertTier.CRITICAL and alert.acknowledged_at is None]

    @cached_property
    def critical_place(self) -> SubjectName | None:
        """Return what the banner's alert is about, where its message does not say it."""
        return next(iter(governance.alert_places(self.visit.viewer, self.critical[:1])), None)

    @cached_property
    def stopped(self) -> list[Any]:
        """Return the kill switches that block, but those of accounts out of sight."""
        return switches_in_sight(self.visit.viewer)

    @cached_property
    def past(self) -> LivedPast | None:
        """Return how far the history of a trial's firm has come, while it is being lived."""
        return lived_past(settings.HISTORY_FILE, self.visit.firm_id) if settings.HISTORY_FILE else None

    @property
    def now(self) -> datetime:
        """Return the instant of the request."""
        return self.visit.now

    @property
    def market(self) -> str:
        """Return the state of the New York market in words."""
        return market_words(self.visit.now)

    @cached_property
    def rail(self) -> list[tuple[str, list[Item]]]:
        """Return the lines the visitor's roles may follow."""
        groups = [(heading, [item for link in links if (item := self._item(link))]) for heading, links in RAIL]
        return [(heading, items) for heading, items in groups if items]

    def _item(self, link: Link) -> Item | None:
        if not self.visit.holds(link.roles):
            return None
        try:
            url = reverse(link.where)
        except NoReverseMatch:
            return None
        count, tone = _COUNTS[link.count](self) if link.count else (0, "")
        return Item(link.title, link.icon, url, link.keys, link.count, count, tone, self.request.path.startswith(url))

    def count_alerts(self) -> tuple[int, str]:
        """Return how many alerts are open, and how loud the loudest is."""
        return len(self.alerts), "crit" if self.critical else "warn"

    def count_approvals(self) -> tuple[int, str]:
        """Return how many requests wait for a second person."""
        return len(governance.pending_approvals(now=self.visit.now, viewer=self.visit.viewer)), ""

    def count_authorities(self) -> tuple[int, str]:
        """Return how many authorities end soon."""
        return len(governance.ending_authorities_seen(now=self.visit.now, viewer=self.visit.viewer)), "warn"

    def count_breaks(self) -> tuple[int, str]:
        """Return how many breaks are open."""
        from reconciliation.queries import open_break_count

        return open_break_count(self.visit.viewer), "warn"


_COUNTS: dict[str, Callable[[Frame], tuple[int, str]]] = {
    "alerts": Frame.count_alerts,
    "approvals": Frame.count_approvals,
    "authorities": Frame.count_authorities,
    "breaks": Frame.count_breaks,
}


def market_words(now: datetime) -> str:
    """Return whether New York trades at `now`, and for how long or when again.

    >>> from datetime import UTC
    >>> market_words(datetime(2026, 11, 20, 19, 32, tzinfo=UTC)), market_words(datetime(2026, 11, 21, 12, tzinfo=UTC))
    ('New York open, closes in 1:28', 'New York closed, opens Mon 14:30 UTC')
    """
    market = "XNYS"
    day = now.date()
    if calendars.is_session(market, day):
        hours = calendars.session(market, day)
        if hours.open_at <= now < hours.close_at:
            return f"New York open, closes in {_hours(hours.close_at - now)}"
        if now < hours.open_at:
            return f"New York closed, opens in {_hours(hours.open_at - now)}"
    following = calendars.session_open(market, calendars.next_session(market, day))
    return f"New York closed, opens {following:%a %H:%M} UTC"


def _hours(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60}:{minutes % 60:02}"


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return `frame` for templates of pages, nothing elsewhere."""
    visit = getattr(request, "visit", None)
    return {"frame": Frame(request, visit), "visit": visit} if visit else {}
