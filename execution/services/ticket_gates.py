"""What both gates would say to a draft, as lines of a ticket; nothing is written.

Entry points: `judge_parents` (gate 1), `judge_lots` (gate 2), `GateLine`.
Invariant: the same judgements as at the release and before sending (`risk.queries`); they run again then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from allocation.services.sizing import SizedSignal
from base.core import figures
from base.core.ids import new_id
from market import queries as market
from market.queries import CHECK_MAX_AGE, FIXING_MAX_AGE
from risk import queries as risk
from risk.core.findings import Finding
from risk.core.gate_one import UNLIMITED, LimitUse
from risk.core.gate_two import MAX_AGE, MAX_MOVE_BPS
from risk.enums import FirmLimitKind, GateCode, LiquidityClass, Unit
from risk.queries import Gate2Order, Gate2Rows, GateOneView, GateTwoAnswer

from ..models import ParentOrder
from .drafting import gate_one_facts, unwritten
from .planning import LIVE_QUOTE_AGE, PAPER_QUOTE_AGE, SidePlan

UNIT = 10**8
MOST_NAMED = 5
WARNS = Decimal("0.8")
_LIMITS = {
    FirmLimitKind.ORDER_NOTIONAL: "Order value",
    FirmLimitKind.ADV_RATE: "Share of daily volume",
    FirmLimitKind.GROSS: "Gross after",
    FirmLimitKind.NET: "Net after",
    FirmLimitKind.SINGLE_NAME: "Issuer after",
    FirmLimitKind.DAILY_LOSS: "Loss today",
}
_CODES = {
    GateCode.KILL_SWITCH: "kill switch",
    GateCode.AUTHORITY: "no authority",
    GateCode.FROZEN: "frozen",
    GateCode.CLOSE_ONLY: "close only",
    GateCode.ACCOUNT_CLOSED: "account closed",
    GateCode.ACCOUNT_CLOSE_ONLY: "account close only",
    GateCode.MISSING_DATA: "data missing",
    GateCode.STALE_PRICE: "price too old",
    GateCode.PRICE_MOVED: "price moved",
    GateCode.BUYING_POWER: "buying power",
    GateCode.POSITION_CAP: "position cap",
    GateCode.MANDATE: "mandate",
}


@dataclass(frozen=True, slots=True)
class GateLine:
    """mark: pass, warn, fail or wait. why: shown on hover."""

    mark: str
    text: str
    figure: str = ""
    rule: str = ""
    why: str = ""


def judge_parents(drafts: Sequence[ParentOrder], sized: SizedSignal, now: datetime) -> tuple[list[GateLine], list[Finding]]:
    """Return gate 1's lines and what it finds."""
    if not drafts:
        return [], []
    views = risk.preview_gate_one(parents=[gate_one_facts(draft, sized) for draft in drafts], now=now, pending=unwritten())
    lines: list[GateLine] = []
    for view in views:
        side = ("Buys: " if view.parent.side > 0 else "Sells: ") if len(views) > 1 else ""
        lines += [_limit_line(use, view, side) for use in view.uses]
        lines += [GateLine("fail", f"{side}{f.detail}", "missing", f.rule) for f in view.findings if f.code is GateCode.MISSING_DATA]
    return lines, [finding for view in views for finding in view.findings]


def _limit_line(use: LimitUse, view: GateOneView, side: str) -> GateLine:
    currency = str(view.inputs["currency"])
    text = f"{side}{_LIMITS[use.kind]}, {_limit_words(use, currency)}"
    found = any(finding.code is use.code for finding in view.findings)
    over = use.number is not None and use.limit not in (None, UNLIMITED) and bool(use.limit) and use.number >= WARNS * (use.limit or 0)
    mark = "fail" if found or use.limit is None else "warn" if over else "wait" if use.number is None else "pass"
    why = "only reduces positions, so the limit lets it pass (CST-7)" if use.exceeded and not found else ""
    return GateLine(mark, text, _figure(use.number, use.unit, currency), use.rule if mark in ("fail", "warn") else "", why)


def _limit_words(use: LimitUse, currency: str) -> str:
    if use.limit is None:
        return "limit not stated"
    if use.limit == UNLIMITED:
        return "no limit"
    return f"limit {figures.percent(use.limit, 0)}" if use.unit is Unit.RATE else f"limit {_compact(use.limit)} {currency}"


def _compact(amount: Decimal) -> str:
    """Return a round amount short, as people say it: 2m, 500m; any other in full."""
    for size, letter in ((Decimal(10**9), "bn"), (Decimal(10**6), "m")):
        if amount >= size and amount % (size / 10) == 0:
            return figures.number(amount / size) + letter
    return figures.number(amount)


def _figure(value: Decimal | None, unit: Unit, currency: str) -> str:
    if unit is Unit.RATE:
        return figures.percent(value, 2)
    return figures.money(value, currency).removesuffix(".00")


def judge_lots(plans: Sequence[SidePlan], sized: SizedSignal, now: datetime) -> list[GateLine]:
    """Return gate 2's lines at the newest quote there is."""
    if not plans:
        return []
    quotes = market.latest_quotes(instrument_ids=[sized.instrument.id], now=now)
    is_paper = all(lane.is_paper for lane in sized.accounts.connections)
    rows = _rows(plans, sized)
    ages = dict.fromkeys(LiquidityClass, PAPER_QUOTE_AGE) if is_paper else MAX_AGE
    answer = risk.preview_gate_two(
        rows=rows, quotes=quotes, now=now, fx_max_age=FIXING_MAX_AGE if is_paper else CHECK_MAX_AGE, max_age=ages
    )
    passed = int(answer.passed.sum())
    lines = _price_lines(sized, now, is_paper, answer)
    lines.append(GateLine("pass" if passed == len(rows) else "fail", "Caps, cash, authority, blocks", f"{passed} of {len(rows)}"))
    return [*lines, *_refused(rows, answer, sized), GateLine("wait", "Runs again as each order is sent", rule="RSK-1")]


def _rows(plans: Sequence[SidePlan], sized: SizedSignal) -> Gate2Rows:
    """Return one row an account; one order for each side and connection, since kill switches know connections."""
    nowhere = new_id()
    orders: list[Gate2Order] = []
    numbers = []
    for plan in plans:
        first = len(orders)
        orders += [
            Gate2Order(new_id(), nowhere, sized.signal.strategy_id, lane.id, sized.instrument.id) for lane in plan.routing.connections
        ]
        numbers.append(first + plan.routing.connection)
    side = np.repeat(np.array([1 if plan.side.is_buy else -1 for plan in plans], np.int8), [len(plan.ids) for plan in plans])
    ids = np.concatenate([plan.ids for plan in plans])
    quantity = np.concatenate([plan.quantity for plan in plans])
    price = np.full(len(ids), int(sized.price * UNIT), np.int64)
    return Gate2Rows(tuple(orders), np.concatenate(numbers), ids, side, quantity, price)


def _price_lines(sized: SizedSignal, now: datetime, is_paper: bool, answer: GateTwoAnswer) -> list[GateLine]:
    codes = {finding.code for _, finding in answer.findings}
    age, oldest = sized.quote.age(now), PAPER_QUOTE_AGE if is_paper else LIVE_QUOTE_AGE
    seconds = Decimal(age.total_seconds()).quantize(Decimal("0.1"))
    stood = f"{figures.number(seconds, 1)} s" if age < timedelta(minutes=10) else figures.age(age)
    stale = GateCode.STALE_PRICE in codes or age > oldest
    limit = figures.percent(Decimal(MAX_MOVE_BPS).scaleb(-4), 0)
    moved = next((f for _, f in answer.findings if f.code is GateCode.PRICE_MOVED), None)
    figure = figures.percent(Decimal(0) if moved is None else moved.number, 2)
    return [
        GateLine("fail" if stale else "pass", f"Quote age, limit {int(oldest.total_seconds())} s", stood, "RSK-2" if stale else ""),
        GateLine("fail" if moved else "pass", f"Price move, limit {limit}", figure, "RSK-2" if moved else ""),
    ]


def _refused(rows: Gate2Rows, answer: GateTwoAnswer, sized: SizedSignal) -> list[GateLine]:
    """Name the first accounts of each kind of refusal."""
    codes = {bytes(raw): code for raw, code in zip(sized.accounts.ids.tolist(), sized.accounts.codes, strict=True)}
    kinds = Counter((finding.rule, finding.code) for _, finding in answer.findings)
    lines = []
    for (rule, code), count in kinds.items():
        if code in (GateCode.STALE_PRICE, GateCode.PRICE_MOVED):
            continue
        named = [(row, f) for row, f in answer.findings if (f.rule, f.code) == (rule, code)][:MOST_NAMED]
        who = ", ".join(codes[bytes(rows.account[row])] for row, _ in named) + (", …" if count > MOST_NAMED else "")
        lines.append(GateLine("fail", f"{who}: {_CODES.get(code, code.value)}", rule=rule, why="; ".join(f.describe() for _, f in named)))
    return lines
