"""Gate 1: the parent order against the firm's limits, before preview and release (RSK-1).

Entry point: `check_parent`.

Invariants:
1. A missing price, FX rate or limit blocks what increases risk and nothing else (CON-5 [H]); "no limit" must be said: `UNLIMITED`.
2. At the limit passes, above it blocks; a daily loss that has reached its limit blocks.
3. Orders that only reduce the firm's position pass all limits (CST-7) but the order notional, which guards against typing errors.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from risk.core.findings import Finding
from risk.enums import GateCode, Unit

UNLIMITED = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class ParentCheck:
    """The parent: quantity and position signed, units of the instrument; position is the firm's net one, working orders included.

    notional: abs value in reporting currency, None if price or FX is missing. average_daily_volume: units, None if not known.
    """

    quantity: Decimal
    position: Decimal
    notional: Decimal | None
    average_daily_volume: Decimal | None


@dataclass(frozen=True, slots=True)
class FirmBook:
    """The firm before the order, reporting currency: gross = Σ abs values, net = Σ values, instrument and issuer values signed.

    daily_loss: loss since the reset as a positive amount. None where it is not known.
    """

    gross: Decimal | None
    net: Decimal | None
    instrument_value: Decimal | None
    issuer_value: Decimal | None
    daily_loss: Decimal | None


@dataclass(frozen=True, slots=True)
class FirmLimits:
    """Limits in reporting currency, adv_rate as a rate (0.10 = 10% of average daily volume). None: not loaded, blocks."""

    order_notional: Decimal | None
    adv_rate: Decimal | None
    gross: Decimal | None
    net: Decimal | None
    single_name: Decimal | None
    daily_loss: Decimal | None


def is_reducing(quantity: Decimal, position: Decimal) -> bool:
    """Return True if the order only brings the position nearer to zero, without passing it.

    >>> is_reducing(Decimal(-40), Decimal(100)), is_reducing(Decimal(-140), Decimal(100))
    (True, False)
    """
    return quantity * position < 0 and abs(quantity) <= abs(position)


def check_parent(parent: ParentCheck, book: FirmBook, limits: FirmLimits) -> list[Finding]:
    """Return why the parent may not be released; empty if it may. Source: RSK-1 gate 1, CST-7, CON-5.

    >>> parent = ParentCheck(Decimal(100), Decimal(0), Decimal(5000), Decimal(1000))
    >>> book = FirmBook(*[Decimal(0)] * 5)
    >>> [finding.code.value for finding in check_parent(parent, book, FirmLimits(*[UNLIMITED] * 2, *[Decimal(4000)] * 4))]
    ['GROSS', 'NET', 'SINGLE_NAME']
    """
    over_size = _over("RSK-1", GateCode.ORDER_NOTIONAL, parent.notional, limits.order_notional)
    if is_reducing(parent.quantity, parent.position):
        return over_size
    findings = _missing(parent, book, limits) + over_size
    findings += _over("CST-2", GateCode.ADV, _adv_rate(parent, limits), limits.adv_rate, Unit.RATE)
    if parent.notional is not None:
        delta = parent.notional if parent.quantity > 0 else -parent.notional
        findings += _over("RSK-1", GateCode.GROSS, _gross_after(book, delta), limits.gross)
        findings += _over("RSK-1", GateCode.NET, None if book.net is None else abs(book.net + delta), limits.net)
        findings += _over(
            "RSK-1", GateCode.SINGLE_NAME, None if book.issuer_value is None else abs(book.issuer_value + delta), limits.single_name
        )
    if book.daily_loss is not None and limits.daily_loss is not None and book.daily_loss >= limits.daily_loss:
        findings.append(Finding("RSK-9", GateCode.DAILY_LOSS, book.daily_loss, limits.daily_loss, Unit.MONEY))
    return findings


def _missing(parent: ParentCheck, book: FirmBook, limits: FirmLimits) -> list[Finding]:
    """Name everything that should have been there. Volume is needed only where a limit rests on it."""
    lost = [f"limit {item.name}" for item in fields(limits) if getattr(limits, item.name) is None]
    lost += [item.name for item in fields(book) if getattr(book, item.name) is None]
    if parent.notional is None:
        lost.append("price or FX")
    if not parent.average_daily_volume and limits.adv_rate != UNLIMITED:
        lost.append("average daily volume")
    return [Finding("CON-5", GateCode.MISSING_DATA, detail=name) for name in lost]


def _over(rule: str, code: GateCode, number: Decimal | None, limit: Decimal | None, unit: Unit = Unit.MONEY) -> list[Finding]:
    return [Finding(rule, code, number, limit, unit)] if number is not None and limit is not None and number > limit else []


def _adv_rate(parent: ParentCheck, limits: FirmLimits) -> Decimal | None:
    """Return quantity / ADV; compared as a product first, so that a rounded quotient decides nothing."""
    volume = parent.average_daily_volume
    if not volume or limits.adv_rate is None or abs(parent.quantity) <= limits.adv_rate * volume:
        return None
    return abs(parent.quantity) / volume


def _gross_after(book: FirmBook, delta: Decimal) -> Decimal | None:
    if book.gross is None or book.instrument_value is None:
        return None
    return book.gross - abs(book.instrument_value) + abs(book.instrument_value + delta)
