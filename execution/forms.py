"""A ticket as its form states it: read strictly, refused field by field, and turned into the body every signal has.

Entry points: `TicketForm.of` (what was typed), `TicketForm.body` (what it means), `problems_by_field`, `seal` and `unseal` (what was shown, signed).
Invariants: 1. the body goes through `parse_signal`, as a program's does. 2. nothing is guessed: a number that is none is refused with field and rule.
3. accounts come from those the person may trade; an account that is named and is not among them is refused like one that does not exist.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.core import signing
from django.http import QueryDict

from allocation.core.signal_body import LARGEST, SignalBody, parse_signal
from allocation.core.words import BY_METHOD, MethodWords
from allocation.enums import CustomKind, SizingMethod
from allocation.queries import Follower
from base.core.validation import InvalidInput, InvalidInputs, parse_decimal, parse_instant, parse_text

from .services.ticket import Shown

SALT = "execution.ticket"
MOST_LINES = 20_000
LONGEST_LINE = 1_000
_SIDES = ("buy", "sell")
_ORDER = ("order_type", "limit_price", "time_in_force", "route", "protect", "stop_price", "take_profit_price")
FORM_FIELDS = ("symbol", "strategy", "method", "side", "figure", *_ORDER, "accounts", "per_account", "reason")
_FIELDS = (*FORM_FIELDS, "pick", "key")
# What is held afterwards needs a side, and these have none of their own.
_UNHELD = (SizingMethod.CLOSE, SizingMethod.PERCENT_CHANGE)
# Beyond the rules of the parsers, in the words of a form.
WORDS = {
    "required": "is needed",
    "number": "is not a number",
    "decimal_point": "use a point, no thousands separators",
    "exponent": "write the number out, without an exponent",
    "finite": "is not a number",
    "scale": "has too many decimals",
    "max_digits": "is too long",
    "minimum": "is too small",
    "maximum": "is too large",
    "positive": "must be above zero",
    "not_zero": "must not be zero",
    "unsigned": "the side gives the sign",
    "choice": "choose one of the list",
    "rate: 0.03 is 3%": "is beyond what this method takes",
    "symbol": "is not a symbol",
    "tradable_follower": "is not an account you may trade in this strategy",
    "not_ticked": "is not ticked below",
    "needs_percent": "write a weight or a risk in percent, with its sign: 2%",
    "not_found": "is not known",
    "nobody": "nobody is chosen",
    "listed_twice": "is listed twice",
    "line": "account code, quantity|weight|risk, figure",
    "placeholder": "is a placeholder, not a number",
    "not_offered_here": "is not offered here",
    "max_length": "is too long",
    "printable": "holds characters that cannot be kept",
    "only_with_limit": "goes with a limit order only",
    "needs_stop_or_target": "holding needs a stop or a target",
    "one_side": "accounts that buy and accounts that sell cannot share a stop and target",
    "beyond_entry": "the target must be past the entry and on the other side of it than the stop",
    "before_entry": "the stop must be short of the entry",
    "SIZ-3": "the stop is at the price: no distance to size by",
}


# What is wrong is another field, or that there is none.
_OF_TWO = ("required", "needs_stop_or_target")


@dataclass(frozen=True, slots=True)
class TicketForm:
    """What was typed, as text. groups, classes: filters, all where none is ticked.

    order_type: "" = the house's best price. route: "" = as RTE-1 says. protect: "yes" = hold stop and target for every account that is filled.
    pick: "all" = everybody the filters leave but `accounts`, "only" = `accounts` alone (codes or ids, by commas).
    """

    symbol: str = ""
    strategy: str = ""
    method: str = SizingMethod.TARGET_WEIGHT.value
    side: str = "buy"
    figure: str = ""
    order_type: str = ""
    limit_price: str = ""
    time_in_force: str = ""
    route: str = ""
    protect: str = ""
    stop_price: str = ""
    take_profit_price: str = ""
    pick: str = "all"
    accounts: str = ""
    per_account: str = ""
    reason: str = ""
    key: str = ""
    groups: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    show_all: bool = False

    @classmethod
    def of(cls, data: QueryDict) -> TicketForm:
        """Read what was sent; a field that was not sent keeps its default, an unknown one is passed over."""
        texts: dict[str, Any] = {name: str(data[name]).strip() for name in _FIELDS if name in data}
        texts |= {"reason": " ".join(str(data["reason"]).split())} if "reason" in data else {}
        texts |= {"pick": "only"} if data.get("accounts") and "pick" not in data else {}
        return cls(
            **texts, groups=tuple(data.getlist("groups")), classes=tuple(data.getlist("classes")), show_all=data.get("show") == "all"
        )

    @property
    def words(self) -> MethodWords | None:
        """Return the method chosen, None for one that is not offered."""
        return next((words for method, words in BY_METHOD.items() if method.value == self.method), None)

    @property
    def holds(self) -> bool:
        """Tell whether stop and target are to be held."""
        return self.protect == "yes" and self.method not in _UNHELD

    @property
    def is_blank(self) -> bool:
        """Tell whether nothing has been typed that could be sized."""
        return not self.symbol or not (self.per_account if self.method == SizingMethod.CUSTOM else self.figure)

    def chosen(self, followers: Sequence[Follower]) -> list[Follower]:
        """Return the accounts the filters and ticks leave. Raises InvalidInputs for one that is named and may not be traded."""
        wanted = dict.fromkeys(name.strip() for name in self.accounts.split(",") if name.strip())
        known = {name for f in followers for name in (f.code, str(f.id))}
        strangers = [InvalidInput("accounts", name, "tradable_follower") for name in wanted if name not in known]
        if strangers:
            raise InvalidInputs(strangers[:20])
        is_only = self.pick == "only"
        return [f for f in followers if self._passes(f) and (f.code in wanted or str(f.id) in wanted) == is_only]

    def body(self, followers: Sequence[Follower], *, now: datetime) -> SignalBody:
        """Return what the ticket states. Raises InvalidInputs naming every field that is wrong."""
        problems: list[InvalidInput] = []
        plain: dict[str, Any] = {"strategy": self.strategy, "symbol": self.symbol, "method": self.method}
        for part in (self._figure, self._order, self._levels, lambda: self._accounts(followers), self._reason):
            try:
                plain |= part()
            except InvalidInput as problem:
                problems.append(problem)
            except InvalidInputs as several:
                problems += several.problems
        try:
            parsed = parse_signal(plain, now=now)
        except InvalidInputs as several:
            named = {problem.field.partition(" ")[0] for problem in problems}
            problems += [self._as_typed(one) for one in several.problems if one.field.partition("[")[0] not in named]
        if problems:
            raise InvalidInputs(problems)
        return parsed

    def _passes(self, follower: Follower) -> bool:
        in_group = not self.groups or not set(self.groups).isdisjoint(follower.groups)
        return in_group and (not self.classes or follower.account_class in self.classes)

    def _figure(self) -> dict[str, Any]:
        words = self.words
        if words is None or words.method is SizingMethod.CUSTOM:
            return {}
        number = parse_decimal(self.figure, "figure", scale=6 if words.is_rate else 8, minimum=-LARGEST, maximum=LARGEST)
        if number < 0:
            raise InvalidInput("figure", self.figure, "unsigned")
        if self.side not in _SIDES:
            raise InvalidInput("side", self.side, "choice")
        signed = -number if self.side == "sell" and words.sides is not None else number
        return {"figure": f"{signed.scaleb(-2) if words.is_rate else signed:f}"}

    def _order(self) -> dict[str, Any]:
        """What the house decides is not stated; a limit left over from another choice is not sent."""
        stated = {"route": self.route} if self.route else {}
        if not self.order_type:
            return stated
        terms = {"order_type": self.order_type, "limit_price": self.limit_price, "time_in_force": self.time_in_force}
        return stated | {name: text for name, text in terms.items() if text}

    def _levels(self) -> dict[str, Any]:
        """A stop sizes a risk, or is held with the target where that is ticked; else there is none."""
        words = self.words
        sizes = words is not None and words.method in (SizingMethod.RISK, SizingMethod.CUSTOM)
        stated: dict[str, Any] = {"stop_price": self.stop_price} if self.stop_price and (sizes or self.holds) else {}
        if self.holds:
            stated |= {"protect": True} | ({"take_profit_price": self.take_profit_price} if self.take_profit_price else {})
        return stated

    def _accounts(self, followers: Sequence[Follower]) -> dict[str, Any]:
        chosen = self.chosen(followers)
        if not chosen:
            raise InvalidInput("accounts", self.accounts, "nobody")
        if self.words is not None and self.words.method is SizingMethod.CUSTOM:
            listed = _custom_lines(self.per_account, chosen, followers)
            return {"per_account": listed, "accounts": [one["account"] for one in listed]} if listed else {}
        return {} if len(chosen) == len(followers) else {"accounts": [str(f.id) for f in chosen]}

    def _reason(self) -> dict[str, Any]:
        if self.reason:
            parse_text(self.reason, "reason", max_length=400)
        return {}

    def _as_typed(self, problem: InvalidInput) -> InvalidInput:
        """Return a problem of the body with what stood in the form's field."""
        typed = getattr(self, problem.field, None)
        return InvalidInput(problem.field, typed, problem.rule) if isinstance(typed, str) else problem


def _custom_lines(text: str, chosen: Sequence[Follower], followers: Sequence[Follower]) -> list[dict[str, str]]:
    """Read pasted lines "code, kind, figure"; weight and risk in percent, with its sign. Raises InvalidInputs by line."""
    ids = {name: str(f.id) for f in chosen for name in (f.code, str(f.id))}
    unticked = {name for f in followers for name in (f.code, str(f.id))} - ids.keys()
    found: list[dict[str, str]] = []
    named: set[str] = set()
    problems: list[InvalidInput] = []
    for number, line in enumerate(text.replace("\t", ",").replace(";", ",").splitlines()[:MOST_LINES], start=1):
        where = f"per_account line {number}"
        if len(line) > LONGEST_LINE:
            problems.append(InvalidInput(where, line, "line"))
            continue
        parts = [cell.strip() for cell in next(csv.reader([line]))]
        if not any(parts) or (number == 1 and parts[0].lower() == "account"):
            continue
        if len(parts) == 2:
            parts.insert(1, CustomKind.QUANTITY.value)
        if len(parts) != 3 or parts[1].lower() not in (CustomKind.QUANTITY, CustomKind.WEIGHT, CustomKind.RISK):
            problems.append(InvalidInput(where, ",".join(parts), "line"))
        elif parts[0] not in ids:
            problems.append(InvalidInput(where, parts[0], "not_ticked" if parts[0] in unticked else "tradable_follower"))
        elif ids[parts[0]] in named:
            problems.append(InvalidInput(where, parts[0], "listed_twice"))
        else:
            named.add(ids[parts[0]])
            try:
                found.append({"account": ids[parts[0]], "kind": parts[1].lower(), "figure": _custom_figure(parts, where)})
            except InvalidInput as problem:
                problems.append(problem)
    if problems:
        raise InvalidInputs(problems[:20])
    return found


def _custom_figure(parts: Sequence[str], where: str) -> str:
    is_quantity = parts[1].lower() == CustomKind.QUANTITY
    if not parts[2].endswith("%"):
        plain = parse_decimal(parts[2], where, scale=8, minimum=-LARGEST, maximum=LARGEST)
        # "2" could be 2% or 200% of an account: nothing is guessed. Zero is zero either way.
        if plain and not is_quantity:
            raise InvalidInput(where, parts[2], "needs_percent")
        return f"{plain:f}"
    if is_quantity:
        raise InvalidInput(where, parts[2], "number")
    return f"{parse_decimal(parts[2][:-1].strip(), where, scale=6, minimum=-LARGEST, maximum=LARGEST).scaleb(-2):f}"


def problems_by_field(problems: Sequence[InvalidInput]) -> dict[str, list[str]]:
    """Return sentences by the field of the form they stand beside."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        name = problem.field.replace("[", " ").split(" ")[0]
        where = problem.field.removeprefix(name).strip()
        text = WORDS.get(problem.rule, problem.rule)
        value = str(problem.value)[:40] if getattr(problem, "value", "") and problem.rule not in _OF_TWO else ""
        found.setdefault(name, []).append(" ".join(part for part in (where, f"“{value}”" if value else "", text) if part))
    return found


def new_key() -> str:
    """Return a fresh idempotency key for a form."""
    return uuid4().hex


def seal(shown: Shown, *, user_id: int) -> str:
    """Return what was shown as text that only this server can have written, for this person."""
    plain = {"u": user_id, "a": shown.at.isoformat(), "h": shown.hash, "b": shown.body_sha256, "p": shown.price, "o": dict(shown.orders)}
    return signing.dumps(plain, salt=SALT, compress=True)


def unseal(text: str, *, user_id: int) -> Shown:
    """Return what was shown. Raises InvalidInput for text that this server did not write for this person."""
    try:
        plain: Mapping[str, Any] = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        raise InvalidInput("seen", "", "not a preview of this server") from None
    if plain["u"] != user_id:
        raise InvalidInput("seen", "", "not your preview")
    return Shown(parse_instant(plain["a"], "seen"), plain["h"], plain["b"], plain["p"], plain["o"])
