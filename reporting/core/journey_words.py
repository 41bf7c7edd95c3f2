"""A decision in plain words: what was asked, how far it has come, what it cost.

Entry points: `intent`, `title`, `origin`, `cost`, `lapse`. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from base.core.figures import number, percent, signed_percent

_SPLITS = {
    "equal": "in equal orders",
    "equal_ending": "to equal positions",
    "equity": "by equity",
    "available": "by available equity",
    "balance": "by balance",
    "ratio": "by given ratios",
    "percent": "by given percentages",
}


def intent(method: str, figure: Decimal | None, symbol: str) -> str:
    """Return the method and figure as a person would say them.

    >>> intent("target_weight", Decimal("0.03"), "XYZ"), intent("close", Decimal("0.5"), "XYZ"), intent("equity", Decimal(10000), "ABC")
    ('3% of equity in XYZ', 'close 50% of XYZ', '10,000 ABC, by equity')
    >>> intent("custom", None, "ABC"), intent("percent_change", Decimal("-0.1"), "ABC"), intent("fixed", Decimal(-5), "ABC")
    ('ABC, a figure for each account', 'change ABC by −10%', '−5 ABC for each account')
    """
    if figure is None:
        return f"{symbol}, a figure for each account"
    if method == "target_weight":
        return f"{_rate(figure)} of equity in {symbol}"
    if method == "risk":
        return f"risk {_rate(figure)} of equity in {symbol}"
    if method == "close":
        return f"close {_rate(figure)} of {symbol}"
    if method == "percent_change":
        return f"change {symbol} by {signed_percent(figure, _places(figure))}"
    if method == "fixed":
        return f"{number(figure)} {symbol} for each account"
    return f"{number(figure)} {symbol}, {_SPLITS.get(method, method.replace('_', ' '))}"


def title(symbol: str, bought: Decimal, sold: Decimal, otherwise: str) -> str:
    """Return the decision's name by its effect.

    >>> title("ABC", Decimal(10000), Decimal(0), ""), title("ABC", Decimal(2), Decimal(3), ""), title("ABC", Decimal(0), Decimal(0), "nothing")
    ('Buy 10,000 ABC', 'Buy 2 and sell 3 ABC', 'Nothing')
    """
    parts = [f"{word} {number(quantity)}" for word, quantity in (("buy", bought), ("sell", sold)) if quantity]
    if not parts:
        return otherwise[:1].upper() + otherwise[1:]
    return " and ".join(parts).capitalize() + f" {symbol}"


def origin(source: str) -> str:
    """Return where a signal came from; a ticket's source holds its person besides, who is told by name.

    >>> origin("ticket:12"), origin("tradingview")
    ('ticket', 'tradingview')
    """
    return "ticket" if source.startswith("ticket:") else source


@dataclass(frozen=True, slots=True)
class Cost:
    """What trading cost against the decision price: in money and in basis points of the filled value at that price. Positive is worse."""

    amount: Decimal
    bps: Decimal


def cost(*, is_buy: bool, filled: Decimal, notional: Decimal, decision_price: Decimal, multiplier: Decimal) -> Cost | None:
    """Return the cost of what was filled; None before the first fill.

    >>> cost(is_buy=True, filled=Decimal(8000), notional=Decimal("400225"), decision_price=Decimal(50), multiplier=Decimal(1))
    Cost(amount=Decimal('225'), bps=Decimal('5.62'))
    """
    at_decision = filled * decision_price * multiplier
    if not at_decision:
        return None
    amount = notional - at_decision if is_buy else at_decision - notional
    return Cost(amount, (amount / abs(at_decision) * 10_000).quantize(Decimal("0.01")))


def lapse(span: timedelta) -> str:
    """Return the time since the step before, in the unit that fits.

    >>> lapse(timedelta(milliseconds=14)), lapse(timedelta(seconds=2.5)), lapse(timedelta(minutes=90)), lapse(timedelta(days=2))
    ('+14 ms', '+2.5 s', '+1 h 30 min', '+2 d')
    """
    milliseconds = span // timedelta(milliseconds=1)
    if milliseconds <= 0:
        return ""
    if milliseconds < 1000:
        return f"+{milliseconds} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"+{seconds:.3g} s"
    minutes = int(seconds) // 60
    if minutes < 60:
        return f"+{minutes} min"
    if minutes < 48 * 60:
        return f"+{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"+{minutes // 60} h"
    return f"+{minutes // 1440} d"


def _rate(figure: Decimal) -> str:
    return percent(figure, _places(figure))


def _places(figure: Decimal) -> int:
    exponent = (figure * 100).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
