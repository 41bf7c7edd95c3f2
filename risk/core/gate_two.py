"""Gate 2: every account's lot at a fresh price, immediately before it is sent (RSK-1, RSK-2, CST-5, CST-9, GOV-2, GOV-3, GOV-10).

Entry points: `check_lots` (arrays in, verdicts, reasons and the size that would pass out), `risk.core.lots` for the batch.

Invariants:
1. Exact at the boundary: at the limit passes, above it is refused, whatever floats say (`risk.core.exact`).
2. Fails closed: missing data refuses what increases risk. What only reduces risk passes everything but the kill switch, authority (GOV-3)
   and a
   frozen instrument or closed account (CON-5 [H], CST-5 [H], CST-7).
3. Findings of a row stand in the order of CST-9; a row passes if and only if it has none.
4. `resize_to` has the sign of the lot, is a multiple of its lot step, is never larger, and would pass cap and buying power at the fresh
   price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from risk.core.exact import Bools, Ints, exact_product, exceeds
from risk.core.findings import Finding
from risk.core.lots import RATE_SCALE, LotBatch
from risk.enums import GateCode, LiquidityClass, Missing, Restriction, Unit

MAX_MOVE_BPS = 100
MAX_AGE = {
    LiquidityClass.LIQUID: timedelta(seconds=2),
    LiquidityClass.FX_CRYPTO: timedelta(seconds=1),
    LiquidityClass.ILLIQUID: timedelta(seconds=60),
}
_SHOWN = Context(prec=28)
_RESIZABLE = frozenset({GateCode.PRICE_MOVED, GateCode.BUYING_POWER, GateCode.POSITION_CAP})


@dataclass(frozen=True, slots=True)
class GateTwoResult:
    """passed: bool[n]. resize_to: int64[n], the lot that would pass (the lot itself where it passes, 0 where nothing would).

    findings: (row, finding), by row, then in the order of CST-9.
    """

    passed: Bools
    resize_to: Ints
    findings: tuple[tuple[int, Finding], ...]


def check_lots(batch: LotBatch, *, max_move_bps: int = MAX_MOVE_BPS) -> GateTwoResult:
    """Check every lot of a batch at fresh prices.

    Returns verdicts, resize proposals and reasons; guarantees invariants 1–4. A resize is a new statement revision, and an account
    refused inside a
    block returns the whole block to allocation: both are the caller's (RSK-1). Source: RSK-1, RSK-2, CST-9.
    """
    size = len(batch.delta)
    reducing = _reducing(batch)
    found: list[tuple[int, int, Finding]] = []

    def refuse(order: int, rows: Bools, finding: Finding) -> None:
        found.extend((i, order, finding) for i in _rows(rows))

    opening = ~reducing & (batch.delta != 0)
    refuse(0, batch.killed & ~batch.flattening, Finding("GOV-10", GateCode.KILL_SWITCH))
    refuse(1, ~batch.authorised & ~(reducing & batch.instructed), Finding("GOV-2", GateCode.AUTHORITY))
    refuse(2, batch.restriction == Restriction.FROZEN, Finding("CST-5", GateCode.FROZEN))
    refuse(3, (batch.restriction == Restriction.CLOSE_ONLY) & opening, Finding("CST-5", GateCode.CLOSE_ONLY))
    refuse(4, batch.block == Restriction.FROZEN, Finding("RSK-11", GateCode.ACCOUNT_CLOSED))
    refuse(5, (batch.block == Restriction.CLOSE_ONLY) & opening, Finding("RSK-11", GateCode.ACCOUNT_CLOSE_ONLY))
    lost = _lost(batch)
    for item in Missing:
        refuse(
            6 + item.value.bit_length(),
            ((lost & item.value) != 0) & opening,
            Finding("CON-5", GateCode.MISSING_DATA, detail=item.name or ""),
        )
    refuse(24, batch.forbidden & opening, Finding("CST-3", GateCode.MANDATE))
    priced = opening & (lost & (Missing.PRICE | Missing.FX) == 0)
    _refuse_prices(batch, opening & (lost & Missing.PRICE == 0), max_move_bps, found)
    _refuse_amounts(batch, priced, lost, found, size)
    found.sort(key=lambda entry: entry[:2])
    passed = np.ones(size, dtype=np.bool_)
    passed[[row for row, _, _ in found]] = False
    return GateTwoResult(passed, _resizes(batch, found), tuple((row, finding) for row, _, finding in found))


def _reducing(batch: LotBatch) -> Bools:
    opposite = np.sign(batch.delta) * np.sign(batch.position) < 0
    return opposite & (np.abs(batch.delta) <= np.abs(batch.position))


def _lost(batch: LotBatch) -> NDArray[np.uint8]:
    """Count prices and rates that are not positive as missing: a zero is nobody's quote."""
    lost = batch.missing.copy()
    lost[(batch.price <= 0) | (batch.sized_price <= 0)] |= Missing.PRICE.value
    lost[batch.fx <= 0] |= Missing.FX.value
    return lost


def _refuse_prices(batch: LotBatch, rows: Bools, max_move_bps: int, found: list[tuple[int, int, Finding]]) -> None:
    """RSK-2: too old, or moved more than 1% since the lot was sized."""
    for i in _rows(rows & (np.abs(batch.price_age_us) > batch.max_age_us)):
        age, limit = (Decimal(int(x[i])).scaleb(-6) for x in (batch.price_age_us, batch.max_age_us))
        found.append((i, 20, Finding("RSK-2", GateCode.STALE_PRICE, age, limit, Unit.SECONDS)))
    move = np.abs(batch.price - batch.sized_price)
    for i in _rows(rows & exceeds([move, 10_000], [batch.sized_price, max_move_bps], len(rows))):
        moved = _ratio(int(move[i]), int(batch.sized_price[i]))
        found.append((i, 21, Finding("RSK-2", GateCode.PRICE_MOVED, moved, _ratio(max_move_bps, 10_000), Unit.RATE)))


def _refuse_amounts(batch: LotBatch, priced: Bools, lost: NDArray[np.uint8], found: list[tuple[int, int, Finding]], size: int) -> None:
    """CST-4 buying power, then the position cap."""
    after = np.abs(batch.position + batch.delta)
    same_side = np.sign(batch.position) * np.sign(batch.delta) >= 0
    opened = np.where(same_side, np.abs(batch.delta), after)
    scales: list[Ints | int] = [batch.quantity_scale, batch.price_scale, batch.fx_scale]
    cost: list[Ints | int] = [opened, batch.price, batch.fx, batch.margin_rate, batch.money_scale]
    funds: list[Ints | int] = [batch.available, RATE_SCALE, *scales]
    for i in _rows(priced & (lost & Missing.CUSTODIAN == 0) & exceeds(cost, funds, size)):
        number = _ratio(exact_product(cost, i), exact_product([RATE_SCALE, batch.money_scale, *scales], i))
        limit = _ratio(int(batch.available[i]), int(batch.money_scale[i]))
        found.append((i, 22, Finding("CST-4", GateCode.BUYING_POWER, number, limit, Unit.MONEY)))
    value: list[Ints | int] = [after, batch.price, batch.fx, batch.money_scale, RATE_SCALE]
    allowed: list[Ints | int] = [batch.cap_rate, batch.equity, *scales]
    for i in _rows(priced & (lost & (Missing.LIMIT | Missing.EQUITY) == 0) & exceeds(value, allowed, size)):
        equity = exact_product([batch.equity, *scales], i)
        number = _ratio(exact_product(value[:-1], i), equity) if equity > 0 else Decimal("Infinity")
        found.append((i, 23, Finding("RSK-1", GateCode.POSITION_CAP, number, _ratio(int(batch.cap_rate[i]), RATE_SCALE), Unit.RATE)))


def _rows(mask: Bools) -> list[int]:
    rows: list[int] = np.flatnonzero(mask).tolist()
    return rows


def _ratio(numerator: int, denominator: int) -> Decimal:
    """Return a quotient for people to read; comparisons were made before, on products."""
    return _SHOWN.divide(Decimal(numerator), Decimal(denominator)).normalize(_SHOWN)


def _resizes(batch: LotBatch, found: list[tuple[int, int, Finding]]) -> Ints:
    """Return the largest lot that passes; 0 for rows refused for anything a smaller lot does not cure."""
    sizes = batch.delta.copy()
    refused = {row for row, _, _ in found}
    hopeless = {row for row, _, finding in found if finding.code not in _RESIZABLE}
    sizes[list(hopeless)] = 0
    curable = np.array(sorted(refused - hopeless), np.int64)
    if len(curable):
        sizes[curable] = _largest_lots(batch, curable)
    return sizes


def _largest_lots(batch: LotBatch, rows: Ints) -> Ints:
    """Solve cap and buying power for the lots, in whole numbers of any size, floored to the step: int64[len(rows)]."""

    def column(name: str) -> Any:
        return getattr(batch, name)[rows].astype(object)

    delta, position, lot = column("delta"), column("position"), column("lot")
    scales = column("quantity_scale") * column("price_scale") * column("fx_scale")
    unit_value = column("price") * column("fx") * column("money_scale")
    closes = np.where(delta * position < 0, abs(position), 0)
    most_held = np.maximum(column("cap_rate") * column("equity") * scales // (unit_value * RATE_SCALE), 0)
    most = np.where(closes > 0, most_held + closes, most_held - abs(position))
    margin = unit_value * column("margin_rate")
    affordable = np.maximum(column("available") * RATE_SCALE * scales // np.where(margin > 0, margin, 1), 0)
    most = np.where(margin > 0, np.minimum(most, affordable + closes), most)
    size = np.maximum(np.minimum(abs(delta), most), 0) // lot * lot
    result: Ints = np.where(delta > 0, size, -size).astype(np.int64)
    return result
