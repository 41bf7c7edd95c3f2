"""Gate 2 as a question: what would it say to these lots now (RSK-1)?

Entry point: `preview_gate_two` (writes nothing; the service of the same gate records what it answers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from market.queries import FIXING_MAX_AGE
from risk.core.findings import Finding
from risk.core.gate_two import MAX_AGE, check_lots
from risk.enums import GateCode, LiquidityClass

from .lots import load_lots
from .rows import Gate2Rows, GateTwoAnswer
from .verdicts import Said

if TYPE_CHECKING:
    from market.queries import QuoteFacts

_EXPLAINED = frozenset({GateCode.AUTHORITY, GateCode.MANDATE})


def preview_gate_two(
    *,
    rows: Gate2Rows,
    quotes: Mapping[int, QuoteFacts],
    now: datetime,
    fx_max_age: timedelta = FIXING_MAX_AGE,
    max_age: Mapping[LiquidityClass, timedelta] = MAX_AGE,
) -> GateTwoAnswer:
    """Judge every lot of a batch at these quotes; verdicts, resize proposals and reasons. Source: RSK-1 gate 2, RSK-2, CST-9."""
    if not len(rows):
        return GateTwoAnswer(np.zeros(0, np.bool_), np.ones(len(rows.orders), np.bool_), np.zeros(0, np.int64), ())
    loaded = load_lots(rows=rows, quotes=quotes, now=now, fx_max_age=fx_max_age, max_age=max_age)
    result = check_lots(loaded.batch)
    findings = tuple((row, _explained(row, finding, loaded.said)) for row, finding in result.findings)
    order_passed = np.bincount(rows.order, weights=~result.passed, minlength=len(rows.orders)) == 0
    return GateTwoAnswer(result.passed, order_passed, result.resize_to, findings)


def _explained(row: int, finding: Finding, said: Said) -> Finding:
    return replace(finding, detail=said.reason(row, finding.code)) if finding.code in _EXPLAINED else finding
