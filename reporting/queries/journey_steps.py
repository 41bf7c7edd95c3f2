"""The steps of a decision's story, in plain words. Entry points: `Step`, `steps_of`.

Invariants
1. Steps stand in the order in which they happened; what has not happened yet comes last and says what it waits for.
2. A figure that would tell of lines out of sight is not in the words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from allocation.core.words import RULES
from allocation.enums import Rule
from base.core.figures import counted, money, number, percent, price
from governance.enums import AuditAction, SubjectKind
from governance.queries import AuditFacts
from reporting.core.journey_words import lapse, origin

from .journey_story import Story

_POLICIES = {
    "PRO_RATA": "pro rata, largest remainder",
    "PRO_RATA_LOT": "pro rata in lots",
    "ROTATION": "in rotation",
    "RANDOM": "by a seeded draw",
}
_LEFT_OUT = {
    "AUTH_NONE": "it has no authority",
    "AUTH_EXPIRED": "its authority",
    "AUTH_REVOKED": "its authority",
    "AUTH_SCOPE": "its authority does not cover this",
}
_ACTS = {
    AuditAction.SIGNAL_REFUSED: ("Refused", "fail"),
    AuditAction.CANCEL_REQUESTED: ("Cancel asked", "warn"),
    AuditAction.ORDER_UPDATED: ("Limit replaced", "warn"),
    AuditAction.RULE_OVERRIDDEN: ("A rule was overridden", "warn"),
    AuditAction.APPROVAL_REQUESTED: ("Approval asked", "wait"),
    AuditAction.APPROVAL_GIVEN: ("Approved by a second person", "pass"),
    AuditAction.APPROVAL_REFUSED: ("Approval refused", "fail"),
}
_ORDER_ACTS = {SubjectKind.CHILD_ORDER, SubjectKind.ACCOUNT}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened. mark: pass, warn, fail or wait. part: what may be unfolded under it, with how many rows."""

    at: datetime | None
    mark: str
    title: str
    text: str
    rules: tuple[str, ...] = ()
    who: str = "mamweb"
    note: str = ""
    part: str = ""
    rows: int = 0

    @property
    def unfold(self) -> str:
        """Return what the part is called where it unfolds.

        >>> Step(None, "pass", "Orders", "", part="orders", rows=1).unfold
        '1 order'
        """
        if self.part == "shares":
            return "Shares of each account"
        return f"{self.rows:,} refused" if self.part == "gates" else counted(self.rows, self.part.removesuffix("s"))


def steps_of(story: Story) -> list[Step]:
    """Return the steps of a story, each with the time since the one before."""
    found = [*_decision(story), *_trade(story), *_acts(story), *_custody(story)]
    known = sorted((step for step in found if step.at is not None), key=lambda step: step.at)  # type: ignore[arg-type,return-value]
    told, before = [], None
    for step in known:
        span = lapse(step.at - before) if before and step.at else ""
        told.append(step if step.note else replace(step, note=span))
        before = step.at
    return told + [step for step in found if step.at is None]


def _decision(story: Story) -> Iterator[Step]:
    signal, statement, summary = story.signal, story.statement, story.summary
    sender = story.who.get(signal.received_by_id, "")
    limit = "".join(f" {text}." for text in _terms(signal))
    yield Step(
        signal.received_at, "pass", "Signal", f"{_upper(story.what)}, strategy {signal.strategy.code}.{limit}",
        who=", ".join(filter(None, (sender, origin(signal.source)))), note="decision",
    )  # fmt: skip
    if statement is None or summary is None:
        if str(signal.state) == "received":
            yield Step(None, "wait", "Not released", "Nothing has been ordered. A released preview freezes the statement.", who="")
        return
    sides = [f"{word} {number(q)}" for word, q in (("buy", summary.bought), ("sell", summary.sold)) if q]
    yield Step(
        statement.decided_at, "pass", "Sizing",
        f"{counted(summary.ordered, 'account')} of {summary.lines}: {' and '.join(sides) or 'nothing to trade'} at the decision price {price(statement.decision_price, signal.instrument.tick)}.",
        rules=("SIZ-4",), part="lines", rows=summary.lines,
    )  # fmt: skip
    yield _constraints(story)
    yield Step(
        statement.decided_at, "pass", "Statement frozen and released",
        f"Shares {_POLICIES.get(statement.share_policy, statement.share_policy.lower().replace('_', ' '))}; "
        f"average price by {statement.price_scope.lower()}; revision {statement.revision}. sha256 {statement.hash[:6]}…{statement.hash[-4:]}",
        rules=("ALC-1",), who=story.who.get(statement.released_by_id or 0, "mamweb"), note="statement",
    )  # fmt: skip


def _route(parent: Any) -> str:
    """Return how a parent goes; one at a stated limit is marketable or rests, as the market has it."""
    return "at once" if parent.is_limit_stated and parent.route == "MARKETABLE_LIMIT" else str(parent.route).lower().replace("_", " ")


def _terms(signal: Any) -> Iterator[str]:
    """Return what the signal states about its orders, and what is to be held afterwards."""
    tick = signal.instrument.tick
    if signal.limit_price:
        yield f"Limit {price(signal.limit_price, tick)}, {signal.time_in_force or 'DAY'}"
    if signal.route:
        yield f"To go {signal.route.lower().replace('_', ' ')}"
    levels = [
        f"{word} {price(level, tick)}" for word, level in (("stop", signal.stop_price), ("target", signal.take_profit_price)) if level
    ]
    if signal.protect:
        yield f"To hold for every account that is filled: {', '.join(levels)}"


def _constraints(story: Story) -> Step:
    statement = story.statement
    assert statement is not None  # noqa: S101  (the caller looked)
    out = [f"{code} left out: {_why(finding, reason)}" for code, finding, reason in statement.excluded[:5]]
    if len(statement.excluded) > 5:
        out.append(f"{len(statement.excluded) - 5} more left out")
    bound = [f"{RULES[Rule(rule)].short.lower()} binds {counted(n, 'account')}" for rule, n in statement.bindings]
    words = "; ".join(out + bound)
    rules = ("CST-1", *(("GOV-2",) if out else ()))
    return Step(
        statement.decided_at, "warn" if words else "pass", "Constraints", f"{_upper(words) or 'No cap binds, nobody is left out'}.", rules
    )


def _trade(story: Story) -> Iterator[Step]:
    symbol, currency = story.signal.instrument.symbol, story.signal.instrument.currency
    for gate in (1, 2):
        step = _gate(story, gate)
        if step is not None:
            yield step
    for parent in story.parents:
        size = f" {number(parent.quantity)}" if parent.quantity is not None else ""
        limit = f", limit {price(parent.limit_price, story.signal.instrument.tick)}" if parent.limit_price else ""
        share = _volume(parent.quantity, parent.one_minute_volume)
        yield Step(
            parent.created_at, "pass", "Parent order",
            f"{_upper(parent.side)}{size} {symbol}, {_route(parent)}{limit}, {parent.time_in_force}; "
            f"what is not filled: {parent.remainder_policy.lower().replace('_', ' ')}.{share}",
            rules=("RTE-1",),
        )  # fmt: skip
    done = story.progress
    if done.orders and story.parents:
        states = [
            f"{n} {word}"
            for n, word in (
                (done.working, "working"),
                (done.unknown, "unknown"),
                (done.denied, "denied by us"),
                (done.rejected, "rejected by the broker"),
                (done.canceled, "ended without a fill"),
            )
            if n
        ]
        mark = "fail" if done.unknown else "warn" if done.denied or done.rejected else "wait" if done.working else "pass"
        unknown = " Sent and not heard of: the broker is asked every 5 s, nothing is sent twice." if done.unknown else ""
        yield Step(
            story.parents[0].created_at, mark, "Orders", f"{counted(done.orders, 'order')}{': ' if states else ''}{', '.join(states)}.{unknown}",
            rules=("RTE-7",), who="gateway", part="orders", rows=done.orders,
        )  # fmt: skip
    fills = story.fills
    if fills.count and fills.first_at and fills.last_at:
        span = lapse(fills.last_at - fills.first_at).lstrip("+")
        yield Step(
            fills.last_at, "pass", "Fills", f"Fees {money(fills.fee, currency)} {currency}.", rules=("RTE-7",), who="broker",
            note=f"{counted(fills.count, 'fill')}{f' in {span}' if span else ''}", part="fills", rows=fills.count,
        )  # fmt: skip
    yield from _bookings(story)


def _gate(story: Story, gate: int) -> Step | None:
    said = [one for one in story.gates if one.gate == gate]
    if not said:
        return None
    refused = [one for one in said if one.outcome != "PASSED"]
    passed = sum(one.orders for one in said if one.outcome == "PASSED")
    words = [f"{counted(passed, 'lot') if gate == 2 else counted(passed, 'order')} passed"] if passed and story.is_whole else []
    causes = Counter((one.rule, str(one.outcome).lower()) for one in refused)
    words += [f"{n} {outcome} by {rule}" for (rule, outcome), n in causes.most_common(4)]
    rules = tuple(sorted({one.rule for one in refused if one.rule})) or (("RSK-1",) if gate == 1 else ("RSK-2",))
    name = "Gate 1, the firm" if gate == 1 else "Gate 2, with fresh quotes"
    text = f"{'; '.join(words) or 'Passed'}. {refused[0].message if refused else ''}".strip()
    return Step(
        said[0].decided_at,
        "warn" if refused else "pass",
        name,
        text,
        rules,
        part="gates" if refused and gate == 2 else "",
        rows=len(refused),
    )


def _bookings(story: Story) -> Iterator[Step]:
    currency = story.signal.instrument.currency
    for booking in story.bookings:
        whole = (
            f"{number(booking.quantity)} for {money(abs(booking.notional), currency)} {currency} at the exact average, cents by largest remainder. "
            if story.is_whole
            else "At the exact average, cents by largest remainder. "
        )
        again = f" Revision {booking.revision}: a correction." if booking.revision else ""
        yield Step(
            booking.booked_at, "pass", "Shared and booked",
            f"{whole}Ledger, positions, cash and tax lots in one step; settles {booking.settle_date:%-d %b}.{again}",
            rules=("ALC-3", "ALC-4"), part="shares",
        )  # fmt: skip
    if any(parent.needs_booking for parent in story.parents):
        yield Step(
            None,
            "wait",
            "Not shared yet",
            "Shares are provisional until the parent has ended; they already count against limits.",
            ("ALC-3",),
        )


def _acts(story: Story) -> Iterator[Step]:
    for event in story.trail:
        if event.action in _ACTS and (story.is_whole or event.subject.kind not in _ORDER_ACTS):
            title, mark = _ACTS[event.action]
            who = story.who.get(event.actor_id or 0, "mamweb")
            text = f"{_moved(event, story.signal.instrument.tick)}{event.reason or 'No reason was given.'}"
            yield Step(event.recorded_at, mark, title, text, (event.rule,) if event.rule else (), who)


def _moved(event: AuditFacts, tick: Decimal) -> str:
    """Return from which limit to which one an order was changed, "" for any other event. Older events have their thousands grouped."""
    if event.action is not AuditAction.ORDER_UPDATED or not isinstance(event.before, dict) or not isinstance(event.after, dict):
        return ""
    was, now = (
        "best price"
        if facts.get("price") == "best" or not facts.get("limit_price")
        else price(Decimal(str(facts["limit_price"]).replace(",", "")), tick)
        for facts in (event.before, event.after)
    )
    return f"From {was} to {now}. "


def _custody(story: Story) -> Iterator[Step]:
    for one in story.confirmed:
        named = f"{counted(one.accounts, 'account')} at {one.custodian}, {one.as_of:%-d %b %Y}"
        if one.agrees:
            late = " Late." if one.finished_at and one.finished_at > one.due_at else ""
            yield Step(
                one.finished_at, "pass", "Custodian agrees", f"{named}: no difference in this instrument.{late}", ("REC-1",), one.custodian
            )
            continue
        parts = [f"{counted(one.breaks, 'open break')} in this instrument"] if one.breaks else []
        parts += [f"{counted(one.missing, 'account')} not reported"] if one.missing else []
        parts += [] if parts else ["the comparison is not complete"]
        yield Step(one.finished_at, "warn", "Custodian differs", f"{named}: {', '.join(parts)}.", ("REC-6",), one.custodian)
    if story.fills.days and not story.confirmed:
        yield Step(None, "wait", "Custodian's word", "Compared within 60 minutes of the close.", ("REC-1",), "")


def _why(finding: str, reason: str) -> str:
    return f"{_LEFT_OUT.get(finding, finding.lower().replace('_', ' '))}{f' {reason}' if reason else ''}"


def _volume(quantity: Decimal | None, volume: Decimal | None) -> str:
    return f" {percent(quantity / volume)} of one minute's volume." if quantity and volume else ""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:].lower() if text.isupper() else text[:1].upper() + text[1:]
