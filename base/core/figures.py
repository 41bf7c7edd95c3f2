"""How figures are written for people: grouped thousands, a true minus, a sign on every change. Exports use plain text instead.

Entry points: `money`, `signed_money`, `number`, `price`, `percent`, `signed_percent`, `age`, `counted`.
Invariant: what is written is the figure rounded half-up once, at the places named; nothing is added up from written figures.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from .money import minor_exponent

MINUS = "−"
NIL = "–"
MOST_DIGITS = 8  # of a price without a tick: an average has as many as a division leaves


def money(amount: Decimal | None, currency: str) -> str:
    """Return an amount in the currency's minor unit, an en dash for none.

    >>> money(Decimal("1253418.6"), "USD"), money(Decimal("-5"), "JPY"), money(None, "USD")
    ('1,253,418.60', '−5', '–')
    """
    return NIL if amount is None else _grouped(amount, minor_exponent(currency))


def signed_money(amount: Decimal | None, currency: str) -> str:
    """Return a change of an amount: signed, zero without a sign.

    >>> signed_money(Decimal("6204.18"), "USD"), signed_money(Decimal("-0.001"), "USD")
    ('+6,204.18', '0.00')
    """
    return NIL if amount is None else _signed(amount, minor_exponent(currency))


def number(value: Decimal | int | None, places: int | None = None) -> str:
    """Return a number, to `places` decimals or as many as it has.

    >>> number(Decimal("2545.2288")), number(Decimal("1200.000")), number(7), number(Decimal("0.27"), 4)
    ('2,545.2288', '1,200', '7', '0.2700')
    """
    if value is None:
        return NIL
    exact = Decimal(value)
    return _grouped(exact, _own_places(exact) if places is None else places)


def price(value: Decimal | None, tick: Decimal | None = None) -> str:
    """Return a price with the decimals of its tick, or those it has: at least two, and of an average no more than its eighth significant digit.

    >>> price(Decimal("47.3"), Decimal("0.01")), price(Decimal("1.08497")), price(Decimal("47"))
    ('47.30', '1.08497', '47.00')
    >>> price(Decimal("95.6819138755980861244019138")), price(Decimal("44083.929999")), price(Decimal("0.0000123456789"))
    ('95.681914', '44,083.930', '0.000012345679')
    """
    if value is None:
        return NIL
    return _grouped(value, max(_own_places(tick), 0) if tick else max(min(_own_places(value), MOST_DIGITS - 1 - value.adjusted()), 2))


def percent(rate: Decimal | None, places: int = 1) -> str:
    """Return a rate (0.184) as percent.

    >>> percent(Decimal("0.184")), percent(Decimal("-0.0312"), 2)
    ('18.4%', '−3.12%')
    """
    return NIL if rate is None else _grouped(rate * 100, places) + "%"


def signed_percent(rate: Decimal | None, places: int = 2) -> str:
    """Return a change as percent, signed.

    >>> signed_percent(Decimal("0.0023"))
    '+0.23%'
    """
    return NIL if rate is None else _signed(rate * 100, places) + "%"


def age(span: timedelta | None) -> str:
    """Return how long something has stood, in its largest unit.

    >>> age(timedelta(seconds=9)), age(timedelta(minutes=12)), age(timedelta(hours=30)), age(timedelta(days=2, hours=5)), age(None)
    ('9 s', '12 min', '30 h', '2 d', '–')
    """
    if span is None:
        return NIL
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} d"


def _own_places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


_STEPS = tuple(Decimal(1).scaleb(-places) for places in range(13))


def _rounded(value: Decimal, places: int) -> Decimal:
    if not value.is_finite():
        raise ValueError(f"figure {value} is not finite")
    return value.quantize(_STEPS[places] if 0 <= places < len(_STEPS) else Decimal(1).scaleb(-places), ROUND_HALF_UP)


def counted(n: int, one: str, many: str = "") -> str:
    """Return how many of something; many: where it is not the word with an s.

    >>> counted(1, "break"), counted(2000, "break"), counted(0, "order works", "orders work")
    ('1 break', '2,000 breaks', '0 orders work')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _grouped(value: Decimal, places: int) -> str:
    text = f"{_rounded(value, places):,f}"
    return text if text[0] != "-" else _without_sign(text) if _is_nothing(text) else MINUS + text[1:]


def _signed(value: Decimal, places: int) -> str:
    text = f"{_rounded(value, places):,f}"
    if _is_nothing(text):
        return _without_sign(text)
    return MINUS + text[1:] if text[0] == "-" else "+" + text


def _is_nothing(text: str) -> bool:
    """Tell whether a figure is nothing as it is written."""
    return text[-1] == "0" and not text.strip("-0,.")


def _without_sign(text: str) -> str:
    return text[1:] if text[0] == "-" else text
