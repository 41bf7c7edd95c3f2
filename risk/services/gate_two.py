"""Gate 2: every account's lot at a fresh price, immediately before it is sent, judged and written down (RSK-1, RSK-2, CST-9, CON-5).

Entry point: `gate_two`.
Invariants: 1. it only passes or refuses: sizes are never changed here. 2. what cannot be loaded refuses; an error refuses by not returning.
3. one PASSED decision per journey of a batch with its count, one BLOCKED decision per refused lot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db import transaction

from base.core.ids import plain_decimal
from market.queries import FIXING_MAX_AGE
from risk.core.findings import Finding
from risk.core.gate_two import MAX_AGE
from risk.enums import LiquidityClass
from risk.queries import facts
from risk.queries.gate_two import preview_gate_two
from risk.queries.rows import UNIT, Gate2Order, Gate2Rows, GateTwoAnswer

from . import alerts
from .decisions import Decision, record

if TYPE_CHECKING:
    from market.queries import QuoteFacts


@transaction.atomic
def gate_two(
    *,
    rows: Gate2Rows,
    quotes: Mapping[int, QuoteFacts],
    now: datetime,
    fx_max_age: timedelta = FIXING_MAX_AGE,
    max_age: Mapping[LiquidityClass, timedelta] = MAX_AGE,
) -> GateTwoAnswer:
    """Judge every lot of a batch at fresh quotes; return verdicts, resize proposals and reasons, and write them down.

    quotes: by instrument id, from the broker that is about to get the orders; one that is missing, crossed or one-sided is no price.
    fx_max_age: how old a conversion rate may be, 60 s live, 96 h for paper (ACC-11). max_age: how old a quote may be, by liquidity (RSK-2).
    Raises NotFound for an unknown instrument. Source: RSK-1 gate 2, RSK-2, CST-9.
    """
    if not len(rows):
        return GateTwoAnswer(np.zeros(0, np.bool_), np.ones(len(rows.orders), np.bool_), np.zeros(0, np.int64), ())
    answer = preview_gate_two(rows=rows, quotes=quotes, now=now, fx_max_age=fx_max_age, max_age=max_age)
    _write(rows, answer, quotes, now)
    return answer


def _write(rows: Gate2Rows, answer: GateTwoAnswer, quotes: Mapping[int, QuoteFacts], now: datetime) -> None:
    by_row: dict[int, list[Finding]] = {}
    for row, finding in answer.findings:
        by_row.setdefault(row, []).append(finding)
    decisions = _passed(rows, answer, quotes)
    refused = []
    quoted = [_quoted(order, quotes) for order in rows.orders] if by_row else []
    symbols = {key: row.symbol for key, row in facts.instruments([o.instrument_id for o in rows.orders]).items()} if by_row else {}
    for row, findings in by_row.items():
        order = rows.orders[int(rows.order[row])]
        account_id = UUID(bytes=bytes(rows.account[row]))
        inputs = {**quoted[int(rows.order[row])], "quantity": _units(rows.delta[row]), "resize_to": _units(answer.resize_to[row])}
        decisions.append(Decision(order.journey_id, order.order_id, findings, account_id, inputs=inputs))
        refused.append(alerts.Refused(account_id, order.instrument_id, symbols[order.instrument_id], order.journey_id, findings[0]))
    record(gate=2, decisions=decisions, now=now)
    alerts.tell_refused(refused=refused, now=now)


def _passed(rows: Gate2Rows, answer: GateTwoAnswer, quotes: Mapping[int, QuoteFacts]) -> list[Decision]:
    """Return one decision for each journey of the batch: of its order where it has one, of the journey itself otherwise."""
    counts = np.bincount(rows.order[answer.passed], minlength=len(rows.orders)).tolist()
    journeys: Counter[UUID] = Counter()
    for order, count in zip(rows.orders, counts, strict=True):
        journeys[order.journey_id] += count
    decisions = []
    for journey_id, count in journeys.items():
        orders = [order for order in rows.orders if order.journey_id == journey_id]
        if count:
            inputs = {"quotes": [_quoted(order, quotes) for order in {o.instrument_id: o for o in orders}.values()]}
            subject = orders[0].order_id if len(orders) == 1 else journey_id
            decisions.append(Decision(journey_id, subject, orders=count, inputs=inputs))
    return decisions


def _units(value: Any) -> str:
    return plain_decimal(Decimal(int(value)) / UNIT)


def _quoted(order: Gate2Order, quotes: Mapping[int, QuoteFacts]) -> dict[str, Any]:
    quote = quotes.get(order.instrument_id)
    if quote is None:
        return {"instrument": order.instrument_id}
    sides = {"bid": quote.bid, "ask": quote.ask}
    shown = {name: None if value is None else str(value) for name, value in sides.items()}
    return {"instrument": order.instrument_id, **shown, "as_of": quote.as_of.isoformat(), "source": quote.source}
