"""Turn a charting platform's alert into a signal, or say why it must not be.

Entry point: `signal_of_alert`. Invariants: 1. an alert that a person must look at is refused, with every reason. 2. a number is read in one
way only: `quantity` is the block's total, shared in proportion to equity; `percent` is the target weight of each account.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from base.core.validation import InvalidInput, InvalidInputs

from ..enums import SizingMethod
from .alert_payloads import AlertAction, AlertSignal, MarketPosition
from .signal_body import SignalBody

_SIGN: Mapping[AlertAction, int] = {AlertAction.BUY: 1, AlertAction.SELL: -1}
_AFTER: Mapping[AlertAction, MarketPosition] = {AlertAction.BUY: MarketPosition.LONG, AlertAction.SELL: MarketPosition.SHORT}


def signal_of_alert(alert: AlertSignal) -> SignalBody:
    """Return the signal the alert states.

    >>> from allocation.core.alert_payloads import parse_alert
    >>> alert = parse_alert(b'{"ticker":"NASDAQ:AAPL","action":"buy","quantity":10,"strategy":"CORE"}')
    >>> signal = signal_of_alert(alert)
    >>> signal.symbol, signal.method.value, signal.figure
    ('AAPL', 'equity', Decimal('10'))

    Raises InvalidInputs: for the alert's review reasons, without a strategy, without a size, and for a sale sized as a share of equity that
    does not say it leaves the strategy short (whether it sells or shorts, nobody can tell).
    """
    problems = list(alert.review_reasons)
    if not alert.strategy:
        problems.append(InvalidInput("strategy", "", "required"))
    method, figure = SizingMethod.CLOSE, Decimal(1)
    if alert.action is not AlertAction.CLOSE:
        sign = _SIGN[alert.action]
        if alert.quantity is not None:
            method, figure = SizingMethod.EQUITY, sign * alert.quantity
        elif alert.equity_rate is None:
            problems.append(InvalidInput("quantity", "", "quantity_or_percent"))
        elif alert.position_after is not _AFTER[alert.action] and (sign < 0 or alert.position_after is not None):
            problems.append(InvalidInput("percent", str(alert.equity_rate * 100), "ambiguous: say market_position or quantity"))
        else:
            method, figure = SizingMethod.TARGET_WEIGHT, sign * alert.equity_rate
    if problems:
        raise InvalidInputs(problems)
    return SignalBody(strategy=alert.strategy, symbol=alert.symbol, method=method, figure=figure)


def unread_fields(alert: AlertSignal) -> tuple[str, ...]:
    """Return what the alert said and the signal does not carry: fields nobody knows, and levels, which trade nothing here."""
    levels = ("price", "stop_price", "target_price", "stop_offset", "target_offset")
    return (*alert.ignored, *(name for name in levels if getattr(alert, name) is not None))
