"""What an address of the blotter asks for, read leniently: what makes no sense is left out, so no bookmark ever breaks.

Entry points: `read_filters`, `query_of`. Invariant: nothing read here reaches the database but as a value.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from governance.web import Visit
from market.enums import Side

from ..enums import ExecutionKind, OrderState, ParentState
from ..queries.blotter import MOST_IDS, SORTS, Filters

TABS = ("parents", "orders", "fills")
STATES = {"parents": tuple(ParentState), "orders": tuple(OrderState), "fills": tuple(ExecutionKind)}
RANGES = {"today": "Today", "week": "7 days", "month": "30 days", "all": "All time", "days": "From – to"}
_SPANS = {"week": 7, "month": 30}


def read_filters(given: QueryDict, visit: Visit) -> Filters:
    """Return the filters of a query string. Without a range: today, and what still works whenever it was made is found by `working`."""
    tab = _one_of(given.get("tab"), TABS) or "parents"
    name = given.get("sort", "-time")
    sort = name.removeprefix("-")
    known = sort in SORTS[tab]
    since, until = _range(given, visit.now)
    working = given.get("working") == "1"
    return Filters(
        tab=tab,
        text=_text(given.get("q")),
        state=_one_of(given.get("state"), STATES[tab]),
        side=_one_of(given.get("side"), tuple(Side)),
        instrument=_text(given.get("instrument")),
        account=_text(given.get("account")),
        connection=_text(given.get("connection")),
        strategy=_text(given.get("strategy")),
        since=None if working and not given.get("range") else since,
        until=until,
        mine=visit.user_id if given.get("mine") == "1" else None,
        is_working=working,
        sort=sort if known else "time",
        is_descending=name.startswith("-") if known else True,
        ids=_ids(given.get("ids", "")),
    )


def query_of(given: QueryDict, **changed: str) -> str:
    """Return the query string with some values changed, without what belongs to one request only."""
    kept = {name: given[name] for name in _KEPT if given.get(name)} | changed
    return urlencode({name: value for name, value in kept.items() if value})


_KEPT = (
    "tab", "q", "state", "side", "instrument", "account", "connection", "strategy", "range", "from", "to", "mine", "working", "sort",
)  # fmt: skip


def _range(given: QueryDict, now: datetime) -> tuple[datetime | None, datetime | None]:
    chosen = given.get("range", "today")
    midnight = datetime.combine(now.date(), time(), UTC)
    if chosen == "days":
        first, last = _day(given.get("from")), _day(given.get("to"))
        return (
            None if first is None else datetime.combine(first, time(), UTC),
            None if last is None else datetime.combine(last, time(), UTC) + timedelta(days=1),
        )
    if chosen == "all":
        return None, None
    return midnight - timedelta(days=_SPANS.get(chosen, 0)), None


def _day(value: str | None) -> date | None:
    try:
        found = date.fromisoformat(value or "")
    except ValueError:
        return None
    return found if 1970 <= found.year <= 2999 else None


def _text(value: str | None) -> str:
    text = (value or "").strip()[:80]
    return "" if "\0" in text else text


def _one_of(value: str | None, words: tuple[str, ...]) -> str:
    return value if value in words else ""  # type: ignore[return-value]


def _ids(value: str) -> tuple[UUID, ...]:
    found = []
    for text in value.split(",")[:MOST_IDS]:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return tuple(found)
