"""Instruments: what may be traded, in which steps, at which prices.

Entry points: `InstrumentSpec`, `normalise_symbol`, `round_to_tick`, `round_ticks`, `floor_to_lot`, `is_on_tick`.

Invariants:
1. Every number is an exact Decimal; NaN, infinities and floats are refused (CON-1).
2. A specification that exists is valid: construction names the field, the value and the rule, or succeeds.
3. A rounded price is on the tick and never on the wrong side: passive never crosses further, aggressive never less (RTE-2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from market.core.calendars import CRYPTO, FX
from market.enums import InstrumentKind, Side, TickRounding

_PAIRS = {InstrumentKind.FX, InstrumentKind.CRYPTO_SPOT}
_DERIVED = {InstrumentKind.FUTURE, InstrumentKind.OPTION}
_CURRENCY = re.compile(r"[A-Z][A-Z0-9]{2,9}")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.]{0,31}")
_MARKET = re.compile(r"[A-Z0-9]{2,6}")
_TEXT_LIMIT = 64


class InvalidInstrument(ValueError):
    """A field of a specification breaks a rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} {value!r}: {rule}")
        self.field, self.value, self.rule = field, value, rule


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """One instrument.

    Attributes:
        currency: the currency prices are in (the quote currency of a pair).
        base_currency: what one unit of a pair is made of; None for everything else.
        market: MIC, or `FX`, `CRYPTO`: the calendar, and with it the trade date.
        settlement_market: the calendar settlement days are counted on (ACC-5); the market itself unless given.
        tick_size, lot_step, min_quantity: price step, quantity step, smallest order (DRV-4).
        min_notional: smallest order value in `currency`; 0 when there is none.
        multiplier: units per quantity of 1 (contract size: 100000 for an FX lot).
        pip_size: what a pip is worth in price (SIZ-3); required for FX.
        identity_group: substantially identical instruments share it (WASH-13); the symbol itself unless given.
    """

    symbol: str
    kind: InstrumentKind
    currency: str
    market: str
    tick_size: Decimal
    lot_step: Decimal = Decimal(1)
    min_quantity: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)
    base_currency: str | None = None
    pip_size: Decimal | None = None
    sector: str = ""
    issuer: str = ""
    underlying: str = ""
    identity_group: str = ""
    settlement_market: str = ""

    def __post_init__(self) -> None:
        _check_names(self)
        _check_numbers(self)
        _check_kind(self)
        for field, value in (
            ("min_quantity", self.lot_step if self.min_quantity is None else self.min_quantity),
            ("identity_group", self.identity_group or self.symbol),
            ("settlement_market", self.settlement_market or self.market),
        ):
            object.__setattr__(self, field, value)

    def round_price(self, price: Decimal | Fraction, side: Side, toward: TickRounding) -> Decimal:
        """Return the price on this instrument's tick; see `round_to_tick`."""
        return round_to_tick(price, self.tick_size, side, toward)

    def floor_quantity(self, quantity: Decimal | Fraction) -> Decimal:
        """Return the quantity cut toward zero to this instrument's lot step."""
        return floor_to_lot(quantity, self.lot_step)


def round_to_tick(price: Decimal | Fraction, tick: Decimal, side: Side, toward: TickRounding) -> Decimal:
    """Round a price to the tick: passive is down for a buy and up for a sell, aggressive the reverse.

    >>> round_to_tick(Decimal("50.08003"), Decimal("0.01"), Side.BUY, TickRounding.PASSIVE)
    Decimal('50.08')

    A price on the tick stays. Raises InvalidInstrument for a price that is not finite or not above 0. Source: RTE-2.
    """
    if (isinstance(price, Decimal) and not price.is_finite()) or price <= 0:
        raise InvalidInstrument("price", price, "a finite number above 0")
    down = (side is Side.BUY) == (toward is TickRounding.PASSIVE)
    steps = Fraction(price) / Fraction(tick)
    whole = steps.__floor__() if down else steps.__ceil__()
    return whole * tick


def round_ticks(prices: NDArray[np.int64], ticks: NDArray[np.int64], down: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Round scaled prices to their ticks, down where told, up elsewhere.

    Args: prices, ticks: int64[n], scale 10^-8, above 0; down: bool[n]. Returns int64[n], scale 10^-8.

    >>> round_ticks(np.array([5008003000, 4995999000]), np.array([1000000, 1000000]), np.array([True, False])).tolist()
    [5008000000, 4996000000]
    """
    floors = prices // ticks * ticks
    return np.where(down | (floors == prices), floors, floors + ticks)


def is_on_tick(price: Decimal, tick: Decimal) -> bool:
    """Return whether the price is a whole number of ticks."""
    return (Fraction(price) / Fraction(tick)).denominator == 1


def floor_to_lot(quantity: Decimal | Fraction, step: Decimal) -> Decimal:
    """Cut a quantity toward zero to a whole number of steps (SIZ-5).

    >>> floor_to_lot(Decimal("-0.379"), Decimal("0.01")), floor_to_lot(Fraction(1585624, 10000), Decimal(1))
    (Decimal('-0.37'), Decimal('158'))
    """
    steps = Fraction(quantity) / Fraction(step)
    return steps.__trunc__() * step


def normalise_symbol(raw: str, kind: InstrumentKind) -> str:
    """Return the one spelling a symbol has here: upper case; pairs without a separator; share classes with a point.

    >>> normalise_symbol(" eur/usd", InstrumentKind.FX), normalise_symbol("BRK B", InstrumentKind.EQUITY)
    ('EURUSD', 'BRK.B')

    Raises InvalidInstrument for anything else than ASCII letters, digits and one kind of separator.
    """
    separators = r"[./_\- ]"
    text = re.sub(separators, "" if kind in _PAIRS else ".", raw.strip().upper()) if raw.isascii() else raw
    rule = "six letters" if kind is InstrumentKind.FX else "1 to 32 ASCII letters and digits, single points between them"
    fits = re.fullmatch(r"[A-Z]{6}", text) if kind is InstrumentKind.FX else _SYMBOL.fullmatch(text)
    if not fits or ".." in text or text.endswith("."):
        raise InvalidInstrument("symbol", raw, rule)
    return text


def _check_names(spec: InstrumentSpec) -> None:
    if not isinstance(spec.kind, InstrumentKind):
        raise InvalidInstrument("kind", spec.kind, f"one of {', '.join(InstrumentKind)}")
    if normalise_symbol(spec.symbol, spec.kind) != spec.symbol:
        raise InvalidInstrument("symbol", spec.symbol, f"must be normalised: {normalise_symbol(spec.symbol, spec.kind)!r}")
    for field in ("currency", "base_currency"):
        value = getattr(spec, field)
        if value is not None and not _CURRENCY.fullmatch(value):
            raise InvalidInstrument(field, value, "3 to 10 capital letters or digits, a letter first")
    for field in ("market", "settlement_market"):
        value = getattr(spec, field)
        if not _MARKET.fullmatch(value) and (value or field == "market"):
            raise InvalidInstrument(field, value, "a MIC, FX or CRYPTO")
    for field in ("sector", "issuer", "underlying", "identity_group"):
        value = getattr(spec, field)
        if len(value) > _TEXT_LIMIT or not value.isprintable() or value != value.strip():
            raise InvalidInstrument(field, value, f"at most {_TEXT_LIMIT} printable characters, no blanks around them")


def _check_numbers(spec: InstrumentSpec) -> None:
    for field in ("tick_size", "lot_step", "multiplier", "min_quantity", "pip_size"):
        value = getattr(spec, field)
        if value is None and field in ("min_quantity", "pip_size"):
            continue
        if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
            raise InvalidInstrument(field, value, "a finite Decimal above 0")
    if not isinstance(spec.min_notional, Decimal) or not spec.min_notional.is_finite() or spec.min_notional < 0:
        raise InvalidInstrument("min_notional", spec.min_notional, "a finite Decimal of 0 or more")
    if spec.tick_size.as_tuple().exponent < -8:  # type: ignore[operator]  # finite, so the exponent is a number
        raise InvalidInstrument("tick_size", spec.tick_size, "at most 8 decimals")
    if spec.min_quantity is not None and not is_on_tick(spec.min_quantity, spec.lot_step):
        raise InvalidInstrument("min_quantity", spec.min_quantity, f"a whole number of lot steps of {spec.lot_step}")
    if spec.pip_size is not None and not is_on_tick(spec.pip_size, spec.tick_size):
        raise InvalidInstrument("pip_size", spec.pip_size, f"a whole number of ticks of {spec.tick_size}")


def _check_kind(spec: InstrumentSpec) -> None:
    if spec.kind in _PAIRS:
        if spec.base_currency is None:
            raise InvalidInstrument("base_currency", None, f"required for {spec.kind}")
        if spec.base_currency == spec.currency:
            raise InvalidInstrument("base_currency", spec.base_currency, "must differ from currency")
    elif spec.base_currency is not None:
        raise InvalidInstrument("base_currency", spec.base_currency, f"only for pairs, not for {spec.kind}")
    if spec.kind is InstrumentKind.FX:
        if spec.symbol != f"{spec.base_currency}{spec.currency}":
            raise InvalidInstrument("symbol", spec.symbol, f"must be base and quote currency: {spec.base_currency}{spec.currency}")
        if spec.pip_size is None:
            raise InvalidInstrument("pip_size", None, "required for FX (SIZ-3)")
    if spec.kind in _DERIVED and not spec.underlying:
        raise InvalidInstrument("underlying", "", f"required for {spec.kind}")
    special = {InstrumentKind.FX: FX, InstrumentKind.CRYPTO_SPOT: CRYPTO}.get(spec.kind)
    if special and spec.market != special:
        raise InvalidInstrument("market", spec.market, f"{special} for {spec.kind}")
