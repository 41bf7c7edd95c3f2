"""Gate 2 on a batch that is about to be claimed: every account's lot at a fresh price; a block stands or falls as a whole (RSK-1).

Entry points: `check_batch`, `Verdict`.

Invariants:
1. A gateway neither sizes nor allocates: an order passes as it is, or is denied.
2. One refused account inside a block denies the block; a new statement revision is allocation's to make.
3. Nothing goes out under a name that the venue uses for something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import gcd
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from governance.enums import AlertTier
from market.queries import CHECK_MAX_AGE, FIXING_MAX_AGE
from risk.core.findings import describe
from risk.core.gate_two import MAX_AGE
from risk.enums import LiquidityClass
from risk.queries.rows import Gate2Order, Gate2Rows, GateTwoAnswer
from risk.services import gate_two

from ..queries.blocks import block_targets
from .alarms import alert_order, alert_parent
from .claim import Candidate
from .line import Line
from .planning import PAPER_QUOTE_AGE
from .pricing import FreshQuotes

UNIT = 10**8
MOST_NAMED = 5
_PAPER_AGES: dict[LiquidityClass, timedelta] = dict.fromkeys(LiquidityClass, PAPER_QUOTE_AGE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What gate 2 made of a batch. denied: order → why."""

    passed: list[UUID]
    denied: dict[UUID, str]


def check_batch(*, line: Line, batch: Sequence[Candidate], quotes: FreshQuotes, now: datetime) -> Verdict:
    """Judge a batch at fresh quotes and write the decisions down; alarm each refused order."""
    rows = _rows(line, batch)
    is_paper = line.connection.is_paper
    answer = gate_two(
        rows=rows,
        quotes=quotes.by_instrument,
        now=now,
        fx_max_age=FIXING_MAX_AGE if is_paper else CHECK_MAX_AGE,
        max_age=_PAPER_AGES if is_paper else MAX_AGE,
    )
    reasons = _reasons(rows, answer) | _nameless(batch)
    verdict = Verdict([], {})
    backed = set(rows.order.tolist())
    for number, candidate in enumerate(batch):
        if answer.order_passed[number] and number in backed and candidate.venue_symbol:
            verdict.passed.append(candidate.id)
        else:
            verdict.denied[candidate.id] = reasons.get(number, "ALC-1 no account of the statement stands behind this order")
    _alarm([candidate for candidate in batch if candidate.id in verdict.denied], verdict.denied, now)
    return verdict


def _rows(line: Line, batch: Sequence[Candidate]) -> Gate2Rows:
    """Return one row for each account behind each order."""
    orders, numbers, ids, quantities = [], [], [], []
    for number, candidate in enumerate(batch):
        orders.append(
            Gate2Order(
                order_id=candidate.id,
                reservation_id=candidate.reservation_id,
                journey_id=candidate.journey_id,
                strategy_id=candidate.strategy_id,
                connection_id=line.connection_id,
                instrument_id=candidate.instrument_id,
                flattens=candidate.flattens,
            )
        )
        accounts, quantity = _behind(line, candidate)
        numbers.append(np.full(len(accounts), number, np.int64))
        ids.append(accounts)
        quantities.append(quantity)
    order = np.concatenate(numbers)
    sides = np.array([candidate.side.sign for candidate in batch], np.int8)
    prices = np.array([int(candidate.decision_price * UNIT) for candidate in batch], np.int64)
    return Gate2Rows(tuple(orders), order, np.concatenate(ids), sides[order], np.concatenate(quantities), prices[order])


def _behind(line: Line, candidate: Candidate) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return accounts and lots; a slice of a block counts pro rata, rounded up to whole units."""
    quantity = int(candidate.quantity * UNIT)
    if not candidate.is_block:
        return np.array([candidate.account_id.bytes], dtype="V16"), np.array([quantity], np.int64)
    targets = block_targets(statement_id=candidate.statement_id, side=candidate.side, connection_id=line.connection_id)
    whole = int(targets.quantity.sum(dtype=object)) if len(targets.quantity) else 0
    if whole == quantity:
        return targets.ids, targets.quantity
    unit = gcd(quantity, int(np.gcd.reduce(targets.quantity)) if whole else 0) or 1
    parts = np.array([-(-part * quantity // (whole * unit)) * unit for part in targets.quantity.tolist()], np.int64)
    return targets.ids, parts


def _reasons(rows: Gate2Rows, answer: GateTwoAnswer) -> dict[int, str]:
    """Return by order the first finding, and how many accounts were refused."""
    refused: dict[int, set[int]] = {}
    first: dict[int, str] = {}
    for row, finding in answer.findings:
        number = int(rows.order[row])
        first.setdefault(number, describe(finding))
        refused.setdefault(number, set()).add(row)
    return {number: text + (f" ({len(refused[number])} accounts)" if len(refused[number]) > 1 else "") for number, text in first.items()}


def _nameless(batch: Sequence[Candidate]) -> dict[int, str]:
    reason = "ACC-2 the venue calls another instrument {} and has no name for this one (load_venue_symbols)"
    return {number: reason.format(candidate.symbol) for number, candidate in enumerate(batch) if not candidate.venue_symbol}


def _alarm(refused: Sequence[Candidate], reasons: Mapping[UUID, str], now: datetime) -> None:
    """Alarm each refused order, or the parent where it has so many that nobody would read them (RSK-10)."""
    by_parent: dict[UUID, list[Candidate]] = {}
    for candidate in refused:
        by_parent.setdefault(candidate.parent_id, []).append(candidate)
    for parent_id, orders in by_parent.items():
        if len(orders) <= MOST_NAMED:
            for candidate in orders:
                _alert(candidate, reasons[candidate.id], now)
            continue
        message = f"{len(orders)} orders not sent, {orders[0].symbol}: {reasons[orders[0].id]}; the first is {orders[0].client_order_id}"
        alert_parent(
            parent_id, tier=AlertTier.CRITICAL, rule="RSK-1", message=message, now=now, journey_id=orders[0].journey_id, what="DENIED"
        )


def _alert(candidate: Candidate, reason: str, now: datetime) -> None:
    what = "Block returned to allocation" if candidate.is_block else "Order not sent"
    message = f"{what}, {candidate.symbol}: {reason}; order {candidate.client_order_id}"
    alert_order(
        candidate.id, tier=AlertTier.CRITICAL, rule="RSK-1", message=message, now=now, journey_id=candidate.journey_id, what="DENIED"
    )
