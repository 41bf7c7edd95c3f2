"""Read the alert messages charting platforms post (TradingView and its kin) as signals, or refuse them.

Entry point: `parse_alert`. Such platforms send whatever text the user typed, unsigned, sometimes twice; the three spellings that are in
common use are read (flat, with a "data" object, with "side" and levels), every other spelling is refused.

Invariants
1. Nothing is guessed: free text, an unfilled {{placeholder}}, NaN, a decimal comma or two fields that contradict each other are refused
   with field and rule, and never traded (RULEBOOK CON-5).
2. A message that is sound but odd (a target on the wrong side of the price) is returned with `review_reasons`: a person decides.
3. The shared secret is taken out for the door to compare; it is in no repr and no error.
4. Fields that are not read are named in `ignored`, so that a sender sees what had no effect.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from allocation.core.signal_body import LARGEST
from base.core.validation import FieldReader, InvalidInput, InvalidInputs, parse_decimal, parse_json, parse_symbol, parse_text

# One concept, the names it goes by. "data" objects write theirs with hyphens.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker"),
    "action": ("action", "side", "order_action", "strategy_order_action"),
    "quantity": ("quantity", "qty", "contracts", "order_contracts", "strategy_order_contracts"),
    "percent": ("percent", "equity_percent"),
    "strategy": ("strategy", "strategy_id", "strategy_name"),
    "price": ("price", "close", "order_price", "strategy_order_price"),
    "stop": ("sl", "stop", "stop_loss", "stop_price"),
    "target": ("tp", "target", "take_profit", "target_price"),
    "stop_offset": ("sl_offset", "stop_offset"),
    "target_offset": ("tp_offset", "target_offset"),
    "position_before": ("prev_market_position", "strategy_prev_market_position"),
    "position_after": ("market_position", "strategy_market_position"),
    "message_id": ("id", "alert_id", "message_id"),
    "heartbeat": ("heartbeat",),
    "secret": ("secret", "key", "user_uuid", "passphrase", "token"),
}
_HUNDRED = Decimal(100)


class AlertAction(StrEnum):
    """What an alert asks for."""

    BUY = "BUY"
    SELL = "SELL"
    CLOSE = "CLOSE"


class MarketPosition(StrEnum):
    """A strategy's position as the platform reports it."""

    LONG = "LONG"
    SHORT = "SHORT"
    FLAT = "FLAT"


_LEVELS = ("price", "stop", "target", "stop_offset", "target_offset")
_OPPOSITE: Mapping[AlertAction, MarketPosition] = {AlertAction.BUY: MarketPosition.SHORT, AlertAction.SELL: MarketPosition.LONG}
# A purchase that leaves the strategy short covers a part; without a quantity nobody can tell which. Closing cannot leave a position at all.
_UNTOLD = {
    (AlertAction.BUY, MarketPosition.SHORT),
    (AlertAction.SELL, MarketPosition.LONG),
    (AlertAction.CLOSE, MarketPosition.LONG),
    (AlertAction.CLOSE, MarketPosition.SHORT),
}


@dataclass(frozen=True, slots=True)
class AlertSignal:
    """A signal as the platform stated it.

    quantity: units, or None; equity_rate: share of equity (0.03 = 3%), or None; with neither the strategy's own sizing decides. exchange:
    the
    prefix of "NASDAQ:AAPL". price: the platform's, for information only, never traded on. content_id: SHA-256 of the body, for
    de-duplication
    where message_id is empty. stop_offset, target_offset: as sent, in the unit the strategy's settings give them. review_reasons: not
    empty = a person must look before anything is released.
    """

    symbol: str
    action: AlertAction
    content_id: str
    exchange: str = ""
    strategy: str = ""
    quantity: Decimal | None = None
    equity_rate: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    stop_offset: Decimal | None = None
    target_offset: Decimal | None = None
    position_before: MarketPosition | None = None
    position_after: MarketPosition | None = None
    message_id: str = ""
    secret: str = field(default="", repr=False)
    ignored: tuple[str, ...] = ()
    review_reasons: tuple[InvalidInput, ...] = ()


def parse_alert(body: bytes) -> AlertSignal:
    """Return the signal a raw alert body states.

    >>> signal = parse_alert(b'{"ticker":"NASDAQ:AAPL","action":"buy","quantity":10}')
    >>> signal.exchange, signal.symbol, signal.action.value, signal.quantity
    ('NASDAQ', 'AAPL', 'BUY', Decimal('10'))

    Raises InvalidInputs with every problem found.
    """
    try:
        payload = parse_json(body)
    except InvalidInput as problem:
        raise InvalidInputs([problem]) from None
    fields, ignored = _canonical_names(payload)
    reader = FieldReader(fields)
    exchange, symbol = reader.required("symbol", _exchange_and_symbol) or ("", "")
    action = reader.required("action", _action)
    quantity = reader.optional("quantity", parse_decimal, positive=True, max_digits=18, scale=8, maximum=LARGEST)
    percent = reader.optional("percent", parse_decimal, positive=True, max_digits=7, scale=4, maximum=_HUNDRED)
    levels = {name: reader.optional(name, parse_decimal, positive=True, max_digits=18, scale=10) for name in _LEVELS}
    texts = {name: reader.optional(name, parse_text, max_length=100) or "" for name in ("strategy", "message_id")}
    before = reader.optional("position_before", _position)
    after = reader.optional("position_after", _position)
    secret = reader.optional("secret", _secret)
    reader.optional("heartbeat", _no_heartbeat)
    if quantity is not None and percent is not None:
        reader.problems.append(InvalidInput("percent", str(percent), "quantity_or_percent"))
    if quantity is None and (action, after) in _UNTOLD:
        reader.problems.append(InvalidInput("position_after", str(after), "contradiction"))
    reader.finish()
    if action is None:
        raise InvalidInputs([InvalidInput("action", "", "required")])
    reasons = _odd_levels(action, levels["price"], levels["stop"], levels["target"])
    if quantity is None and percent is None and after is None and before is not None and _OPPOSITE.get(action) is before:
        reasons.append(InvalidInput("action", str(action), "exit_or_reversal"))
    return AlertSignal(
        symbol=symbol,
        action=AlertAction.CLOSE if after is MarketPosition.FLAT else action,
        content_id=hashlib.sha256(body).hexdigest(),
        exchange=exchange,
        strategy=texts["strategy"],
        quantity=quantity,
        equity_rate=None if percent is None else percent / _HUNDRED,
        price=levels["price"],
        stop_price=levels["stop"],
        target_price=levels["target"],
        stop_offset=levels["stop_offset"],
        target_offset=levels["target_offset"],
        position_before=before,
        position_after=after,
        message_id=texts["message_id"],
        secret=secret or "",
        ignored=ignored,
        review_reasons=tuple(reasons),
    )


def _canonical_names(payload: object) -> tuple[dict[str, object], tuple[str, ...]]:
    if not isinstance(payload, Mapping):
        raise InvalidInputs([InvalidInput("body", payload, "object")])
    flat: dict[str, object] = {}
    nested = payload.get("data", {})
    if not isinstance(nested, Mapping):
        raise InvalidInputs([InvalidInput("data", nested, "object")])
    for name, value in [*((name, value) for name, value in payload.items() if name != "data"), *nested.items()]:
        key = str(name).replace("-", "_").replace(".", "_").lower()
        if key in flat:
            raise InvalidInputs([InvalidInput(key, "given twice", "unique_key")])
        flat[key] = value
    fields: dict[str, object] = {}
    for concept, names in _NAMES.items():
        given = [name for name in names if name in flat]
        if len({str(flat[name]) for name in given}) > 1:
            raise InvalidInputs([InvalidInput(concept, " and ".join(given), "contradiction")])
        if given:
            fields[concept] = flat[given[0]]
    known = {name for names in _NAMES.values() for name in names}
    return fields, tuple(sorted(flat.keys() - known))


def _exchange_and_symbol(value: object, name: str) -> tuple[str, str]:
    text = parse_text(value, name, max_length=80)
    exchange, colon, symbol = text.rpartition(":")
    return (parse_symbol(exchange, name) if colon else ""), parse_symbol(symbol, name)


def _action(value: object, name: str) -> AlertAction:
    spelled = {"buy": AlertAction.BUY, "long": AlertAction.BUY, "sell": AlertAction.SELL, "short": AlertAction.SELL}
    spelled |= dict.fromkeys(("close", "exit", "flat"), AlertAction.CLOSE)
    text = parse_text(value, name)
    if text.lower() not in spelled:
        raise InvalidInput(name, text, "choice")
    return spelled[text.lower()]


def _position(value: object, name: str) -> MarketPosition:
    text = parse_text(value, name).upper()
    if text not in MarketPosition.__members__:
        raise InvalidInput(name, text, "choice")
    return MarketPosition(text)


def _secret(value: object, name: str) -> str:
    try:
        return parse_text(value, name, max_length=200)
    except InvalidInput as problem:
        raise InvalidInput(name, "[redacted]", problem.rule) from None


def _no_heartbeat(value: object, name: str) -> bool:
    if value is not False:
        raise InvalidInput(name, value, "not_a_signal")
    return False


def _odd_levels(action: AlertAction, price: Decimal | None, stop: Decimal | None, target: Decimal | None) -> list[InvalidInput]:
    if action is AlertAction.CLOSE or price is None:
        return []
    side = 1 if action is AlertAction.BUY else -1
    reasons = []
    if stop is not None and side * (price - stop) <= 0:
        reasons.append(InvalidInput("stop", str(stop), "stop_beyond_price"))
    if target is not None and side * (target - price) <= 0:
        reasons.append(InvalidInput("target", str(target), "target_behind_price"))
    return reasons
