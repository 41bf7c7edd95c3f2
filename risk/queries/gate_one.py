"""Gate 1 as a question: what would the firm's limits say to these parents (RSK-1)?

Entry points: `ParentFacts`, `preview_gate_one` (writes nothing; the service of the same gate records what it answers).
Invariants: 1. parents are judged in order, each with those before it that passed already working. 2. working orders of the other side
never make room: they may never fill. 3. a missing fact is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

from risk.core.findings import Finding
from risk.core.gate_one import UNLIMITED, FirmBook, FirmLimits, LimitUse, ParentCheck, check_parent, limit_uses
from risk.enums import GateCode

from . import books
from .firm import FirmExposure, InstrumentExposure, exposure_by_instrument, rounded, total
from .limits import firm_limits, limits_in_force
from .loss import firm_day_loss

if TYPE_CHECKING:
    from market.queries import InstrumentFacts

Pending = Mapping[int, tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class ParentFacts:
    """A parent order as gate 1 sees it. side: +1 buy, −1 sell. quantity: units, positive. price: quote currency, None = not known.

    reduces: every account's part only takes its position down (CST-7); None lets the firm's position decide.
    """

    journey_id: UUID
    parent_id: UUID
    instrument: InstrumentFacts
    side: int
    quantity: Decimal
    price: Decimal | None
    reduces: bool | None = None


@dataclass(frozen=True, slots=True)
class GateOneView:
    """What gate 1 says of one parent. findings: empty = passes. uses: every limit as it would stand after the order."""

    parent: ParentFacts
    findings: tuple[Finding, ...]
    uses: tuple[LimitUse, ...]
    inputs: Mapping[str, Any]


def preview_gate_one(*, parents: Sequence[ParentFacts], now: datetime, pending: Pending | None = None) -> list[GateOneView]:
    """Judge parents against the firm's limits at `now`, in their order. A constant number of statements.

    pending: instrument id → (units to buy, to sell) of released parents that no order row stands for yet (slices not due, chunks not made).
    Source: RSK-1 gate 1, CON-5.
    """
    ids = list(dict.fromkeys(parent.instrument.id for parent in parents))
    exposure = exposure_by_instrument(now=now, also=ids, pending=pending)
    in_force = limits_in_force(now=now)
    limits = firm_limits(in_force)
    loss = Decimal(0) if limits.daily_loss == UNLIMITED else firm_day_loss(now=now, exposure=exposure)
    volumes = books.average_daily_volumes(instrument_ids=ids, now=now)
    shared = {"limits": sorted(fact.id for fact in in_force.values()), "rates": list(exposure.rate_ids), "currency": exposure.currency}
    views = []
    for parent in parents:
        view = _judge(parent, exposure, limits, loss, volumes.get(parent.instrument.id), shared)
        views.append(view)
        if not view.findings:
            exposure = _worked(exposure, parent)
    return views


def _judge(
    parent: ParentFacts, exposure: FirmExposure, limits: FirmLimits, loss: Decimal | None, volume: Decimal | None, shared: Mapping[str, Any]
) -> GateOneView:
    row = exposure.instruments[parent.instrument.id]
    if row.unit_value is None and parent.price is not None:
        row = replace(row, unit_value=_unit_value(parent, exposure))
        exposure = replace(exposure, instruments={**exposure.instruments, parent.instrument.id: row})
    unit = _unit_value(parent, exposure)
    check = ParentCheck(
        quantity=parent.quantity * parent.side,
        position=row.on_side(parent.side),
        notional=None if unit is None else rounded(Fraction(parent.quantity) * unit),
        average_daily_volume=volume,
        reduces=parent.reduces,
    )
    book = _book(row, parent.side, exposure, loss)
    findings = tuple(_named(finding, exposure) for finding in check_parent(check, book, limits))
    inputs = {
        **shared,
        "instrument": parent.instrument.id,
        "quantity": str(check.quantity),
        "price": None if parent.price is None else str(parent.price),
        "mark": None if row.price is None else str(row.price),
        "position": str(check.position),
        "average_daily_volume": None if volume is None else str(volume),
    }
    return GateOneView(parent, findings, tuple(limit_uses(check, book, limits)), inputs)


def _unit_value(parent: ParentFacts, exposure: FirmExposure) -> Fraction | None:
    """Return one unit at the order's own price, reporting currency."""
    rate = exposure.rates.get(parent.instrument.currency)
    if parent.price is None or parent.price <= 0 or rate is None:
        return None
    return Fraction(parent.price) * Fraction(parent.instrument.multiplier) * rate


def _book(row: InstrumentExposure, side: int, exposure: FirmExposure, loss: Decimal | None) -> FirmBook:
    """Return the firm before the order; in the order's own instrument only working orders of its side count."""
    value, working = row.value(row.on_side(side)), row.value(row.working)
    issuer = total([other.value(other.working) for other in exposure.instruments.values() if other.name == row.name])
    return FirmBook(
        gross=_moved(exposure.gross(), _size(working), _size(value)),
        net=_moved(exposure.net(), working, value),
        instrument_value=value,
        issuer_value=_moved(issuer, working, value),
        daily_loss=loss,
    )


def _moved(sum_: Decimal | None, out: Decimal | None, into: Decimal | None) -> Decimal | None:
    """Return a sum with one of its parts replaced; None if anything is not known."""
    return None if sum_ is None or out is None or into is None else sum_ - out + into


def _size(value: Decimal | None) -> Decimal | None:
    return None if value is None else abs(value)


def _named(finding: Finding, exposure: FirmExposure) -> Finding:
    """Say which instruments a missing sum is missing a price or rate of."""
    lost = exposure.unvalued
    if finding.code is not GateCode.MISSING_DATA or finding.detail not in FirmBook.__dataclass_fields__ or not lost:
        return finding
    return replace(finding, detail=f"{finding.detail} (no price or rate: {', '.join(lost[:5])}{', …' if len(lost) > 5 else ''})")


def _worked(exposure: FirmExposure, parent: ParentFacts) -> FirmExposure:
    row = exposure.instruments[parent.instrument.id]
    field = "open_buy" if parent.side > 0 else "open_sell"
    held = replace(row.held, **{field: getattr(row.held, field) + parent.quantity})
    unit = row.unit_value if row.unit_value is not None else _unit_value(parent, exposure)
    return replace(exposure, instruments={**exposure.instruments, parent.instrument.id: replace(row, held=held, unit_value=unit)})
