"""Gate 1: the parent order against the firm's limits, before preview and release (RSK-1).

Entry points: `check_parent` (findings), `limit_uses` (how full every limit would be, for RSK-10).

Invariants:
1. A missing price, FX rate or limit blocks what increases risk and nothing else (CON-5 [H]); "no limit" must be said: `UNLIMITED`.
2. At the limit passes, above it blocks; a daily loss that has reached its limit blocks.
3. Orders that only reduce the firm's position pass all limits (CST-7) but the order notional, which guards against typing errors.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from risk.core.findings import Finding
from risk.enums import FirmLimitKind, GateCode, Unit

UNLIMITED = Decimal("Infinity")


@dataclass(frozen=True, slots=True)
class ParentCheck:
    """The parent: quantity and position signed, units of the instrument; position is the firm's net one, working orders included.

    notional: abs value in reporting currency, None if price or FX is missing. average_daily_volume: units, None if not known.
    reduces: every account's part only takes its position down; None = not known by account, the firm's position decides.
    """

    quantity: Decimal
    position: Decimal
    notional: Decimal | None
    average_daily_volume: Decimal | None
    reduces: bool | None = None

    @property
    def is_reducing(self) -> bool:
        """Return True for an order that CST-7 lets pass: where accounts were looked at, no position of the firm's nets an opening away."""
        return is_reducing(self.quantity, self.position) if self.reduces is None else self.reduces


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


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of one limit the firm would use after the order. number None: not known; limit None: not stated, `UNLIMITED`: none."""

    kind: FirmLimitKind
    rule: str
    code: GateCode
    number: Decimal | None
    limit: Decimal | None
    unit: Unit = Unit.MONEY

    @property
    def exceeded(self) -> bool:
        """Return True above the limit; a daily loss exceeds its limit by reaching it."""
        if self.number is None or self.limit is None:
            return False
        return self.number >= self.limit if self.kind is FirmLimitKind.DAILY_LOSS else self.number > self.limit

    @property
    def finding(self) -> Finding:
        return Finding(self.rule, self.code, self.number, self.limit, self.unit)


def limit_uses(parent: ParentCheck, book: FirmBook, limits: FirmLimits) -> list[LimitUse]:
    """Return the use of every limit as it would stand after the order, in the order of `FirmLimits`. Source: RSK-1, RSK-9, CST-2.

    >>> parent = ParentCheck(Decimal(-100), Decimal(300), Decimal(5000), Decimal(1000))
    >>> book = FirmBook(*[Decimal(15_000)] * 4, Decimal(0))
    >>> [str(use.number) for use in limit_uses(parent, book, FirmLimits(*[UNLIMITED] * 6))]
    ['5000', '0.1', '10000', '10000', '10000', '0']
    """
    delta = None if parent.notional is None else parent.notional if parent.quantity > 0 else -parent.notional
    volume = parent.average_daily_volume
    kind, code = FirmLimitKind, GateCode
    return [
        LimitUse(kind.ORDER_NOTIONAL, "RSK-1", code.ORDER_NOTIONAL, parent.notional, limits.order_notional),
        LimitUse(kind.ADV_RATE, "CST-2", code.ADV, abs(parent.quantity) / volume if volume else None, limits.adv_rate, Unit.RATE),
        LimitUse(kind.GROSS, "RSK-1", code.GROSS, _gross_after(book, delta), limits.gross),
        LimitUse(kind.NET, "RSK-1", code.NET, _after(book.net, delta), limits.net),
        LimitUse(kind.SINGLE_NAME, "RSK-1", code.SINGLE_NAME, _after(book.issuer_value, delta), limits.single_name),
        LimitUse(kind.DAILY_LOSS, "RSK-9", code.DAILY_LOSS, book.daily_loss, limits.daily_loss),
    ]


def check_parent(parent: ParentCheck, book: FirmBook, limits: FirmLimits) -> list[Finding]:
    """Return why the parent may not be released; empty if it may. Source: RSK-1 gate 1, CST-7, CON-5.

    >>> parent = ParentCheck(Decimal(100), Decimal(0), Decimal(5000), Decimal(1000))
    >>> book = FirmBook(*[Decimal(0)] * 5)
    >>> [finding.code.value for finding in check_parent(parent, book, FirmLimits(*[UNLIMITED] * 2, *[Decimal(4000)] * 4))]
    ['GROSS', 'NET', 'SINGLE_NAME']
    """
    uses = limit_uses(parent, book, limits)
    if parent.is_reducing:
        return [use.finding for use in uses[:1] if use.exceeded]
    over = [use.finding for use in uses if (_adv_exceeded(parent, limits) if use.code is GateCode.ADV else use.exceeded)]
    return _missing(parent, book, limits) + over


def _missing(parent: ParentCheck, book: FirmBook, limits: FirmLimits) -> list[Finding]:
    """Name everything that should have been there. Volume is needed only where a limit rests on it."""
    lost = [f"limit {item.name}" for item in fields(limits) if getattr(limits, item.name) is None]
    lost += [item.name for item in fields(book) if getattr(book, item.name) is None]
    if parent.notional is None:
        lost.append("price or FX")
    if not parent.average_daily_volume and limits.adv_rate != UNLIMITED:
        lost.append("average daily volume")
    return [Finding("CON-5", GateCode.MISSING_DATA, detail=name) for name in lost]


def _adv_exceeded(parent: ParentCheck, limits: FirmLimits) -> bool:
    """Compare as a product, so that a rounded quotient decides nothing."""
    volume = parent.average_daily_volume
    return bool(volume) and limits.adv_rate is not None and abs(parent.quantity) > limits.adv_rate * (volume or 0)


def _after(value: Decimal | None, delta: Decimal | None) -> Decimal | None:
    return None if value is None or delta is None else abs(value + delta)


def _gross_after(book: FirmBook, delta: Decimal | None) -> Decimal | None:
    if book.gross is None or book.instrument_value is None or delta is None:
        return None
    return book.gross - abs(book.instrument_value) + abs(book.instrument_value + delta)
