"""Which accounts the dashboard shows, in what order and groups: one value for the page, its addresses and saved views.

Entry points: `AccountFilter`, `read_filter` (lenient, for addresses), `checked_filter` (strict, for what is kept), `Cursor`.
Invariants: 1. a filter narrows what a person may see, never widens it. 2. whatever is read from an address is a known word or plain text
of bounded length. 3. `checked_filter(f.as_json()) == f`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

GROUPS = {
    "strategy": "Strategy",
    "investor": "Investor",
    "custodian": "Custodian",
    "account_class": "Class",
    "currency": "Currency",
    "account_group": "Account group",
}
# An account may be of several of these: its label is their names, joined, so that groups never count it twice.
JOINED_KINDS = ("strategy", "account_group")
JOINED = " + "
SORTS = {
    "code": "code",
    "custodian": "custodian",
    "equity": "equity",
    "equity_to": "equity_to",
    "day_pnl": "day_pnl",
    "day_rate": "day_rate",
    "open_pnl": "open_pnl",
    "margin_rate": "margin_rate",
    "open_risk_to": "open_risk_to",
    "drawdown": "drawdown",
    "positions": "positions",
    "fills": "fills",
    "attention": "attention",
}
LAYOUTS = ("cards",)
TEXT_SORTS = ("code", "custodian")
FLAGS = {
    "any": "Any flag",
    "authority": "No authority",
    "blocked": "Close-only or closed",
    "breaks": "Open breaks",
    "cash": "Short of cash",
    "margin": "Margin level below 200%",
    "loss": "Loss at 60% of its limit or more",
    "missing": "No equity",
}
TEXT = 200
MOST_COLLAPSED = 200


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """q: text in code or name. by: the kind of group, "" for none. sort: a key of SORTS. collapsed: labels whose rows are not shown.

    layout: "cards", or "" for the reader's own; a view keeps it, `query` leaves it out.
    """

    q: str = ""
    by: str = ""
    sort: str = "code"
    descending: bool = False
    strategy: str = ""
    investor: str = ""
    custodian: str = ""
    account_class: str = ""
    currency: str = ""
    account_group: str = ""
    flag: str = ""
    collapsed: tuple[str, ...] = ()
    layout: str = ""

    @property
    def narrows(self) -> bool:
        """Tell whether accounts may be left out."""
        return bool(self.q or self.flag or self.labels)

    @property
    def labels(self) -> dict[str, str]:
        """Return the groups it is narrowed to, by kind."""
        return {kind: value for kind in GROUPS if (value := getattr(self, kind))}

    @property
    def mark(self) -> str:
        """Return a short word for what is chosen, whatever its order and groups: the same choice has the same mark."""
        return sha256(self.query(by="", sort="code", descending=False, collapsed=()).encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Return what differs from the default, as plain JSON values."""
        found = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def query(self, **changed: Any) -> str:
        """Return the address's query with these changes: `sort=day_pnl&down=1`."""
        one = replace(self, **changed) if changed else self
        pairs: list[tuple[str, str]] = []
        for name, value in one.as_json().items():
            if name == "descending":
                pairs.append(("down", "1"))
            elif name == "collapsed":
                pairs += [("collapsed", label) for label in value]
            elif name != "layout":
                pairs.append((name, str(value)))
        return urlencode(pairs)

    def sorted_by(self, sort: str) -> AccountFilter:
        """Return the filter after a click on a heading: names ascend first, figures descend, and again turns it round."""
        if sort == self.sort:
            return replace(self, descending=not self.descending)
        return replace(self, sort=sort, descending=sort not in TEXT_SORTS)

    def toggled(self, label: str) -> AccountFilter:
        """Return the filter after a group is opened or closed."""
        rest = tuple(one for one in self.collapsed if one != label)
        return replace(self, collapsed=rest if label in self.collapsed else (*self.collapsed, label))


def read_filter(given: Mapping[str, str], collapsed: list[str] | None = None) -> AccountFilter:
    """Return the filter an address asks for; what is not known is passed over.

    >>> read_filter({"q": " berg ", "sort": "nonsense", "by": "strategy"})
    AccountFilter(q='berg', by='strategy', sort='code', descending=False, strategy='', investor='', custodian='', account_class='', currency='', account_group='', flag='', collapsed=(), layout='')
    """
    words = {name: _plain(given.get(name, "")) for name in ("q", *GROUPS)}
    by, sort, flag, layout = (given.get(name, "") for name in ("by", "sort", "flag", "layout"))
    return AccountFilter(
        **words,
        by=by if by in GROUPS else "",
        sort=sort if sort in SORTS else "code",
        descending=given.get("down", "") == "1",
        flag=flag if flag in FLAGS else "",
        collapsed=tuple(dict.fromkeys(_plain(label) for label in (collapsed or [])))[:MOST_COLLAPSED],
        layout=layout if layout in LAYOUTS else "",
    )


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()[:TEXT]


def checked_filter(kept: Any) -> AccountFilter:
    """Return the filter that stored JSON states. Raises ValueError, naming the field, for anything that is none."""
    if not isinstance(kept, dict):
        raise ValueError("filters: not an object")
    known = {f.name: f for f in fields(AccountFilter)}
    if unknown := sorted(set(kept) - set(known)):
        raise ValueError(f"filters: {unknown[0]} is not one of {', '.join(known)}")
    for name, value in kept.items():
        _check(name, value)
    values: dict[str, Any] = {name: tuple(value) if name == "collapsed" else value for name, value in kept.items()}
    return AccountFilter(**values)


def _check(name: str, value: Any) -> None:
    if name == "descending":
        fits = isinstance(value, bool)
    elif name == "collapsed":
        fits = isinstance(value, list) and len(value) <= MOST_COLLAPSED and all(isinstance(v, str) and _plain(v) == v for v in value)
    else:
        words = {"by": GROUPS, "sort": SORTS, "flag": FLAGS, "layout": LAYOUTS}.get(name)
        fits = isinstance(value, str) and _plain(value) == value and (words is None or value in words or value == "")
    if not fits or (name == "sort" and not value):
        raise ValueError(f"filters: {name} {value!r} cannot be")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row shown: its group, the figure it was sorted by (None sorts last), and its code, which is nobody else's."""

    label: str
    value: Decimal | str | None
    code: str

    def text(self) -> str:
        """Return it as it stands in an address."""
        value = str(self.value) if isinstance(self.value, Decimal) else self.value
        body = json.dumps([self.label, isinstance(self.value, Decimal), value, self.code], ensure_ascii=False)
        return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, sort: str) -> Cursor | None:
        """Return the cursor of an address for rows of that order, None for text that is none.

        >>> Cursor.read(Cursor("Core", Decimal("1.50"), "A1").text(), "equity")
        Cursor(label='Core', value=Decimal('1.50'), code='A1')
        """
        try:
            label, is_number, value, code = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            found = cls(label, Decimal(value) if is_number else value, code)
        except (ValueError, TypeError, InvalidOperation, RecursionError):
            return None
        return found if found._fits(sort) else None

    def _fits(self, sort: str) -> bool:
        """Tell whether the database can compare it: text with text, a figure with figures."""
        value = self.value
        words = [self.label, self.code, *([value] if sort in TEXT_SORTS else [])]
        if not all(isinstance(word, str) and _is_storable(word) for word in words):
            return False
        return sort in TEXT_SORTS or value is None or (isinstance(value, Decimal) and _is_figure(value))


def _is_figure(value: Decimal) -> bool:
    """Tell whether it is as large and as fine as a figure may be; the database refuses thousands of digits."""
    return value.is_finite() and abs(value.adjusted()) <= 20 and len(value.as_tuple().digits) <= 60


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)
